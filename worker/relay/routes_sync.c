/* SPDX-License-Identifier: ISC */
/*
 * The comparison of routes, see routes_sync.h.
 *
 * A mark in Redis says whose work the routes there are: the comparison writes
 * it first, and when it is missing or another later on, Redis has lost its
 * memory (or gone back to an older one) without a connection having ended.
 */
#include "worker/relay/routes_sync.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/random.h"
#include "worker/relay/api_json.h"
#include "worker/relay/relay.h"

#define STEP_MS	   10
#define SCAN_COUNT "1000"
#define SCAN_SHARE 8	 /* registrations that are read for one route written */
#define WALK_MAX   8192u /* records, in use or not, in one step */
#define LATER_MS   1000
#define STUCK_MAX  100u /* steps, for a record that is being written */

static void
wait_ms(struct routes_sync *sync, uint32_t ms)
{
	const struct timeval delay = { ms / 1000, (ms % 1000) * 1000 };

	(void)evtimer_add(sync->step, &delay);
}

static struct relay *
relay_of(const struct routes_sync *sync)
{
	return sync->routes->relay;
}

static struct slot_redis *
shown(const struct routes_sync *sync)
{
	return &relay_of(sync)->worker->slot->redis;
}

static enum slot_routes
state(const struct routes_sync *sync)
{
	return (enum slot_routes)atomic_load(&shown(sync)->routes);
}

static void
enter(const struct routes_sync *sync, enum slot_routes next)
{
	atomic_store(&shown(sync)->routes_done, sync->done);
	atomic_store(&shown(sync)->routes, next);
	crash_mark();
}

static void
begin(struct routes_sync *sync)
{
	char key[REDIS_NAMES_MAX];
	const char *const words[] = { "SET", key, sync->mark, NULL };
	struct relay *relay = relay_of(sync);

	sync->again = sync->later = sync->skipped = sync->waits = false;
	sync->number++;
	sync->stuck = 0;
	sync->slot = sync->rec = 0;
	sync->done = 0;
	sync->allowance = 0;
	sync->stepped_us = clock_mono_us();
	sync->started_ms = clock_mono_ms();
	snprintf(sync->cursor, sizeof(sync->cursor), "0");
	snprintf(sync->mark, sizeof(sync->mark), "%016" PRIx64, random_u64());
	redis_names_routes_mark(&relay->worker->settings.redis,
	    relay->worker->settings.node.id, key);
	/* Not taken: the next look at it finds that it is missing. */
	backplane_tell(&relay->backplane, words);
	counter_add(relay_counters(relay), COUNTER_ROUTE_RESYNCS, 1);
	enter(sync, SLOT_ROUTES_PURGING);
	wait_ms(sync, STEP_MS);
}

/* This part has asked for all that it had to. */
static void
wait_for_ops(struct routes_sync *sync)
{
	routes_mark(sync->routes);
	sync->waits = true;
}

/* ---- what Redis has */

static void
check_registered(struct routes_sync *sync, const struct redisReply *field)
{
	struct relay *relay = relay_of(sync);
	struct record_view view;
	const char *client;
	uint32_t slot;
	size_t len;

	client = redis_reply_text(field, &len);
	if (client == NULL)
		return;
	if (!api_client_id_ok(client, len)) {
		if (strlen(client) == len)
			route_claim_drop_registration(relay,
			    relay->worker->settings.node.id, client);
		return;
	}
	if (shards_find(&relay->shards, client, len, &slot, &view) == 0)
		return;
	sync->allowance--;
	routes_touch(sync->routes, client, len);
}

static void scan(struct routes_sync *);

static void
on_scanned(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct routes_sync *sync = arg;
	const struct redisReply *fields = redis_reply_at(reply, 1);
	const char *cursor;
	size_t len, i;

	sync->is_scanning = false;
	/* Of a comparison that was begun anew, it says nothing of this one. */
	if (fault == REDIS_FAULT_LOST || sync->scan_of != sync->number ||
	    state(sync) != SLOT_ROUTES_PURGING)
		return;
	cursor = redis_reply_text(redis_reply_at(reply, 0), &len);
	if (fault != REDIS_FAULT_NONE || cursor == NULL ||
	    len >= sizeof(sync->cursor)) {
		routes_sync_later(sync,
		    fault != REDIS_FAULT_NONE ? fault : REDIS_FAULT_OTHER);
		return;
	}
	worker_beat(relay_of(sync)->worker);
	memcpy(sync->cursor, cursor, len + 1);
	for (i = 0; i < redis_reply_count(fields); i += 2)
		check_registered(sync, redis_reply_at(fields, i));
	sync->done += i / 2;
	sync->allowance -= (int64_t)(i / 2 / SCAN_SHARE);
	if (strcmp(sync->cursor, "0") == 0)
		wait_for_ops(sync);
	else
		scan(sync);
}

static void
scan(struct routes_sync *sync)
{
	struct relay *relay = relay_of(sync);
	char key[REDIS_NAMES_MAX];
	const char *const words[] = { "HSCAN", key, sync->cursor, "COUNT",
		SCAN_COUNT, NULL };

	if (sync->is_scanning || sync->allowance <= 0 ||
	    !routes_has_room(sync->routes))
		return;
	redis_names_node_clients(&relay->worker->settings.redis,
	    relay->worker->settings.node.id, key);
	sync->scan_of = sync->number;
	sync->is_scanning = backplane_command(&relay->backplane, on_scanned,
				sync, words) == 0;
}

/* What an earlier life has left is gone when its routes are, not when they have
 * been found. */
static void
purge(struct routes_sync *sync)
{
	struct node_shared *shared = relay_of(sync)->worker->node.shared;

	if (!sync->waits) {
		scan(sync);
		return;
	}
	if (!routes_mark_is_reached(sync->routes))
		return;
	sync->waits = false;
	if (!sync->again && !sync->skipped)
		atomic_store(&shared->purged,
		    atomic_load(&shared->incarnation));
	sync->done = 0;
	enter(sync, SLOT_ROUTES_WRITING);
}

/* ---- what the tables have */

/* true: this shard is done. */
static bool
walk_shard(struct routes_sync *sync, const struct table *table,
    uint32_t *budget)
{
	struct record_view view;
	uint32_t high;
	int rc;

	high = atomic_load_explicit(&table->header->high_water,
	    memory_order_acquire);
	if (high > table->capacity)
		high = table->capacity;
	for (; sync->rec < high; sync->rec++) {
		if (*budget == 0 || sync->allowance <= 0 ||
		    !routes_has_room(sync->routes))
			return false;
		(*budget)--;
		rc = table_read(table, sync->rec, &view);
		if (rc == -EAGAIN && ++sync->stuck < STUCK_MAX)
			return false;
		sync->skipped |= rc == -EAGAIN;
		sync->stuck = 0;
		if (rc != 0 || view.body.state != RECORD_OPEN)
			continue;
		sync->allowance--;
		sync->done++;
		routes_touch(sync->routes, view.id, strlen(view.id));
	}
	return true;
}

/* All tables are done. */
static void
walk(struct routes_sync *sync)
{
	const struct shards *shards = &relay_of(sync)->shards;
	uint32_t budget = WALK_MAX;

	for (; sync->slot < shards->end; sync->slot++) {
		if (shards->items[sync->slot].attached &&
		    !walk_shard(sync, &shards->items[sync->slot].table,
			&budget))
			return;
		sync->rec = 0;
	}
	wait_for_ops(sync);
}

/* Nothing more of this comparison: after a pause the next one begins. */
static void
abandon(struct routes_sync *sync, uint32_t pause_ms)
{
	sync->again = true;
	sync->later = sync->skipped = false;
	sync->waits = true;
	enter(sync, SLOT_ROUTES_WRITING);
	wait_ms(sync, pause_ms);
}

static void
synced(struct routes_sync *sync)
{
	uint64_t ms = clock_mono_ms() - sync->started_ms;

	if (sync->again) {
		begin(sync);
	} else if (sync->skipped) {
		abandon(sync, LATER_MS);
	} else {
		sync->told_later = false;
		enter(sync, SLOT_ROUTES_SYNCED);
		log_notice("routes_synced", NULL,
		    log_uint("routes", sync->done), log_uint("ms", ms));
	}
}

static void
on_step(evutil_socket_t fd, short what, void *arg)
{
	struct routes_sync *sync = arg;
	uint32_t rate = relay_of(sync)->worker->settings.redis.resync_rate;
	uint64_t now_us = clock_mono_us();

	(void)fd;
	(void)what;
	worker_beat(relay_of(sync)->worker);
	if (!sync->routes->is_up)
		return;
	sync->allowance += (int64_t)((now_us - sync->stepped_us) * rate /
	    1000000);
	/* What was missed is not made up for in a burst. */
	if (sync->allowance > (int64_t)rate / 10)
		sync->allowance = (int64_t)rate / 10;
	sync->stepped_us = now_us;
	if (sync->later) {
		abandon(sync, LATER_MS);
		return;
	}
	if (state(sync) == SLOT_ROUTES_PURGING)
		purge(sync);
	else if (!sync->waits)
		walk(sync);
	atomic_store(&shown(sync)->routes_done, sync->done);
	/* What is asked for again is not waited for: it may never end. */
	if (state(sync) == SLOT_ROUTES_WRITING && sync->waits &&
	    (sync->again || routes_mark_is_reached(sync->routes)))
		synced(sync);
	else
		wait_ms(sync, STEP_MS);
}

/* ---- what begins it */

void
routes_sync_begin(struct routes_sync *sync, const char *why)
{
	log_debug("routes_resync", why);
	if (state(sync) == SLOT_ROUTES_SYNCED)
		begin(sync);
	else
		sync->again = true;
}

bool
routes_sync_is_before_walk(const struct routes_sync *sync)
{
	return state(sync) == SLOT_ROUTES_PURGING;
}

void
routes_sync_later(struct routes_sync *sync, enum redis_fault fault)
{
	if (fault == REDIS_FAULT_LOST) {
		/* of a link that goes down, or for want of memory here */
		sync->again = true;
	} else {
		sync->later = true;
		if (!sync->told_later)
			log_warn("routes_wait", "Redis takes no routes for now",
			    log_text("fault", redis_fault_name(fault)));
		sync->told_later = true;
	}
	if (state(sync) == SLOT_ROUTES_SYNCED)
		abandon(sync, fault == REDIS_FAULT_LOST ? STEP_MS : LATER_MS);
}

void
routes_sync_skipped(struct routes_sync *sync)
{
	sync->skipped = true;
	if (state(sync) == SLOT_ROUTES_SYNCED)
		abandon(sync, LATER_MS);
}

void
routes_sync_failed(struct routes_sync *sync)
{
	if (state(sync) == SLOT_ROUTES_PURGING)
		sync->skipped = true;
}

void
routes_sync_link(struct routes_sync *sync, bool is_up)
{
	event_del(sync->step);
	sync->is_scanning = sync->is_asking = false;
	sync->again = sync->later = false;
	if (is_up)
		begin(sync);
	else
		enter(sync, SLOT_ROUTES_AWAY);
}

static void
on_mark(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct routes_sync *sync = arg;

	sync->is_asking = false;
	if (fault == REDIS_FAULT_NONE && sync->mark_of == sync->number &&
	    !redis_reply_is(reply, sync->mark))
		routes_sync_begin(sync, "Redis has forgotten our mark");
}

void
routes_sync_tick(struct routes_sync *sync)
{
	struct relay *relay = relay_of(sync);
	char key[REDIS_NAMES_MAX];
	const char *const words[] = { "GET", key, NULL };

	if (state(sync) == SLOT_ROUTES_AWAY || sync->is_asking)
		return;
	redis_names_routes_mark(&relay->worker->settings.redis,
	    relay->worker->settings.node.id, key);
	sync->mark_of = sync->number;
	sync->is_asking = backplane_command(&relay->backplane, on_mark, sync,
			      words) == 0;
}

bool
routes_sync_is_done(const struct routes_sync *sync)
{
	return state(sync) == SLOT_ROUTES_SYNCED;
}

int
routes_sync_unmark(struct routes_sync *sync, redis_link_cb *cb, void *arg)
{
	struct relay *relay = relay_of(sync);
	char key[REDIS_NAMES_MAX];
	const char *const words[] = { "DEL", key, NULL };

	redis_names_routes_mark(&relay->worker->settings.redis,
	    relay->worker->settings.node.id, key);
	return backplane_command(&relay->backplane, cb, arg, words);
}

int
routes_sync_start(struct routes_sync *sync, struct routes *routes)
{
	memset(sync, 0, sizeof(*sync));
	sync->routes = routes;
	sync->step = evtimer_new(routes->relay->worker->base, on_step, sync);
	return sync->step == NULL ? -ENOMEM : 0;
}
