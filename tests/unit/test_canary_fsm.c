/* SPDX-License-Identifier: ISC */
/* Every cell of the table, and the times that make its events. */
#include "worker/relay/canary_fsm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Two letters a cell, the act and the next state (h, t, r, d); '.' ignores.
 * Columns: quiet, heard, excused, linked, expired. */
static const char *const cells[SLOT_HEARING_MAX][CANARY_EVENTS] = {
	[SLOT_HEARS] = { "St", "Nh", "Nh", ".h", ".h" },
	[SLOT_HEARING_TRIED] = { ".t", "Nh", "Nh", "St", "Rr" },
	[SLOT_HEARING_RENEWED] = { ".r", "Nh", "Nh", "Sr", "Dd" },
	[SLOT_DEAF] = { ".d", "Ch", ".d", "Sd", "Rd" },
};

static const char act_letters[] = {
	[CANARY_IGNORE] = '.',
	[CANARY_NOTE] = 'N',
	[CANARY_SEND] = 'S',
	[CANARY_RENEW] = 'R',
	[CANARY_DEAFEN] = 'D',
	[CANARY_CURE] = 'C',
};

static const char state_letters[SLOT_HEARING_MAX] = {
	[SLOT_HEARS] = 'h',
	[SLOT_HEARING_TRIED] = 't',
	[SLOT_HEARING_RENEWED] = 'r',
	[SLOT_DEAF] = 'd',
};

static void
test_all_cells(void **state)
{
	(void)state;
	for (int s = 0; s < SLOT_HEARING_MAX; s++) {
		for (int e = 0; e < CANARY_EVENTS; e++) {
			struct canary_move move =
			    canary_fsm_next((enum slot_hearing)s,
				(enum canary_event)e);

			assert_int_equal(act_letters[move.act], cells[s][e][0]);
			assert_int_equal(state_letters[move.next],
			    cells[s][e][1]);
		}
	}
}

/* What shared memory holds is not to be trusted. */
static void
test_out_of_range(void **state)
{
	struct canary_move move;

	(void)state;
	move = canary_fsm_next((enum slot_hearing)99, CANARY_QUIET);
	assert_int_equal(move.act, CANARY_IGNORE);
	move = canary_fsm_next(SLOT_HEARS, CANARY_NOTHING);
	assert_int_equal(move.act, CANARY_IGNORE);
	assert_int_equal(move.next, SLOT_HEARS);
}

static void
test_times(void **state)
{
	(void)state;
	assert_int_equal(canary_fsm_time(SLOT_HEARS, 1999, 2000, 5000),
	    CANARY_NOTHING);
	assert_int_equal(canary_fsm_time(SLOT_HEARS, 2000, 2000, 5000),
	    CANARY_QUIET);
	for (int s = SLOT_HEARING_TRIED; s < SLOT_HEARING_MAX; s++) {
		assert_int_equal(canary_fsm_time((enum slot_hearing)s, 4999,
				     2000, 5000),
		    CANARY_NOTHING);
		assert_int_equal(canary_fsm_time((enum slot_hearing)s, 5000,
				     2000, 5000),
		    CANARY_EXPIRED);
	}
}

/* Deaf only after two canaries, the second by new links; whatever is heard
 * cures, and an excuse does not. */
static void
test_a_life(void **state)
{
	static const enum canary_event events[] = { CANARY_QUIET,
		CANARY_EXPIRED, CANARY_LINKED, CANARY_EXPIRED, CANARY_EXCUSED,
		CANARY_EXPIRED, CANARY_LINKED, CANARY_HEARD };
	static const char acts[] = "SRSD.RSC";
	enum slot_hearing at = SLOT_HEARS;

	(void)state;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		struct canary_move move = canary_fsm_next(at, events[i]);

		assert_int_equal(act_letters[move.act], acts[i]);
		at = move.next;
	}
	assert_int_equal(at, SLOT_HEARS);
}

static void
test_names(void **state)
{
	(void)state;
	assert_string_equal(slot_hearing_name(SLOT_DEAF), "deaf");
	assert_string_equal(slot_hearing_name(SLOT_HEARS), "hears");
	assert_string_equal(slot_path_name(SLOT_PATH_INBOX), "inbox");
	assert_string_equal(slot_path_name(SLOT_PATH_CHANNEL), "channel");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_cells),
		cmocka_unit_test(test_out_of_range),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_a_life),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
