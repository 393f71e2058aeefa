/* SPDX-License-Identifier: ISC */
/*
 * Hello: what is filled in is taken, and each difference has its words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/hello.h"
#include "proto/slot.h"

static const struct hello_peer tenant = { .role = PEER_TENANT,
	.slot = 3,
	.nonce = 77,
	.pid = 1234,
	.start_time = 99 };

static void
test_filled_is_taken(void **state)
{
	struct hello_peer anybody = { .role = PEER_TENANT, .slot = 3 };
	Holdfast__Hello hello;

	(void)state;
	hello_fill(&hello, &tenant);
	assert_string_equal(hello.build, HOLDFAST_VERSION);
	assert_true(hello.start_time == 99);
	assert_null(hello_fault(&hello, &tenant));
	assert_null(hello_fault(&hello, &anybody));
}

static void
expect(void (*change)(Holdfast__Hello *), const char *words)
{
	Holdfast__Hello hello;

	hello_fill(&hello, &tenant);
	hello.n_known = 0;
	change(&hello);
	assert_string_equal(hello_fault(&hello, &tenant), words);
}

static void
other_protocol(Holdfast__Hello *hello)
{
	hello->protocol++;
}

static void
other_layout(Holdfast__Hello *hello)
{
	hello->layout++;
}

static void
other_known_layout(Holdfast__Hello *hello)
{
	hello->layout = SLOT_LAYOUT + 1;
}

static void
unknown_layout(Holdfast__Hello *hello)
{
	static uint32_t known[] = { SLOT_LAYOUT + 1, SLOT_LAYOUT + 2 };

	hello->layout = SLOT_LAYOUT + 1;
	hello->known = known;
	hello->n_known = 2;
}

/* One of another version, with whom slots can be moved; or not. */
static void
test_other_versions(void **state)
{
	const struct hello_peer any = { .role = PEER_TENANT,
		.slot = 3,
		.nonce = 77,
		.pid = 4711 };
	Holdfast__Hello hello;

	(void)state;
	hello_fill(&hello, &any);
	assert_true(hello.n_known > 0);
	assert_int_equal(hello.known[0], SLOT_LAYOUT);
	other_known_layout(&hello);
	assert_null(hello_fault(&hello, &any));
	unknown_layout(&hello);
	assert_string_equal(hello_fault(&hello, &any),
	    "another layout of the table");
	hello.layout = SLOT_LAYOUT;
	assert_null(hello_fault(&hello, &any));
}

static void
other_slot(Holdfast__Hello *hello)
{
	hello->slot++;
}

static void
other_role(Holdfast__Hello *hello)
{
	hello->role = PEER_KEEPER;
}

static void
other_nonce(Holdfast__Hello *hello)
{
	hello->nonce = 0;
}

static void
other_pid(Holdfast__Hello *hello)
{
	hello->pid++;
}

static void
test_faults(void **state)
{
	(void)state;
	expect(other_protocol, "another version of the protocol");
	expect(other_layout, "another layout of the table");
	expect(other_slot, "another slot");
	expect(other_role, "another role");
	expect(other_nonce, "another nonce");
	expect(other_pid, "another pid");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filled_is_taken),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_other_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
