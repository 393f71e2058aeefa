/* SPDX-License-Identifier: ISC */
/* Every cell of the table, and what becomes of a message in each state. */
#include "worker/relay/changeover_fsm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Two letters a cell, the act and the next state; '.' ignores. */
static const char act_letters[] = {
	[CHANGEOVER_IGNORE] = '.',
	[CHANGEOVER_MOVE] = 'm',
	[CHANGEOVER_PUBLISH] = 'P',
	[CHANGEOVER_BEGIN] = 'B',
	[CHANGEOVER_AWAIT] = 'A',
	[CHANGEOVER_ANEW] = 'N',
	[CHANGEOVER_WRITE] = 'W',
	[CHANGEOVER_PLAY] = 'L',
};

static const char state_letters[CHANGEOVER_STATES] = {
	[CHANGEOVER_NONE] = 'n',
	[CHANGEOVER_BESIDE] = 's',
	[CHANGEOVER_QUEUES] = 'q',
	[CHANGEOVER_BEHIND] = 'b',
	[CHANGEOVER_DUE] = 'd',
	[CHANGEOVER_EXPECTS] = 'e',
	[CHANGEOVER_PARTED] = 'p',
};

/* Columns: mark; linked, cut; time; serve and mark heard, unheard, none; give
 * and hearing, deaf; end, keep. */
static const char *const cells[CHANGEOVER_STATES] = {
	[CHANGEOVER_NONE] = ".n .n .n .n .n .n .n me mp .n .n",
	[CHANGEOVER_BESIDE] = "mq Ps .s Ps Bn Ab Nn .s .s .s .s",
	[CHANGEOVER_QUEUES] = ".q Pq .q Pq Bn Ab Nn .q .q .q .q",
	[CHANGEOVER_BEHIND] = "mn .b mn Nn .b .b .b md mp .b .b",
	[CHANGEOVER_DUE] = "me .d mp Np .d .d .d .d mp Np mb",
	[CHANGEOVER_EXPECTS] = "Wp .e mp .e .e .e .e .e mp mp mn",
	[CHANGEOVER_PARTED] = ".p .p .p .p .p .p .p Le .p .p Ln",
};

static void
test_all_cells(void **state)
{
	char got[3 * CHANGEOVER_EVENTS];

	(void)state;
	for (int s = 0; s < CHANGEOVER_STATES; s++) {
		for (int e = 0; e < CHANGEOVER_EVENTS; e++) {
			struct changeover_move move =
			    changeover_fsm_next((enum changeover_state)s,
				(enum changeover_event)e);

			got[3 * e] = act_letters[move.act];
			got[3 * e + 1] = state_letters[move.next];
			got[3 * e + 2] = ' ';
		}
		got[sizeof(got) - 1] = '\0';
		assert_string_equal(got, cells[s]);
	}
}

static void
test_fates(void **state)
{
	static const char letters[] = {
		[CHANGEOVER_TAKE] = 't',
		[CHANGEOVER_QUEUE] = 'q',
		[CHANGEOVER_SKIP] = 's',
		[CHANGEOVER_HOLD] = 'h',
	};
	static const char wanted[] = "tsqssth";

	(void)state;
	for (int s = 0; s < CHANGEOVER_STATES; s++)
		assert_int_equal(
		    letters[changeover_fsm_fate((enum changeover_state)s)],
		    wanted[s]);
}

static void
test_serve(void **state)
{
	(void)state;
	assert_int_equal(changeover_fsm_serve(0, 0), CHANGEOVER_SERVE_BLIND);
	assert_int_equal(changeover_fsm_serve(0, 7), CHANGEOVER_SERVE_BLIND);
	assert_int_equal(changeover_fsm_serve(7, 0), CHANGEOVER_SERVE_UNHEARD);
	assert_int_equal(changeover_fsm_serve(7, 6), CHANGEOVER_SERVE_UNHEARD);
	assert_int_equal(changeover_fsm_serve(7, 7), CHANGEOVER_SERVE_HEARD);
	assert_int_equal(changeover_fsm_serve(7, 8), CHANGEOVER_SERVE_HEARD);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_cells),
		cmocka_unit_test(test_fates),
		cmocka_unit_test(test_serve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
