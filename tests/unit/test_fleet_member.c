/* SPDX-License-Identifier: ISC */
/*
 * Members of a fleet: leases as Redis has them, the list that is published, and
 * what others may have written there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "supervisor/fleet/fleet_args.h"
#include "supervisor/fleet/fleet_member.h"

static struct fleet_member
lease(void)
{
	struct fleet_member member = { .id = "n1" };

	fleet_member_set(&member, "state", "healthy");
	fleet_member_set(&member, "incarnation", "00000000000000ff");
	fleet_member_set(&member, "peer", "10.0.0.4 8083");
	fleet_member_set(&member, "lease", "5000");
	fleet_member_set(&member, "beat", "100000");
	fleet_member_set(&member, "capacity", "1000");
	fleet_member_set(&member, "count", "7");
	fleet_member_set(&member, "rate", "1.5");
	fleet_member_set(&member, "budget", "500");
	return member;
}

static void
test_lease(void **state)
{
	struct fleet_member member = lease();

	(void)state;
	assert_int_equal(member.said, MEMBER_HEALTHY);
	assert_int_equal(member.incarnation, 255);
	assert_string_equal(member.address, "10.0.0.4");
	assert_int_equal(member.port, 8083);
	assert_int_equal(fleet_member_event(&member, 104999), MEMBER_EV_READY);
	assert_int_equal(fleet_member_event(&member, 105000),
	    MEMBER_EV_EXPIRED);
	fleet_member_set(&member, "state", "draining");
	assert_int_equal(fleet_member_event(&member, 104999), MEMBER_EV_DRAIN);
	/* Who left owes nobody a lease. */
	fleet_member_set(&member, "state", "left");
	assert_int_equal(fleet_member_event(&member, 999999), MEMBER_EV_LEAVE);
	fleet_member_set(&member, "state", "dead");
	assert_int_equal(fleet_member_event(&member, 104999),
	    MEMBER_EV_EXPIRED);
}

static void
read_again(struct fleet_member *member, const char *said, const char *life,
    const char *beat)
{
	struct fleet_member old = *member;

	fleet_member_set(member, "state", said);
	fleet_member_set(member, "incarnation", life);
	fleet_member_set(member, "beat", beat);
	fleet_member_follow(member, &old, 106000);
}

static struct fleet_member
dead(void)
{
	struct fleet_member member = lease();

	fleet_member_set(&member, "state", "dead");
	fleet_member_follow(&member, NULL, 106000);
	assert_int_equal(member.state, MEMBER_DEAD);
	member.misses = 2;
	member.has_answered = true;
	return member;
}

/* The leader looks twice a second: it may miss that a node joins. */
static void
test_back_between_two_readings(void **state)
{
	static const char *const lives[] = { "00000000000000ff",
		"0000000000000100" };
	static const struct {
		const char *said, *beat;
		enum member_state next;
	} cases[] = {
		{ "joining", "106000", MEMBER_JOINING },
		{ "healthy", "106000", MEMBER_HEALTHY },
		{ "draining", "106000", MEMBER_DRAINING },
		{ "left", "106000", MEMBER_LEFT },
		{ "healthy", "100000", MEMBER_SUSPECT },
		{ "dead", "106000", MEMBER_DEAD },
	};
	size_t i, life;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (life = 0; life < 2; life++) {
			struct fleet_member member = dead();

			read_again(&member, cases[i].said, lives[life],
			    cases[i].beat);
			assert_int_equal(member.state, cases[i].next);
			assert_int_equal(member.misses, 0);
			assert_false(member.has_answered);
		}
	}
}

static void
test_same_life_goes_on(void **state)
{
	struct fleet_member member = lease();
	struct fleet_member old;

	(void)state;
	fleet_member_follow(&member, NULL, 106000);
	assert_int_equal(member.state, MEMBER_SUSPECT);
	member.misses = 1;
	read_again(&member, "healthy", "00000000000000ff", "100000");
	assert_int_equal(member.state, MEMBER_SUSPECT);
	assert_int_equal(member.misses, 1);
	/* Declared dead by another leader. */
	read_again(&member, "dead", "00000000000000ff", "100000");
	assert_int_equal(member.state, MEMBER_DEAD);
	/* A lease that was deleted says nothing. */
	old = member;
	member.said = MEMBER_SUSPECT;
	fleet_member_follow(&member, &old, 106000);
	assert_int_equal(member.state, MEMBER_DEAD);
	/* Another life that is late from the start. */
	member = lease();
	fleet_member_follow(&member, NULL, 100000);
	assert_int_equal(member.state, MEMBER_HEALTHY);
	member.misses = 1;
	read_again(&member, "healthy", "0000000000000100", "100000");
	assert_int_equal(member.state, MEMBER_SUSPECT);
	assert_int_equal(member.misses, 0);
}

/* Renewed at 100000.  Whatever the lease, there is time to look twice, and a
 * renewal has been missing. */
static void
test_who_is_late(void **state)
{
	static const struct {
		const char *lease;
		uint64_t late_ms;
	} cases[] = { { "5000", 3125 }, { "3000", 2125 }, { "2000", 1625 },
		{ "10000", 8000 }, { "300000", 298000 }, { "1000", 1000 } };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fleet_member member = lease();
		uint64_t at = 100000 + cases[i].late_ms;

		fleet_member_set(&member, "lease", cases[i].lease);
		member.state = MEMBER_HEALTHY;
		assert_false(fleet_member_is_late(&member, at - 1));
		assert_true(fleet_member_is_late(&member, at));
		member.state = MEMBER_SUSPECT;
		assert_true(fleet_member_is_late(&member, at));
		member.state = MEMBER_LEFT;
		assert_false(fleet_member_is_late(&member, at));
	}
}

/* What was seen before its lease was over counts while it does not renew it. */
static void
test_renewed_in_between(void **state)
{
	struct fleet_member member = lease();

	(void)state;
	fleet_member_follow(&member, NULL, 104000);
	member.misses = 2;
	read_again(&member, "healthy", "00000000000000ff", "100000");
	assert_int_equal(member.state, MEMBER_SUSPECT);
	assert_int_equal(member.misses, 2);
	member.state = MEMBER_HEALTHY;
	member.has_answered = true;
	read_again(&member, "healthy", "00000000000000ff", "100900");
	assert_int_equal(member.state, MEMBER_SUSPECT);
	assert_int_equal(member.misses, 0);
	assert_false(member.has_answered);
}

/* The lease is over at 105000. */
static void
test_who_is_missing(void **state)
{
	struct fleet_member member = lease();

	(void)state;
	member.state = MEMBER_HEALTHY;
	assert_false(fleet_member_is_missing(&member, 0, 105000));
	member.state = MEMBER_SUSPECT;
	assert_true(fleet_member_is_missing(&member, 0, 105000));
	assert_true(fleet_member_is_missing(&member, 104999, 999000));
	assert_false(fleet_member_is_missing(&member, 105000, 105000));
	member.address[0] = '\0';
	assert_true(fleet_member_is_missing(&member, 0, 154999));
	assert_false(fleet_member_is_missing(&member, 0, 155000));
	member = lease();
	member.state = MEMBER_SUSPECT;
	member.is_lost = true;
	assert_false(fleet_member_is_missing(&member, 0, 105000));
}

static void
test_who_is_forgotten(void **state)
{
	struct fleet_member member = lease();

	(void)state;
	member.state = MEMBER_SUSPECT;
	assert_false(fleet_member_is_over(&member, 99999999));
	member.is_lost = true;
	assert_false(fleet_member_is_over(&member, 104999));
	assert_true(fleet_member_is_over(&member, 105000));
	member = lease();
	member.state = MEMBER_DEAD;
	fleet_member_set(&member, "dead_at", "106000");
	assert_false(fleet_member_is_over(&member, 99999999));
	fleet_member_set(&member, "purged", "1");
	assert_false(fleet_member_is_over(&member, 106000 + 3600000));
	assert_true(fleet_member_is_over(&member, 106001 + 3600000));
	/* By an operator. */
	fleet_member_set(&member, "dead_at", "0");
	assert_true(fleet_member_is_over(&member, 3600001));
	/* Who has left waits for nothing but that. */
	fleet_member_set(&member, "purged", "0");
	member.state = MEMBER_LEFT;
	assert_false(fleet_member_is_over(&member, 99999999));
	fleet_member_set(&member, "purged", "1");
	assert_true(fleet_member_is_over(&member, 100000));
}

/* The lease is over at 105000: until then a relay may still be at it. */
static void
test_whose_routes_are_stale(void **state)
{
	struct fleet_member member = lease();

	(void)state;
	assert_false(fleet_member_has_stale(&member, 99999999));
	member.state = MEMBER_SUSPECT;
	assert_false(fleet_member_has_stale(&member, 99999999));
	member.state = MEMBER_LEFT;
	assert_false(fleet_member_has_stale(&member, 104999));
	assert_true(fleet_member_has_stale(&member, 105000));
	member.state = MEMBER_DEAD;
	assert_true(fleet_member_has_stale(&member, 100000));
	fleet_member_set(&member, "purged", "1");
	assert_false(fleet_member_has_stale(&member, 105000));
}

static void
test_nonsense_changes_nothing(void **state)
{
	static const char *const bad[][2] = { { "state", "alive" },
		{ "incarnation", "ff" }, { "incarnation", "zz000000000000ff" },
		{ "peer", "10.0.0.4" }, { "peer", "host 8083" },
		{ "peer", "10.0.0.4 0" }, { "peer", "10.0.0.4 99999" },
		{ "peer", "0.0.0.0 8083" }, { "peer", ":: 8083" },
		{ "peer", " 8083" }, { "lease", "999999999" },
		{ "lease", "-1" }, { "beat", "x" }, { "capacity", "1e9" },
		{ "count", "99999999999999" }, { "rate", "nan" },
		{ "rate", "inf" }, { "rate", "-1" }, { "rate", "" },
		{ "budget", "1x" }, { "region", "caf\xe9" },
		{ "unknown", "1" } };
	struct fleet_member member = lease(), before = lease();
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fleet_member_set(&member, bad[i][0], bad[i][1]);
		assert_memory_equal(&member, &before, sizeof(member));
	}
}

static void
test_published_and_read(void **state)
{
	struct fleet_members members = { 0 }, back = { 0 };
	struct fleet_member *member;
	json_t *list;
	char *text;
	int i;

	(void)state;
	for (i = 0; i < 40; i++) {
		member = fleet_members_add(&members);
		assert_non_null(member);
		*member = lease();
		snprintf(member->id, sizeof(member->id), "n%d", 39 - i);
		member->state = MEMBER_SUSPECT;
		member->limit = 99;
	}
	list = fleet_members_json(&members);
	text = json_dumps(list, JSON_COMPACT);
	assert_int_equal(fleet_members_parse(&back, text, strlen(text)), 0);
	assert_int_equal(back.count, 40);
	/* By name, whatever the order was: n2 before n10. */
	for (i = 0; i < 40; i++) {
		char name[8];

		snprintf(name, sizeof(name), "n%d", i);
		assert_string_equal(back.all[i].id, name);
	}
	member = fleet_members_find(&back, "n39");
	assert_non_null(member);
	assert_int_equal(member->state, MEMBER_SUSPECT);
	assert_int_equal(member->limit, 99);
	assert_int_equal(member->port, 8083);
	assert_int_equal(member->incarnation, 255);
	assert_null(fleet_members_find(&back, "n40"));
	free(text);
	json_decref(list);
	fleet_members_clear(&members);
	fleet_members_clear(&back);
}

static void
test_lists_that_are_none(void **state)
{
	static const char *const bad[] = { "", "{}", "[", "[1]", "[{}]",
		"[{\"id\":\"\"}]", "[{\"id\":7}]", "null" };
	struct fleet_members members = { 0 };
	size_t i;

	(void)state;
	assert_non_null(fleet_members_add(&members));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(fleet_members_parse(&members, bad[i],
				     strlen(bad[i])),
		    -EPROTO);
	assert_int_equal(members.count, 1);
	assert_int_equal(fleet_members_parse(&members,
			     "[{\"id\":\"a\",\"count\":-5,\"peer\":9}]", 32),
	    0);
	assert_int_equal(members.all[0].count, 0);
	assert_string_equal(members.all[0].address, "");
	fleet_members_clear(&members);
}

static void
test_no_more_than_so_many(void **state)
{
	struct fleet_members members = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < FLEET_MEMBERS_MAX; i++)
		assert_non_null(fleet_members_add(&members));
	assert_null(fleet_members_add(&members));
	assert_int_equal(members.count, FLEET_MEMBERS_MAX);
	fleet_members_clear(&members);
}

static void
test_words_of_a_command(void **state)
{
	static struct fleet_args args;
	char large[FLEET_ARGS_POOL + 1];
	int i;

	(void)state;
	fleet_args_eval(&args, "return 1", 2);
	fleet_args_text(&args, "key");
	fleet_args_number(&args, UINT64_MAX);
	fleet_args_hex(&args, 255);
	fleet_args_real(&args, 1.5);
	fleet_args_real(&args, 0.0004);
	fleet_args_real(&args, 0.00943396226415094);
	assert_int_equal(args.error, 0);
	assert_int_equal(args.argc, 9);
	assert_string_equal(args.argv[0], "EVAL");
	assert_string_equal(args.argv[2], "2");
	assert_string_equal(args.argv[4], "18446744073709551615");
	assert_string_equal(args.argv[5], "00000000000000ff");
	assert_string_equal(args.argv[6], "1.5");
	assert_string_equal(args.argv[7], "0.0004");
	assert_string_equal(args.argv[8], "0.00943396226415094");
	assert_int_equal(args.lens[7], 6);
	memset(large, 'x', sizeof(large));
	large[sizeof(large) - 1] = '\0';
	fleet_args_text(&args, large);
	assert_int_equal(args.error, -E2BIG);
	/* The next command begins anew. */
	fleet_args_command(&args, "PING");
	assert_int_equal(args.error, 0);
	for (i = 0; i < FLEET_ARGS_MAX; i++)
		fleet_args_text(&args, "");
	assert_int_equal(args.error, -E2BIG);
	assert_int_equal(args.argc, FLEET_ARGS_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lease),
		cmocka_unit_test(test_back_between_two_readings),
		cmocka_unit_test(test_same_life_goes_on),
		cmocka_unit_test(test_who_is_late),
		cmocka_unit_test(test_renewed_in_between),
		cmocka_unit_test(test_who_is_missing),
		cmocka_unit_test(test_who_is_forgotten),
		cmocka_unit_test(test_whose_routes_are_stale),
		cmocka_unit_test(test_nonsense_changes_nothing),
		cmocka_unit_test(test_published_and_read),
		cmocka_unit_test(test_lists_that_are_none),
		cmocka_unit_test(test_no_more_than_so_many),
		cmocka_unit_test(test_words_of_a_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
