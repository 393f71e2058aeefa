/* SPDX-License-Identifier: ISC */
/*
 * What the fleet says, as the gateways see it in the node's memory: also after
 * a restart of the supervisor while Redis is away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "supervisor/fleet/fleet_storm.h"
#include "supervisor/supervisor.h"

#define POSSIBLE 16000

struct rig {
	struct supervisor sup;
	struct fleet fleet;
	int fd;
};

static void
set_url(struct rig *rig, const char *url)
{
	(void)snprintf(rig->sup.conf.settings.redis.url,
	    sizeof(rig->sup.conf.settings.redis.url), "%s", url);
}

static int
setup(void **state)
{
	static struct rig rig;
	uint8_t key[32] = { 1 };

	log_set_level(LOG_LEVEL_ERROR);
	memset(&rig, 0, sizeof(rig));
	settings_defaults(&rig.sup.conf.settings);
	set_url(&rig, "redis://127.0.0.1");
	rig.sup.conf.settings.fleet.storm.handshakes_per_second = 100;
	rig.sup.capacity.node = POSSIBLE;
	assert_int_equal(event_log_init(&rig.sup.events), 0);
	assert_int_equal(fd_memfd_create("node", node_bytes(0), &rig.fd), 0);
	assert_int_equal(node_format(rig.fd, 1, 0, key), 0);
	assert_int_equal(node_attach(&rig.sup.node, rig.fd), 0);
	*state = &rig;
	return 0;
}

static int
teardown(void **state)
{
	struct rig *rig = *state;

	event_log_clear(&rig->sup.events);
	node_detach(&rig->sup.node);
	fd_close(&rig->fd);
	return 0;
}

/* As fleet_start() does. */
static void
start(struct rig *rig)
{
	memset(&rig->fleet, 0, sizeof(rig->fleet));
	rig->fleet.sup = &rig->sup;
	fleet_storm_recall(&rig->fleet);
	rig->sup.fleet = &rig->fleet;
	fleet_apply(&rig->sup);
}

static void
hear(struct rig *rig, uint64_t held, uint64_t level, uint64_t storm_ms)
{
	struct fleet_summary *summary = &rig->fleet.summary;

	summary->is_known = true;
	summary->held = held;
	summary->level = level;
	summary->storm.until_ms = clock_mono_ms() + storm_ms;
	fleet_apply(&rig->sup);
}

/* The next supervisor: first there is no fleet, then one that says nothing. */
static void
restart(struct rig *rig)
{
	rig->sup.fleet = NULL;
	fleet_apply(&rig->sup);
}

static void
test_new(void **state)
{
	struct rig *rig = *state;
	struct node_shared *shared = rig->sup.node.shared;

	restart(rig);
	assert_int_equal(atomic_load(&shared->capacity), POSSIBLE);
	start(rig);
	assert_int_equal(atomic_load(&shared->capacity), POSSIBLE);
	assert_int_equal(atomic_load(&shared->spread_ms), 0);
	assert_int_equal(atomic_load(&shared->handshake_limit), 0);
	hear(rig, 300000, 2000, 0);
	assert_int_equal(atomic_load(&shared->capacity), 3000);
}

static void
test_limit_stays(void **state)
{
	struct rig *rig = *state;
	struct node_shared *shared = rig->sup.node.shared;

	start(rig);
	hear(rig, 50000, 2000, 0);
	assert_int_equal(atomic_load(&shared->capacity), 2000);
	restart(rig);
	assert_int_equal(atomic_load(&shared->capacity), 2000);
	start(rig);
	assert_int_equal(atomic_load(&shared->capacity), 2000);
	/* Told to nobody: it is what gateways could have written. */
	assert_int_equal(rig->fleet.summary.held, 0);
	/* What is possible now bounds it, and what Redis says replaces it. */
	rig->sup.capacity.node = 1500;
	fleet_apply(&rig->sup);
	assert_int_equal(atomic_load(&shared->capacity), 1500);
	rig->sup.capacity.node = POSSIBLE;
	hear(rig, 0, 5000, 0);
	assert_int_equal(atomic_load(&shared->capacity), 5000);
	/* Without a fleet there is none. */
	set_url(rig, "");
	restart(rig);
	assert_int_equal(atomic_load(&shared->capacity), POSSIBLE);
}

static void
test_storm_stays(void **state)
{
	struct rig *rig = *state;
	struct node_shared *shared = rig->sup.node.shared;

	start(rig);
	hear(rig, 50000, 2000, 60000);
	assert_in_range(atomic_load(&shared->spread_ms), 50000, 60000);
	atomic_store(&shared->handshake_limit, 7);
	restart(rig);
	assert_in_range(atomic_load(&shared->spread_ms), 50000, 60000);
	assert_int_equal(atomic_load(&shared->handshake_limit), 7);
	start(rig);
	assert_in_range(atomic_load(&shared->spread_ms), 50000, 60000);
	assert_int_equal(atomic_load(&shared->handshake_limit), 7);
	/* It ends by itself, and when Redis says so. */
	rig->fleet.summary.storm.until_ms = clock_mono_ms();
	fleet_apply(&rig->sup);
	assert_int_equal(atomic_load(&shared->spread_ms), 0);
	assert_int_equal(atomic_load(&shared->handshake_limit), 0);
	/* A gateway's rubbish is no storm. */
	atomic_store(&shared->spread_ms, UINT32_MAX);
	start(rig);
	assert_int_equal(atomic_load(&shared->spread_ms), 0);
	/* Nor has a node without a fleet one. */
	atomic_store(&shared->spread_ms, 1000);
	set_url(rig, "");
	restart(rig);
	assert_int_equal(atomic_load(&shared->spread_ms), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_new),
		CASE(test_limit_stays),
		CASE(test_storm_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
