/* SPDX-License-Identifier: ISC */
/*
 * What holdfastctl says of verdicts that are held back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/ctl/ctl_fleet.h"

static void
check(void (*say)(const json_t *, struct textbuf *), const char *json,
    const char *wanted)
{
	json_t *fleet = json_loads(json, 0, NULL);
	struct textbuf out;

	assert_non_null(fleet);
	textbuf_init(&out, 4096);
	say(fleet, &out);
	assert_string_equal(textbuf_text(&out), wanted);
	textbuf_clear(&out);
	json_decref(fleet);
}

static void
test_too_many_within_the_hour(void **state)
{
	(void)state;
	check(ctl_fleet_failover,
	    "{\"hold\":\"flapping\",\"max_failovers_per_hour\":10}",
	    "flapping, no more may be declared dead within the hour; "
	    "`holdfastctl ack' goes on");
	check(ctl_fleet_ack,
	    "{\"hold\":\"flapping\",\"max_failovers_per_hour\":10,"
	    "\"missing\":\"n2\"}",
	    "acknowledged (flapping): n2 may be declared dead");
	/* An older holdfastd does not say how many may be. */
	check(ctl_fleet_ack, "{\"hold\":\"flapping\"}",
	    "acknowledged (flapping): more nodes may be declared dead");
}

/* An acknowledgement would change nothing. */
static void
test_none_ever(void **state)
{
	(void)state;
	check(ctl_fleet_failover,
	    "{\"hold\":\"flapping\",\"max_failovers_per_hour\":0,"
	    "\"expired\":1,\"missing\":\"n2\"}",
	    "flapping, max_failovers_per_hour is 0, missing: 1 (n2)");
	check(ctl_fleet_ack,
	    "{\"hold\":\"flapping\",\"max_failovers_per_hour\":0}",
	    "no node is ever declared dead: "
	    "membership.max_failovers_per_hour is 0");
}

static void
test_others(void **state)
{
	(void)state;
	check(ctl_fleet_ack, "{\"hold\":\"go\",\"max_failovers_per_hour\":0}",
	    "no node was held back: failover go");
	check(ctl_fleet_ack, "{\"hold\":\"paused\",\"paused\":\"n1: racks\"}",
	    "no node was held back but by the pause of n1: racks, which goes "
	    "on");
	check(ctl_fleet_failover, "{}",
	    "not known, no leader has been heard yet");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_too_many_within_the_hour),
		cmocka_unit_test(test_none_ever),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
