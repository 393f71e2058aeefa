/* SPDX-License-Identifier: ISC */
/*
 * What the answer of a peer port says of the life that was probed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/fleet/fleet.h"

#define OURS	1
#define PROBED	2
#define ANOTHER 3

static enum peer_probe_result
judge(enum peer_probe_result result, uint64_t incarnation)
{
	struct fleet fleet = { .incarnation = OURS };
	struct fleet_probe one = { .fleet = &fleet, .incarnation = PROBED };
	struct peer_line line = { .incarnation = incarnation };

	return fleet_probe_judge(&one, result,
	    result == PEER_PROBE_ANSWERED ? &line : NULL);
}

static void
test_who_answers(void **state)
{
	(void)state;
	assert_int_equal(judge(PEER_PROBE_ANSWERED, PROBED),
	    PEER_PROBE_ANSWERED);
	assert_int_equal(judge(PEER_PROBE_ANSWERED, ANOTHER),
	    PEER_PROBE_REFUSED);
	/* An address on loopback is that of whoever asks: no proof. */
	assert_int_equal(judge(PEER_PROBE_ANSWERED, OURS), PEER_PROBE_ERROR);
}

static void
test_nobody_answers(void **state)
{
	(void)state;
	assert_int_equal(judge(PEER_PROBE_REFUSED, 0), PEER_PROBE_REFUSED);
	assert_int_equal(judge(PEER_PROBE_SILENT, 0), PEER_PROBE_SILENT);
	assert_int_equal(judge(PEER_PROBE_ERROR, 0), PEER_PROBE_ERROR);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_answers),
		cmocka_unit_test(test_nobody_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
