/* SPDX-License-Identifier: ISC */
/*
 * The relay's frame operations and its tick, see relay.h.
 */
#include "worker/relay/relay.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "worker/handoff.h"
#include "worker/relay/operator.h"

#define LEAVE_MS 3000u /* that requests under way may take */
/* A slot changes hands in less; what waits longer may be waiting for the relay
 * after this one, which reads the layout of the tables. */
#define LEAVE_REACH_MS 500u
#define LEAVE_HARD_MS  3500u /* that their replies may take then */
#define MARK_MS	       3000u /* that the next relay's mark may take */
#define PART_MS	       500u  /* that receipts may take in the end */
#define PART_HARD_MS   1500u /* and what waits for a gateway */

/* Reads the ring of a slot that is mapped. */
static void
start_ring(struct relay *relay, uint32_t slot)
{
	int rc;

	if (!relay->shards.items[slot].attached)
		return;
	rc = ring_up_start(&relay->ring_up[slot], relay, slot);
	if (rc == 0)
		return;
	log_error("ring_watch_failed", "its clients cannot be reached",
	    log_errno(rc), log_uint("slot", slot));
	shards_detach(&relay->shards, slot);
}

/* Maps what the directory has for the slot. */
static void
bind_slot(struct relay *relay, uint32_t slot)
{
	int rc = shards_attach(&relay->shards, relay->worker, slot);

	if (rc != 0 && rc != -ENOENT)
		log_error("shard_refused", "its clients cannot be reached",
		    log_errno(rc), log_uint("slot", slot));
}

static void
on_rebind(evutil_socket_t fd, short what, void *arg)
{
	struct relay *relay = arg;

	(void)fd;
	(void)what;
	for (uint32_t slot = 0; slot < SLOT_MAX_WORKERS; slot++) {
		if (!relay->stale[slot])
			continue;
		relay->stale[slot] = false;
		crash_mark();
		bind_slot(relay, slot);
		start_ring(relay, slot);
	}
	rivals_resync(&relay->rivals);
	routes_resync(&relay->routes, "a slot has new memory");
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct relay *relay = arg;

	(void)fd;
	(void)what;
	api_tick(&relay->api);
	rivals_poll(&relay->rivals);
	backplane_tick(&relay->backplane);
	lease_tick(&relay->lease);
	drain_renewal_tick(&relay->drain_renewal);
	routes_tick(&relay->routes);
	inbox_tick(&relay->inbox);
	ingress_tick(&relay->ingress);
	shards_wake(&relay->shards);
}

static void
relay_left(struct relay *relay)
{
	event_del(relay->leave);
	changeover_end(&relay->changeover);
	if (relay->is_giving)
		worker_give(relay->worker);
	else
		worker_leave(relay->worker, WORKER_EXIT_RECYCLE);
}

static void
begin_phase(struct relay *relay, enum relay_phase phase)
{
	relay->phase = phase;
	relay->phase_since_ms = clock_mono_ms();
	crash_mark();
}

/* Everybody who asked gets a reply: at last that the outcome is not known. */
static bool
callers_are_gone(struct relay *relay, uint64_t spent_ms)
{
	if (spent_ms >= LEAVE_REACH_MS)
		reach_end(&relay->reach);
	if (spent_ms >= LEAVE_MS)
		delivery_end(&relay->delivery);
	return (api_has_parted(&relay->api) && relay->reach.count == 0) ||
	    spent_ms >= LEAVE_HARD_MS;
}

/* The rest is the next relay's, too. */
static void
part(struct relay *relay)
{
	canary_part(&relay->canary);
	inbox_part(&relay->inbox);
	ingress_part(&relay->ingress);
	delivery_end_queued(&relay->delivery);
}

static bool
has_parted(struct relay *relay, uint64_t spent_ms)
{
	if (spent_ms >= PART_MS) {
		reach_end(&relay->reach);
		delivery_end(&relay->delivery);
	}
	return (relay->delivery.pending == 0 && relay->reach.count == 0 &&
		   ingress_is_idle(&relay->ingress) &&
		   pushes_are_idle(&relay->pushes)) ||
	    spent_ms >= PART_HARD_MS;
}

/* Callers take seconds, who keep a connection or wait for a slow reader: for
 * all others the relay is there meanwhile. */
static void
on_leave(evutil_socket_t fd, short what, void *arg)
{
	struct relay *relay = arg;
	uint64_t spent_ms = clock_mono_ms() - relay->phase_since_ms;

	(void)fd;
	(void)what;
	crash_mark();
	worker_beat(relay->worker);
	switch (relay->phase) {
	case RELAY_SERVES:
		break;
	case RELAY_ENDS_CALLS:
		if (!callers_are_gone(relay, spent_ms))
			break;
		if (relay->is_giving)
			changeover_part(&relay->changeover);
		begin_phase(relay, RELAY_AWAITS_MARK);
		break;
	case RELAY_AWAITS_MARK:
		if (!changeover_is_parted(&relay->changeover) &&
		    spent_ms < MARK_MS)
			break;
		part(relay);
		begin_phase(relay, RELAY_PARTS);
		break;
	case RELAY_PARTS:
		if (has_parted(relay, spent_ms))
			relay_left(relay);
		break;
	}
}

static int
create(struct worker *worker)
{
	struct relay *relay = calloc(1, sizeof(*relay));

	if (relay == NULL)
		return -ENOMEM;
	relay->worker = worker;
	worker->context = relay;
	return 0;
}

/* What fails here makes a gap in what is published, and no more. */
static void
relay_stand_by(struct worker *worker)
{
	struct relay *relay;
	int rc = create(worker);

	if (rc == 0) {
		relay = worker->context;
		rc = pushes_start(&relay->pushes, relay);
		if (rc == 0)
			rc = backplane_stand_by(&relay->backplane, relay);
		if (rc == 0)
			changeover_stand_by(&relay->changeover, relay);
	}
	if (rc != 0 && rc != -ENOENT)
		log_warn("stand_by_failed", "some messages will be lost",
		    log_errno(rc));
}

static int
relay_attach(struct worker *worker)
{
	int rc = worker->context == NULL ? create(worker) : 0;
	struct relay *relay = worker->context;

	if (rc != 0)
		return rc;
	shards_init(&relay->shards);
	for (uint32_t slot = 0; slot < SLOT_MAX_WORKERS; slot++)
		bind_slot(relay, slot);
	return 0;
}

static int
relay_start(struct worker *worker, Holdfast__Serving *out)
{
	const struct timeval second = { 1, 0 };
	struct relay *relay = worker->context;
	int rc;

	(void)out;
	relay->tick = event_new(worker->base, -1, EV_PERSIST, on_tick, relay);
	relay->rebind = event_new(worker->base, -1, 0, on_rebind, relay);
	relay->leave = event_new(worker->base, -1, EV_PERSIST, on_leave, relay);
	if (relay->tick == NULL || relay->rebind == NULL ||
	    relay->leave == NULL || event_add(relay->tick, &second) != 0)
		return -ENOMEM;
	lease_start(&relay->lease, relay);
	drain_renewal_start(&relay->drain_renewal, relay);
	rc = delivery_start(&relay->delivery, relay);
	if (rc == 0)
		rc = canary_start(&relay->canary, relay);
	if (rc == 0)
		rc = reach_start(&relay->reach, relay);
	if (rc == 0)
		rc = pushes_start(&relay->pushes, relay);
	if (rc == 0)
		rc = inbox_start(&relay->inbox, relay);
	if (rc == 0)
		rc = ingress_start(&relay->ingress, relay);
	if (rc == 0)
		rc = farewell_start(&relay->farewell, relay);
	if (rc == 0)
		rc = rivals_start(&relay->rivals, relay);
	if (rc == 0)
		rc = api_start(&relay->api, relay);
	if (rc == 0)
		rc = routes_start(&relay->routes, relay);
	if (rc == 0)
		rc = backplane_start(&relay->backplane, relay);
	if (rc != 0)
		return rc;
	crash_mark();
	for (uint32_t slot = 0; slot < relay->shards.end; slot++)
		start_ring(relay, slot);
	rivals_resync(&relay->rivals);
	changeover_serve(&relay->changeover, relay);
	backplane_serve(&relay->backplane);
	return 0;
}

/* Of a gateway's table and rings? */
static bool
is_of_shard(enum slot_fd_kind kind, uint32_t index)
{
	return index < SLOT_MAX_WORKERS &&
	    (kind == SLOT_FD_TABLE || kind == SLOT_FD_RING_UP ||
		kind == SLOT_FD_RING_UP_EVENT || kind == SLOT_FD_RING_DOWN ||
		kind == SLOT_FD_RING_DOWN_EVENT);
}

static void
relay_fd_changed(struct worker *worker, enum slot_fd_kind kind, uint32_t index,
    int old_fd)
{
	const struct timeval soon = { 0, 1000 };
	struct relay *relay = worker->context;

	(void)old_fd;
	if (!is_of_shard(kind, index))
		return;
	if (kind == SLOT_FD_TABLE &&
	    shards_follow(&relay->shards, worker, index)) {
		rivals_resync(&relay->rivals);
		return;
	}
	/* The slot has new memory; the rest of its fds follow. */
	if (relay->shards.items[index].attached) {
		ring_up_stop(&relay->ring_up[index]);
		ingress_slot_gone(&relay->ingress, index);
		shards_detach(&relay->shards, index);
		delivery_slot_gone(&relay->delivery, index);
	}
	relay->stale[index] = true;
	(void)event_add(relay->rebind, &soon);
}

void
relay_drop_slot(struct relay *relay, uint32_t slot)
{
	ring_up_finish(&relay->ring_up[slot]);
	ingress_slot_gone(&relay->ingress, slot);
	shards_detach(&relay->shards, slot);
	delivery_slot_gone(&relay->delivery, slot);
}

/* A slot that was removed. */
static bool
relay_fd_going(struct worker *worker, enum slot_fd_kind kind, uint32_t index,
    int fd)
{
	struct relay *relay = worker->context;

	(void)fd;
	if (!is_of_shard(kind, index))
		return false;
	relay->stale[index] = false;
	if (!relay->shards.items[index].attached)
		return true;
	relay_drop_slot(relay, index);
	routes_resync(&relay->routes, "a slot was removed");
	return true;
}

static void
relay_settings_changed(struct worker *worker, const struct settings *old)
{
	struct relay *relay = worker->context;

	(void)old;
	api_apply_settings(&relay->api);
	backplane_apply_settings(&relay->backplane);
}

static void
relay_message(struct worker *worker, struct message *message)
{
	struct relay *relay = worker->context;

	if (message->kind == MSG_REQUEST)
		operator_request(relay,
		    (const Holdfast__Request *)message->body);
	else if (message->kind == MSG_DRAIN)
		farewell_begin(&relay->farewell,
		    ((const Holdfast__Drain *)message->body)->window_ms);
}

static void
relay_recycle(struct worker *worker)
{
	const struct timeval pace = { 0, 10000 };
	struct relay *relay = worker->context;

	if (relay->phase != RELAY_SERVES)
		return;
	api_part(&relay->api);
	begin_phase(relay, RELAY_ENDS_CALLS);
	if (event_add(relay->leave, &pace) != 0)
		worker_leave(worker, WORKER_EXIT_RECYCLE);
	event_active(relay->leave, EV_TIMEOUT, 0);
}

static void
relay_let_go(struct worker *worker)
{
	struct relay *relay = worker->context;

	relay->is_giving = true;
	/* Another order in place of the last one has a time of its own, and
	 * another mark. */
	if (relay->phase != RELAY_SERVES)
		begin_phase(relay, RELAY_ENDS_CALLS);
	relay_recycle(worker);
}

/* The slot could not be given.  Whoever takes it next, this relay has not lost
 * what was published meanwhile; another one of its keeper would have. */
static void
relay_keep(struct worker *worker)
{
	struct relay *relay = worker->context;

	if (worker->is_recycling) {
		worker_leave(worker, WORKER_EXIT_RECYCLE);
		return;
	}
	/* It was asked before it served. */
	if (relay->phase == RELAY_SERVES)
		return;
	relay->phase = RELAY_SERVES;
	relay->is_giving = false;
	changeover_keep(&relay->changeover);
	ingress_resume(&relay->ingress);
	inbox_resume(&relay->inbox);
	canary_resume(&relay->canary);
	api_resume(&relay->api);
}

const struct worker_ops relay_ops = {
	.kind = SLOT_KIND_RELAY,
	.program = "holdfast-relay",
	.label = 'r',
	.stand_by = relay_stand_by,
	.attach = relay_attach,
	.start = relay_start,
	.fd_changed = relay_fd_changed,
	.fd_going = relay_fd_going,
	.settings_changed = relay_settings_changed,
	.message = relay_message,
	.recycle = relay_recycle,
	.let_go = relay_let_go,
	.keep = relay_keep,
};
