/* SPDX-License-Identifier: ISC */
/*
 * The leader's lease: tokens, one candidate's view of it, and a crowd of
 * candidates on a network that delays and loses, of whom never two lead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/fleet/leader.h"

#define LEASE 5000

static void
test_token(void **state)
{
	static const char *const bad[] = { "", ":", "1:2:3", "x",
		"1:0000000000000002:0000000000000003 ",
		" 1:0000000000000002:0000000000000003",
		"+1:0000000000000002:0000000000000003",
		"0x1:0000000000000002:0000000000000003",
		"01:0000000000000002:0000000000000003",
		"1:0000000000000002:000000000000000G",
		"fffffffffffffffff:0000000000000002:0000000000000003" };
	struct leader_token token = { 1, 2, 3 };
	struct leader_token most = { UINT64_MAX, UINT64_MAX, UINT64_MAX };
	char text[LEADER_TOKEN_SIZE];
	size_t i;

	(void)state;
	leader_token_format(&token, text);
	assert_string_equal(text, "1:0000000000000002:0000000000000003");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(leader_token_parse(bad[i], &token) < 0);
	assert_int_equal(token.random, 3);
	leader_token_format(&most, text);
	assert_int_equal(strlen(text), 50);
	assert_int_equal(leader_token_parse(text, &token), 0);
	assert_memory_equal(&token, &most, sizeof(token));
}

static void
test_a_term(void **state)
{
	struct leader leader;

	(void)state;
	leader_init(&leader, LEASE, 1000);
	assert_false(leader_leads(&leader, 1000));
	assert_int_equal(leader_next(&leader, 1000), LEADER_CLAIM);
	assert_int_equal(leader_next(&leader, 9000), LEADER_WAIT);
	/* It counts from when it was asked for, not from the answer. */
	assert_true(leader_on_answer(&leader, true, 0, 2000));
	assert_true(leader_leads(&leader, 4999));
	assert_false(leader_leads(&leader, 5000));
	assert_int_equal(leader_next(&leader, 2500), LEADER_RENEW);
	assert_false(leader_on_answer(&leader, true, 0, 2600));
	assert_true(leader_leads(&leader, 6499));
	assert_int_equal(leader_next(&leader, 3000), LEADER_WAIT);
	assert_int_equal(leader_next(&leader, 3500), LEADER_RENEW);
	/* Lost: at once. */
	assert_false(leader_on_answer(&leader, false, 0, 3600));
	assert_false(leader_leads(&leader, 3600));
	assert_int_equal(leader_next(&leader, 3700), LEADER_WAIT);
	assert_int_equal(leader_next(&leader, 4600), LEADER_CLAIM);
	assert_int_equal(leader.terms, 1);
}

static void
test_answers_that_come_late_or_never(void **state)
{
	struct leader leader;

	(void)state;
	leader_init(&leader, LEASE, 1000);
	assert_false(leader_on_answer(&leader, true, 0, 1000));
	assert_int_equal(leader_next(&leader, 1000), LEADER_CLAIM);
	assert_false(leader_on_answer(&leader, true, 0, 5000));
	assert_false(leader_leads(&leader, 5000));
	assert_int_equal(leader_next(&leader, 5000), LEADER_CLAIM);
	assert_true(leader_on_answer(&leader, true, 0, 5001));
	assert_int_equal(leader_next(&leader, 6000), LEADER_RENEW);
	leader_on_failure(&leader, 6500);
	assert_true(leader_leads(&leader, 8999));
	assert_int_equal(leader_next(&leader, 6900), LEADER_WAIT);
	assert_int_equal(leader_next(&leader, 7000), LEADER_RENEW);
	leader_on_failure(&leader, 9000);
	assert_false(leader_leads(&leader, 9000));
	assert_int_equal(leader_next(&leader, 9500), LEADER_CLAIM);
}

static void
test_resign(void **state)
{
	struct leader leader;

	(void)state;
	leader_init(&leader, LEASE, 1000);
	(void)leader_next(&leader, 1000);
	assert_true(leader_on_answer(&leader, true, 0, 1001));
	(void)leader_next(&leader, 2001);
	leader_resign(&leader, 2002);
	assert_false(leader_leads(&leader, 2002));
	/* The answer to the last renewal changes nothing. */
	assert_false(leader_on_answer(&leader, true, 0, 2003));
	assert_false(leader_leads(&leader, 2003));
	assert_int_equal(leader_next(&leader, 2004), LEADER_WAIT);
}

/*
 * The crowd: time goes in steps of 10 ms, a message takes up to two seconds
 * each way or is lost (the link then fails), clocks run up to 1 % apart.
 */
#define CROWD 5

struct candidate {
	struct leader leader;
	uint64_t clock_us; /* per step */
	uint64_t now_us;
	uint64_t arrives; /* step at which Redis gets it, 0: none */
	uint64_t returns; /* step at which the answer is here */
	bool is_granted;
	bool is_lost;
};

struct crowd {
	struct candidate all[CROWD];
	int holder; /* whom Redis granted it, -1 */
	uint64_t expires;
	uint64_t random;
	uint64_t turns[CROWD];
};

static uint64_t
rnd(struct crowd *crowd, uint64_t below)
{
	crowd->random = crowd->random * 6364136223846793005ull +
	    1442695040888963407ull;
	return (crowd->random >> 33) % below;
}

static void
step(struct crowd *crowd, int who, uint64_t at)
{
	struct candidate *c = &crowd->all[who];
	uint64_t now = c->now_us / 1000;

	if (c->arrives == at && !c->is_lost) {
		if (crowd->holder < 0 || at >= crowd->expires ||
		    crowd->holder == who) {
			crowd->holder = who;
			crowd->expires = at + LEASE / 10;
			c->is_granted = true;
		} else {
			c->is_granted = false;
		}
	}
	if (c->returns == at) {
		c->arrives = c->returns = 0;
		if (c->is_lost)
			leader_on_failure(&c->leader, now);
		else if (leader_on_answer(&c->leader, c->is_granted,
			     (uint32_t)rnd(crowd, UINT32_MAX), now))
			crowd->turns[who]++;
	}
	if (c->returns == 0 && leader_next(&c->leader, now) != LEADER_WAIT) {
		uint64_t slow = rnd(crowd, 4) == 0 ? 200 : 5;

		c->arrives = at + 1 + rnd(crowd, slow);
		c->returns = c->arrives + 1 + rnd(crowd, slow);
		c->is_lost = rnd(crowd, 6) == 0;
		/* Lost on its way there, or on its way back. */
		if (c->is_lost && rnd(crowd, 2) == 0 &&
		    (crowd->holder < 0 || c->arrives >= crowd->expires)) {
			crowd->holder = who;
			crowd->expires = c->arrives + LEASE / 10;
		}
	}
}

static void
test_never_two(void **state)
{
	static struct crowd crowd;
	uint64_t at, led = 0, changes = 0;
	int i;

	(void)state;
	crowd.holder = -1;
	for (i = 0; i < CROWD; i++) {
		crowd.all[i].clock_us = 9900 + (uint64_t)i * 50;
		crowd.all[i].now_us = 1000000 * (uint64_t)(i + 1);
		leader_init(&crowd.all[i].leader, LEASE,
		    crowd.all[i].now_us / 1000);
	}
	for (at = 1; at < 400000; at++) {
		int leaders = 0;

		for (i = 0; i < CROWD; i++) {
			crowd.all[i].now_us += crowd.all[i].clock_us;
			step(&crowd, i, at);
			leaders += leader_leads(&crowd.all[i].leader,
			    crowd.all[i].now_us / 1000);
		}
		assert_true(leaders <= 1);
		led += (uint64_t)leaders;
	}
	for (i = 0; i < CROWD; i++)
		changes += crowd.turns[i];
	/* Somebody does lead, most of the time, and it does change hands. */
	assert_true(led > 200000);
	assert_true(changes > 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_a_term),
		cmocka_unit_test(test_answers_that_come_late_or_never),
		cmocka_unit_test(test_resign),
		cmocka_unit_test(test_never_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
