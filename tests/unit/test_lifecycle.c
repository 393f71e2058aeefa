/* SPDX-License-Identifier: ISC */
/*
 * A drain outlives its supervisor: the next one reads it from the node's
 * memfd, whatever may stand there.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/random.h"
#include "proto/redis_conf.h"
#include "supervisor/drain_lease.h"
#include "supervisor/supervisor.h"

#define WINDOW_MS 10000
#define PASSED_MS 20000 /* less than the machine is up */

/* A supervisor without processes; its one slot has connections. */
struct rig {
	struct supervisor sup;
	struct slot slot;
};

static void
begin_at(struct rig *rig, int node_fd, const char *redis)
{
	struct supervisor *sup = &rig->sup;

	memset(rig, 0, sizeof(*rig));
	sup->base = event_base_new();
	assert_non_null(sup->base);
	settings_defaults(&sup->conf.settings);
	(void)snprintf(sup->conf.settings.redis.url,
	    sizeof(sup->conf.settings.redis.url), "%s", redis);
	assert_int_equal(event_log_init(&sup->events), 0);
	assert_int_equal(node_attach(&sup->node, node_fd), 0);
	sup->gateways = sup->slot_count = 1;
	sup->slots[0] = &rig->slot;
	rig->slot.sup = sup;
	rig->slot.kind = SLOT_KIND_GATEWAY;
	rig->slot.state = SLOT_ADOPTING;
	rig->slot.to_tenant.channel.fd = -1;
	rig->slot.to_keeper.channel.fd = -1;
	assert_int_equal(lifecycle_init(sup), 0);
	lifecycle_restore(sup);
}

static void
begin(struct rig *rig, int node_fd)
{
	begin_at(rig, node_fd, "");
}

/* As kill -9 would. */
static void
end(struct rig *rig)
{
	lifecycle_clear(&rig->sup);
	event_log_clear(&rig->sup.events);
	node_detach(&rig->sup.node);
	event_base_free(rig->sup.base);
}

static void
serve(struct rig *rig)
{
	rig->slot.state = SLOT_SERVING;
	rig->slot.served = true;
	rig->sup.was_ready = true;
	lifecycle_slot_up(&rig->sup, &rig->slot);
	lifecycle_slot_changed(&rig->sup);
}

static int
setup(void **state)
{
	static int fd;
	uint8_t key[32] = { 1 };

	log_set_level(LOG_LEVEL_ERROR);
	assert_int_equal(fd_memfd_create("node", node_bytes(0), &fd), 0);
	assert_int_equal(node_format(fd, 1, 0, key), 0);
	*state = &fd;
	return 0;
}

static int
teardown(void **state)
{
	fd_close(*state);
	return 0;
}

static void
set_connections(struct rig *rig, uint32_t n)
{
	atomic_store(&rig->sup.node.shared->slot[0].connections, n);
}

static void
test_nothing(void **state)
{
	struct rig rig;

	begin(&rig, *(int *)*state);
	assert_int_equal(rig.sup.lifecycle.state, LIFECYCLE_STARTING);
	assert_false(rig.sup.lifecycle.restored);
	end(&rig);
}

static void
test_closing(void **state)
{
	const struct drain_request gentle = { .profile = DRAIN_GENTLE,
		.within_ms = 3600000 };
	struct drain_words before;
	struct rig rig;

	begin(&rig, *(int *)*state);
	serve(&rig);
	set_connections(&rig, 500);
	assert_int_equal(lifecycle_drain(&rig.sup, &gentle), 0);
	assert_int_equal(rig.sup.lifecycle.state, LIFECYCLE_DRAINING);
	before = rig.sup.lifecycle.drain;
	end(&rig);

	begin(&rig, *(int *)*state);
	assert_int_equal(rig.sup.lifecycle.state, LIFECYCLE_DRAINING);
	assert_true(rig.sup.lifecycle.restored);
	assert_int_equal(atomic_load(&rig.sup.node.shared->draining), 1);
	assert_int_equal(rig.sup.lifecycle.drain.close_code, before.close_code);
	assert_int_equal(rig.sup.lifecycle.drain.profile, before.profile);
	assert_int_equal(rig.sup.lifecycle.drain.begin_ms, before.begin_ms);
	assert_int_equal(rig.sup.lifecycle.drain.end_ms, before.end_ms);
	assert_int_equal(rig.sup.lifecycle.drain.total, 500);
	assert_true(
	    event_pending(rig.sup.lifecycle.deadline, EV_TIMEOUT, NULL));
	/* Not empty only because the slots are not found again yet. */
	lifecycle_slot_changed(&rig.sup);
	assert_false(rig.sup.lifecycle.empty);
	serve(&rig);
	assert_false(rig.sup.lifecycle.empty);
	set_connections(&rig, 0);
	lifecycle_slot_changed(&rig.sup);
	assert_true(rig.sup.lifecycle.empty);
	assert_int_equal(rig.sup.lifecycle.state, LIFECYCLE_DRAINING);
	/* And it can still be undone. */
	assert_int_equal(lifecycle_undrain(&rig.sup), 0);
	end(&rig);

	begin(&rig, *(int *)*state);
	assert_int_equal(rig.sup.lifecycle.state, LIFECYCLE_STARTING);
	assert_int_equal(atomic_load(&rig.sup.node.shared->draining), 0);
	end(&rig);
}

static void
test_leaving_to_stop(void **state)
{
	struct rig rig;
	uint64_t begins;

	begin(&rig, *(int *)*state);
	serve(&rig);
	rig.sup.lifecycle.state = LIFECYCLE_READY;
	set_connections(&rig, 3);
	lifecycle_stop(&rig.sup, true);
	assert_int_equal(rig.sup.lifecycle.state, LIFECYCLE_LEAVING);
	begins = rig.sup.lifecycle.drain.begin_ms;
	end(&rig);

	begin(&rig, *(int *)*state);
	assert_int_equal(rig.sup.lifecycle.state, LIFECYCLE_LEAVING);
	assert_true(rig.sup.lifecycle.drain.stops_after);
	assert_int_equal(rig.sup.lifecycle.drain.begin_ms, begins);
	assert_int_equal(atomic_load(&rig.sup.node.shared->draining), 0);
	serve(&rig);
	/* It ends in a stop, so it cannot be undone. */
	assert_int_equal(lifecycle_undrain(&rig.sup), -EBUSY);
	/* Asked twice: close frames now. */
	lifecycle_stop(&rig.sup, true);
	assert_int_equal(rig.sup.lifecycle.state, LIFECYCLE_CLOSING);
	assert_int_equal(rig.sup.lifecycle.drain.close_code, 1012);
	end(&rig);

	begin(&rig, *(int *)*state);
	assert_int_equal(rig.sup.lifecycle.state, LIFECYCLE_CLOSING);
	end(&rig);
}

static void
test_hastened(void **state)
{
	const struct drain_request gentle = { .profile = DRAIN_GENTLE };
	struct rig rig;

	begin(&rig, *(int *)*state);
	serve(&rig);
	set_connections(&rig, 3);
	assert_int_equal(lifecycle_drain(&rig.sup, &gentle), 0);
	lifecycle_stop(&rig.sup, true);
	assert_true(rig.sup.lifecycle.drain.stops_after);
	assert_true(rig.sup.lifecycle.drain.end_ms <=
	    clock_mono_ms() + rig.sup.conf.settings.drain.window_ms);
	assert_int_equal(rig.sup.lifecycle.state, LIFECYCLE_DRAINING);
	end(&rig);
}

/* kill -9 of the supervisor does not make it wait for the fleet. */
static void
test_forced(void **state)
{
	const struct drain_request forced = { .is_forced = true };
	const struct drain_request plain = { .is_forced = false };
	struct rig rig;

	begin(&rig, *(int *)*state);
	serve(&rig);
	set_connections(&rig, 3);
	assert_int_equal(lifecycle_drain(&rig.sup, &plain), 0);
	end(&rig);
	begin(&rig, *(int *)*state);
	assert_int_not_equal(rig.sup.lifecycle.lease, DRAIN_LEASE_FORCED);
	assert_int_equal(lifecycle_drain(&rig.sup, &forced), 0);
	end(&rig);
	begin(&rig, *(int *)*state);
	assert_int_equal(rig.sup.lifecycle.lease, DRAIN_LEASE_FORCED);
	/* An older holdfastd has begun the one that is there now. */
	atomic_fetch_add(&rig.sup.node.shared->drain.asked_real_ms, 1);
	end(&rig);
	begin(&rig, *(int *)*state);
	assert_int_equal(rig.sup.lifecycle.state, LIFECYCLE_DRAINING);
	assert_int_not_equal(rig.sup.lifecycle.lease, DRAIN_LEASE_FORCED);
	assert_int_equal(lifecycle_undrain(&rig.sup), 0);
	assert_int_equal(atomic_load(&rig.sup.node.shared->permit.drain), 0);
	end(&rig);
}

/* Its permission has ended while there was no supervisor: who comes finds out
 * how much of the window was left then, and cuts nobody off. */
static void
test_permission_is_over(void **state)
{
	const struct drain_request request = { .within_ms = 60000 };
	struct node_permit *permit;
	struct node_drain *drain;
	uint64_t end_ms;
	struct rig rig;

	begin(&rig, *(int *)*state);
	serve(&rig);
	set_connections(&rig, 3);
	assert_int_equal(lifecycle_drain(&rig.sup, &request), 0);
	permit = &rig.sup.node.shared->permit;
	drain = &rig.sup.node.shared->drain;
	/* The deadline has passed since, too. */
	end_ms = clock_mono_ms() - 60000;
	atomic_store(&drain->begin_ms, end_ms - 6000);
	atomic_store(&drain->end_ms, end_ms);
	atomic_store(&permit->until_ms, end_ms - 5000);
	end(&rig);

	begin_at(&rig, *(int *)*state, "redis://127.0.0.1");
	assert_int_equal(rig.sup.lifecycle.lease, DRAIN_LEASE_PAUSED);
	assert_int_equal(rig.sup.lifecycle.paused_left_ms, 5000);
	assert_false(
	    event_pending(rig.sup.lifecycle.deadline, EV_TIMEOUT, NULL));
	permit = &rig.sup.node.shared->permit;
	drain = &rig.sup.node.shared->drain;
	assert_int_equal(atomic_load(&drain->end_ms) -
		atomic_load(&permit->until_ms),
	    5000);
	/* Killed again, it is no less. */
	end(&rig);
	begin_at(&rig, *(int *)*state, "redis://127.0.0.1");
	assert_int_equal(rig.sup.lifecycle.paused_left_ms, 5000);
	node_permit_extend(&rig.sup.node.shared->permit, clock_mono_ms(), 4000);
	drain_lease_feed(&rig.sup, DRAIN_LEASE_EV_GRANTED);
	assert_int_equal(rig.sup.lifecycle.lease, DRAIN_LEASE_HELD);
	assert_in_range(rig.sup.lifecycle.drain.end_ms, clock_mono_ms(),
	    clock_mono_ms() + 5000);
	end(&rig);
	/* Without a fleet nobody would ever permit it. */
	begin(&rig, *(int *)*state);
	atomic_store(&rig.sup.node.shared->permit.until_ms, 1);
	end(&rig);
	begin(&rig, *(int *)*state);
	assert_int_equal(rig.sup.lifecycle.lease, DRAIN_LEASE_HELD);
	assert_int_equal(atomic_load(&rig.sup.node.shared->permit.until_ms), 0);
	end(&rig);
}

/* A fleet that says nothing: its link has never been started. */
static void
join(struct rig *rig, struct fleet *fleet)
{
	struct redis_link_conf conf = redis_conf_of(
	    &rig->sup.conf.settings.redis);
	const char *problem;

	assert_int_equal(redis_url_parse("redis://127.0.0.1", &conf.url,
			     &problem),
	    0);
	rig->sup.conf.settings.drain.lb_wait_ms = 0;
	rig->sup.conf.settings.drain.window_ms = WINDOW_MS;
	memset(fleet, 0, sizeof(*fleet));
	fleet->sup = &rig->sup;
	fleet->link = redis_link_new(rig->sup.base, &conf);
	assert_non_null(fleet->link);
	rig->sup.fleet = fleet;
}

static void
leave(struct rig *rig)
{
	redis_link_free(rig->sup.fleet->link);
	rig->sup.fleet = NULL;
}

/* As if the drain had been begun so much earlier. */
static void
pass(struct rig *rig, uint64_t ms)
{
	struct lifecycle *life = &rig->sup.lifecycle;

	life->drain.begin_ms -= ms;
	life->drain.end_ms -= ms;
	if (life->lease_until_ms != 0)
		life->lease_until_ms -= ms;
}

static void
check_left(const struct rig *rig)
{
	const struct lifecycle *life = &rig->sup.lifecycle;
	uint64_t now = clock_mono_ms();

	assert_int_equal(life->drain.end_ms - life->drain.begin_ms, WINDOW_MS);
	/* The machine may be slow, but not so slow. */
	assert_in_range(life->drain.end_ms, now + WINDOW_MS / 2,
	    now + WINDOW_MS);
}

/* However long the fleet has been waited for, the clients have the window. */
static void
test_waits_then_closes(void **state)
{
	const struct drain_request request = { .within_ms = 0 };
	struct fleet fleet;
	struct rig rig;

	begin(&rig, *(int *)*state);
	serve(&rig);
	set_connections(&rig, 3);
	join(&rig, &fleet);
	assert_int_equal(lifecycle_drain(&rig.sup, &request), 0);
	assert_int_equal(rig.sup.lifecycle.lease, DRAIN_LEASE_WAITING);
	pass(&rig, PASSED_MS);
	drain_lease_feed(&rig.sup, DRAIN_LEASE_EV_GRANTED);
	assert_int_equal(rig.sup.lifecycle.state, LIFECYCLE_DRAINING);
	check_left(&rig);
	leave(&rig);
	end(&rig);
}

/* The node stops meanwhile: with permission, and without. */
static void
test_waits_then_stops(void **state)
{
	const struct drain_request gentle = { .profile = DRAIN_GENTLE };

	for (int with = 0; with < 2; with++) {
		struct lifecycle *life;
		struct fleet fleet;
		struct rig rig;

		begin(&rig, *(int *)*state);
		life = &rig.sup.lifecycle;
		serve(&rig);
		life->state = LIFECYCLE_READY;
		set_connections(&rig, 3);
		join(&rig, &fleet);
		assert_int_equal(lifecycle_drain(&rig.sup, &gentle), 0);
		pass(&rig, PASSED_MS);
		lifecycle_stop(&rig.sup, true);
		assert_int_equal(life->state, LIFECYCLE_LEAVING);
		check_left(&rig);
		/* What on_deadline() does when there is nobody to wait for. */
		drain_lease_seek(&rig.sup);
		assert_int_equal(life->lease, DRAIN_LEASE_WAITING);
		assert_int_not_equal(life->lease_until_ms, 0);
		life->lease_until_ms = clock_mono_ms() + PASSED_MS;
		pass(&rig, PASSED_MS);
		if (with)
			drain_lease_feed(&rig.sup, DRAIN_LEASE_EV_GRANTED);
		else
			drain_lease_seek(&rig.sup);
		assert_int_equal(life->state, LIFECYCLE_DRAINING);
		assert_int_equal(life->lease,
		    with ? DRAIN_LEASE_HELD : DRAIN_LEASE_FORCED);
		check_left(&rig);
		leave(&rig);
		end(&rig);
		assert_int_equal(setup(state), 0);
	}
}

/* A node that was empty when its supervisor died is empty still: nobody has
 * renewed the permission since. */
static void
test_permission_of_nobody(void **state)
{
	const struct drain_request request = { .within_ms = 60000 };
	struct rig rig;

	begin(&rig, *(int *)*state);
	serve(&rig);
	set_connections(&rig, 3);
	assert_int_equal(lifecycle_drain(&rig.sup, &request), 0);
	atomic_store(&rig.sup.node.shared->permit.until_ms, 1);
	set_connections(&rig, 0);
	end(&rig);
	begin_at(&rig, *(int *)*state, "redis://127.0.0.1");
	assert_int_equal(rig.sup.lifecycle.state, LIFECYCLE_DRAINING);
	assert_int_equal(rig.sup.lifecycle.lease, DRAIN_LEASE_HELD);
	serve(&rig);
	assert_true(rig.sup.lifecycle.empty);
	end(&rig);
}

/* Gateways can write there. */
static void
test_rubbish(void **state)
{
	struct rig rig;

	begin(&rig, *(int *)*state);
	for (int i = 0; i < 2000; i++) {
		struct node_drain *words = &rig.sup.node.shared->drain;
		struct drain_words got;
		int rc;

		random_bytes(words, sizeof(*words));
		if (i % 2)
			atomic_store(&words->state, 1 + (uint32_t)i % 5);
		if (i % 3)
			atomic_store(&words->profile, (uint32_t)i % 3);
		if (i % 5)
			atomic_store(&words->close_code, 1012);
		rc = node_drain_load(words, clock_mono_ms(), &got);
		assert_true(rc == 0 || rc == -EPROTO || rc == -ENOENT);
		if (rc == 0)
			assert_true(
			    got.end_ms - got.begin_ms <= NODE_DRAIN_MAX_MS);
	}
	end(&rig);
	begin(&rig, *(int *)*state);
	end(&rig);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_nothing),
		CASE(test_closing),
		CASE(test_leaving_to_stop),
		CASE(test_hastened),
		CASE(test_forced),
		CASE(test_permission_is_over),
		CASE(test_waits_then_closes),
		CASE(test_waits_then_stops),
		CASE(test_permission_of_nobody),
		CASE(test_rubbish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
