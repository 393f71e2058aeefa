/* SPDX-License-Identifier: ISC */
/*
 * The relay's frame operations and its tick, see relay.h.
 */
#include "worker/relay/relay.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "worker/relay/operator.h"

#define RELAY_LEAVE_MS 2000u /* that requests under way may take */

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
		bind_slot(relay, slot);
		start_ring(relay, slot);
	}
	rivals_resync(&relay->rivals);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct relay *relay = arg;

	(void)fd;
	(void)what;
	api_tick(&relay->api);
	rivals_poll(&relay->rivals);
	shards_wake(&relay->shards);
	if (relay->leave_by_ms != 0 &&
	    (api_busy(&relay->api) == 0 ||
		clock_mono_ms() >= relay->leave_by_ms))
		worker_leave(relay->worker, WORKER_EXIT_RECYCLE);
}

static int
relay_attach(struct worker *worker)
{
	struct relay *relay = calloc(1, sizeof(*relay));

	if (relay == NULL)
		return -ENOMEM;
	relay->worker = worker;
	worker->context = relay;
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
	if (relay->tick == NULL || relay->rebind == NULL ||
	    event_add(relay->tick, &second) != 0)
		return -ENOMEM;
	rc = delivery_start(&relay->delivery, relay);
	if (rc == 0)
		rc = rivals_start(&relay->rivals, relay);
	if (rc == 0)
		rc = api_start(&relay->api, relay);
	if (rc != 0)
		return rc;
	for (uint32_t slot = 0; slot < relay->shards.end; slot++)
		start_ring(relay, slot);
	rivals_resync(&relay->rivals);
	return 0;
}

static void
relay_fd_changed(struct worker *worker, enum slot_fd_kind kind, uint32_t index,
    int old_fd)
{
	const struct timeval soon = { 0, 1000 };
	struct relay *relay = worker->context;

	(void)old_fd;
	if (index >= SLOT_MAX_WORKERS ||
	    (kind != SLOT_FD_TABLE && kind != SLOT_FD_RING_UP &&
		kind != SLOT_FD_RING_UP_EVENT && kind != SLOT_FD_RING_DOWN &&
		kind != SLOT_FD_RING_DOWN_EVENT))
		return;
	/* The slot has new memory; the rest of its fds follow. */
	if (relay->shards.items[index].attached) {
		ring_up_stop(&relay->ring_up[index]);
		shards_detach(&relay->shards, index);
		delivery_slot_gone(&relay->delivery, index);
	}
	relay->stale[index] = true;
	(void)event_add(relay->rebind, &soon);
}

static void
relay_settings_changed(struct worker *worker, const struct settings *old)
{
	struct relay *relay = worker->context;

	(void)old;
	api_apply_settings(&relay->api);
}

static void
relay_message(struct worker *worker, struct message *message)
{
	struct relay *relay = worker->context;

	if (message->kind == MSG_REQUEST)
		operator_request(relay,
		    (const Holdfast__Request *)message->body);
}

static void
relay_recycle(struct worker *worker)
{
	struct relay *relay = worker->context;

	api_pause(&relay->api);
	relay->leave_by_ms = clock_mono_ms() + RELAY_LEAVE_MS;
	if (api_busy(&relay->api) == 0)
		worker_leave(worker, WORKER_EXIT_RECYCLE);
}

const struct worker_ops relay_ops = {
	.kind = SLOT_KIND_RELAY,
	.program = "holdfast-relay",
	.label = 'r',
	.attach = relay_attach,
	.start = relay_start,
	.fd_changed = relay_fd_changed,
	.settings_changed = relay_settings_changed,
	.message = relay_message,
	.recycle = relay_recycle,
};
