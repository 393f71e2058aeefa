/* SPDX-License-Identifier: ISC */
/*
 * Every value of the enums that reach logs and holdfastctl has a word of its
 * own, and every other number, as it may come from shared memory, has none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/message.h"
#include "proto/record.h"
#include "proto/slot.h"

static const char *
role_name(uint32_t role)
{
	return peer_role_name((enum peer_role)role);
}

static void
walk(const char *(*name)(uint32_t), uint32_t first, uint32_t end)
{
	for (uint32_t i = first; i < end; i++) {
		assert_string_not_equal(name(i), "unknown");
		for (uint32_t j = first; j < i; j++)
			assert_string_not_equal(name(i), name(j));
	}
	assert_string_equal(name(end), "unknown");
	assert_string_equal(name(UINT32_MAX), "unknown");
}

static void
test_all(void **state)
{
	(void)state;
	walk(slot_kind_name, SLOT_KIND_GATEWAY, SLOT_KIND_AUDIT + 1);
	walk(slot_fd_kind_name, 0, SLOT_FD_KIND_MAX);
	walk(tenant_state_name, 0, TENANT_STATE_MAX);
	walk(step_kind_name, 0, STEP_KIND_MAX);
	walk(record_state_name, 0, RECORD_STATE_MAX);
	walk(message_kind_name, MSG_NONE + 1, MSG_KIND_MAX);
}

static void
test_roles(void **state)
{
	(void)state;
	assert_string_equal(role_name(PEER_SUPERVISOR), "supervisor");
	assert_string_equal(role_name(PEER_KEEPER), "keeper");
	assert_string_equal(role_name(PEER_TENANT), "tenant");
	assert_string_equal(role_name(0), "unknown");
	assert_string_equal(role_name(PEER_KEEPER | PEER_TENANT), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_roles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
