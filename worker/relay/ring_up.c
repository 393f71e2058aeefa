/* SPDX-License-Identifier: ISC */
/*
 * Takes entries out of a gateway's ring in batches.  The tail moves behind each
 * entry once its effect is done; a relay that dies in between reads it again,
 * which is harmless: routes are looked up in the table, and receipts carry
 * tokens that the next relay does not know.
 */
#include "worker/relay/ring_up.h"

#include <errno.h>
#include <string.h>

#include "lib/log.h"
#include "proto/ring_messages.h"
#include "worker/relay/relay.h"
#include "worker/relay/up_entry.h"

#define BATCH	       4096 /* entries in one turn of the loop */
#define FINISH_BATCHES 64

/* A client has come or gone: the table says which. */
static void
on_route(struct ring_up *up, const struct ring_entry *entry)
{
	struct up_route route;

	if (!up_entry_route(entry, &route))
		return;
	routes_touch(&up->relay->routes, route.id, route.id_len);
	if (entry->kind == RING_CONNECTED && up->relay->shards.end > 1)
		rivals_check(&up->relay->rivals, route.id, route.id_len);
}

static void
on_receipt(struct ring_up *up, const struct ring_entry *entry)
{
	struct ring_receipt receipt;

	if (up_entry_receipt(entry, &receipt))
		delivery_receipt(&up->relay->delivery, up->slot, &receipt);
}

static void
take(struct ring_up *up, const struct ring_entry *entry)
{
	switch (entry->kind) {
	case RING_CONNECTED:
	case RING_DISCONNECTED:
		on_route(up, entry);
		break;
	case RING_RECEIPT:
		on_receipt(up, entry);
		break;
	default:
		break;
	}
}

/* 1: more is there, 0: the ring is empty. */
static int
drain(struct ring_up *up)
{
	struct ring *ring = &up->relay->shards.items[up->slot].up;
	struct ring_entry entry;
	int i, rc;

	for (i = 0; i < BATCH; i++) {
		rc = ring_peek(ring, &entry);
		if (rc == 0)
			return 0;
		if (rc < 0) {
			ring_skip_all(ring);
			counter_add(relay_counters(up->relay),
			    COUNTER_RINGS_BROKEN, 1);
			log_warn("ring_broken",
			    "the gateway's reports are "
			    "skipped and its table is read",
			    log_uint("slot", up->slot), log_errno(rc));
			rivals_resync(&up->relay->rivals);
			routes_resync(&up->relay->routes,
			    "a gateway's reports make no sense");
			return 0;
		}
		crash_mark();
		take(up, &entry);
		ring_consume(ring, &entry);
	}
	return 1;
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct ring_up *up = arg;
	struct relay *relay = up->relay;
	struct ring *ring = &relay->shards.items[up->slot].up;

	(void)fd;
	(void)what;
	worker_beat(relay->worker);
	ring_awake(ring);
	if (drain(up) != 0 || ring_sleep(ring) != 0)
		event_active(up->wake, EV_READ, 0);
	ingress_wake(&relay->ingress, up->slot); /* it has the same eventfd */
	rivals_poll(&relay->rivals);
	shards_wake(&relay->shards);
}

int
ring_up_start(struct ring_up *up, struct relay *relay, uint32_t slot)
{
	up->relay = relay;
	up->slot = slot;
	up->wake = event_new(relay->worker->base,
	    relay->shards.items[slot].up.event_fd, EV_READ | EV_PERSIST,
	    on_wake, up);
	if (up->wake == NULL)
		return -ENOMEM;
	if (event_add(up->wake, NULL) != 0) {
		ring_up_stop(up);
		return -ENOMEM;
	}
	event_active(up->wake, EV_READ, 0);
	return 0;
}

void
ring_up_stop(struct ring_up *up)
{
	if (up->wake != NULL)
		event_free(up->wake);
	up->wake = NULL;
}

void
ring_up_finish(struct ring_up *up)
{
	/* Bounded, for a writer that is not gone may lie. */
	for (int i = 0; i < FINISH_BATCHES && drain(up) != 0; i++)
		worker_beat(up->relay->worker);
	ring_up_stop(up);
}
