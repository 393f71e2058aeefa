/* SPDX-License-Identifier: ISC */
/* Every cell of the table, and every word of an error reply. */
#include "lib/redis_link_fsm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/redis_fault.h"

/* One letter a cell: the act; '.' ignores.  Columns: start, resolved,
 * connected, greeted, failed, retry, stop. */
static const char *const cells[REDIS_LINK_STATES] = {
	[REDIS_LINK_STOPPED] = "R......",
	[REDIS_LINK_RESOLVING] = ".C..P.X",
	[REDIS_LINK_CONNECTING] = "..G.P.X",
	[REDIS_LINK_GREETING] = "...UP.X",
	[REDIS_LINK_READY] = "....D.X",
	[REDIS_LINK_WAITING] = ".....RX",
};

static enum redis_link_act
act_of(char letter)
{
	switch (letter) {
	case 'R':
		return REDIS_LINK_DO_RESOLVE;
	case 'C':
		return REDIS_LINK_DO_CONNECT;
	case 'G':
		return REDIS_LINK_DO_GREET;
	case 'U':
		return REDIS_LINK_DO_UP;
	case 'D':
		return REDIS_LINK_DO_DOWN;
	case 'P':
		return REDIS_LINK_DO_PAUSE;
	case 'X':
		return REDIS_LINK_DO_DROP;
	default:
		return REDIS_LINK_IGNORE;
	}
}

static enum redis_link_state
after(enum redis_link_act act, enum redis_link_state before)
{
	switch (act) {
	case REDIS_LINK_DO_RESOLVE:
		return REDIS_LINK_RESOLVING;
	case REDIS_LINK_DO_CONNECT:
		return REDIS_LINK_CONNECTING;
	case REDIS_LINK_DO_GREET:
		return REDIS_LINK_GREETING;
	case REDIS_LINK_DO_UP:
		return REDIS_LINK_READY;
	case REDIS_LINK_DO_DOWN:
	case REDIS_LINK_DO_PAUSE:
		return REDIS_LINK_WAITING;
	case REDIS_LINK_DO_DROP:
		return REDIS_LINK_STOPPED;
	default:
		return before;
	}
}

static void
test_all_cells(void **state)
{
	(void)state;
	for (int s = 0; s < REDIS_LINK_STATES; s++) {
		assert_int_equal(strlen(cells[s]), REDIS_LINK_EVENTS);
		for (int e = 0; e < REDIS_LINK_EVENTS; e++) {
			enum redis_link_act want = act_of(cells[s][e]);
			struct redis_link_move move;

			move = redis_link_fsm_next((enum redis_link_state)s,
			    (enum redis_link_event)e);
			assert_int_equal(move.act, want);
			assert_int_equal(move.next,
			    after(want, (enum redis_link_state)s));
		}
		assert_string_not_equal(redis_link_state_name(
					    (enum redis_link_state)s),
		    "invalid");
	}
	assert_string_equal(redis_link_state_name(REDIS_LINK_STATES),
	    "invalid");
	assert_int_equal(redis_link_fsm_next(REDIS_LINK_STATES, 0).act,
	    REDIS_LINK_IGNORE);
}

static void
test_faults(void **state)
{
	static const struct {
		const char *text;
		enum redis_fault fault;
		enum redis_reaction reaction;
	} cases[] = {
		{ "OOM command not allowed when used memory > 'maxmemory'.",
		    REDIS_FAULT_OOM, REDIS_LATER },
		{ "READONLY You can't write against a read only replica.",
		    REDIS_FAULT_READONLY, REDIS_RECONNECT },
		{ "LOADING Redis is loading the dataset in memory",
		    REDIS_FAULT_LOADING, REDIS_RECONNECT },
		{ "BUSY Redis is busy running a script.", REDIS_FAULT_BUSY,
		    REDIS_LATER },
		{ "NOSCRIPT No matching script.", REDIS_FAULT_NOSCRIPT,
		    REDIS_SEND_TEXT },
		{ "WRONGTYPE Operation against a key", REDIS_FAULT_WRONGTYPE,
		    REDIS_GIVE_UP },
		{ "MOVED 3999 127.0.0.1:6381", REDIS_FAULT_MOVED,
		    REDIS_RECONNECT },
		{ "CLUSTERDOWN The cluster is down", REDIS_FAULT_MOVED,
		    REDIS_RECONNECT },
		{ "NOAUTH Authentication required.", REDIS_FAULT_DENIED,
		    REDIS_RECONNECT },
		{ "NOPERM this user has no permissions", REDIS_FAULT_DENIED,
		    REDIS_RECONNECT },
		{ "MISCONF Redis is configured to save", REDIS_FAULT_REFUSED,
		    REDIS_LATER },
		{ "ERR unknown command", REDIS_FAULT_OTHER, REDIS_GIVE_UP },
		{ "BUSYKEY Target key name", REDIS_FAULT_OTHER, REDIS_GIVE_UP },
		{ "OO", REDIS_FAULT_OTHER, REDIS_GIVE_UP },
		{ "", REDIS_FAULT_OTHER, REDIS_GIVE_UP },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum redis_fault fault = redis_fault_parse(cases[i].text);

		assert_int_equal(fault, cases[i].fault);
		assert_int_equal(redis_fault_reaction(fault),
		    cases[i].reaction);
	}
	for (int f = 0; f < REDIS_FAULT_MAX; f++)
		assert_string_not_equal(redis_fault_name((enum redis_fault)f),
		    "invalid");
	assert_int_equal(redis_fault_reaction(REDIS_FAULT_NONE), REDIS_PROCEED);
	assert_int_equal(redis_fault_reaction(REDIS_FAULT_LOST), REDIS_LATER);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_cells),
		cmocka_unit_test(test_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
