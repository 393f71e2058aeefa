/* SPDX-License-Identifier: ISC */
/*
 * Lookups that are given up: evdns calls back later all the same, and must find
 * what it looks at.  Sanitizers tell whether it does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/redis_resolve.h"

#define TIMEOUT_MS 80u

struct heard {
	int answers;
	char address[64];
};

static void
on_address(const char *address, const char *problem, void *arg)
{
	struct heard *heard = arg;

	assert_true(address != NULL || problem != NULL);
	heard->answers++;
	(void)snprintf(heard->address, sizeof(heard->address), "%s",
	    address == NULL ? "" : address);
}

static void
turn(struct event_base *base, int turns)
{
	while (turns-- > 0)
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
test_literal(void **state)
{
	struct event_base *base = event_base_new();
	struct redis_resolve *resolve = redis_resolve_new(base);
	struct heard heard = { 0 };

	(void)state;
	redis_resolve_start(resolve, "::1", TIMEOUT_MS, on_address, &heard);
	assert_int_equal(heard.answers, 1);
	assert_string_equal(heard.address, "::1");
	redis_resolve_free(resolve);
	event_base_free(base);
}

static void
test_hosts_file(void **state)
{
	struct event_base *base = event_base_new();
	struct redis_resolve *resolve = redis_resolve_new(base);
	struct heard heard = { 0 };

	(void)state;
	redis_resolve_start(resolve, "localhost", TIMEOUT_MS, on_address,
	    &heard);
	while (heard.answers == 0)
		(void)event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(heard.answers, 1);
	assert_string_not_equal(heard.address, "");
	redis_resolve_free(resolve);
	turn(base, 3);
	event_base_free(base);
}

/* The loop goes on after the lookup, or the whole of it, was given up. */
static void
test_given_up(void **state)
{
	struct event_base *base = event_base_new();
	struct redis_resolve *resolve = redis_resolve_new(base);
	struct heard heard = { 0 };
	int given_up;

	(void)state;
	redis_resolve_start(resolve, "one.invalid", TIMEOUT_MS, on_address,
	    &heard);
	redis_resolve_cancel(resolve);
	given_up = heard.answers;
	redis_resolve_start(resolve, "two.invalid", TIMEOUT_MS, on_address,
	    &heard);
	redis_resolve_start(resolve, "three.invalid", TIMEOUT_MS, on_address,
	    &heard);
	redis_resolve_free(resolve);
	turn(base, 10);
	/* Without any name server each is answered at once. */
	assert_true(heard.answers == 0 || heard.answers == 3);
	assert_true(given_up == 0 || given_up == 1);
	event_base_free(base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_literal),
		cmocka_unit_test(test_hosts_file),
		cmocka_unit_test(test_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
