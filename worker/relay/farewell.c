/* SPDX-License-Identifier: ISC */
/*
 * See farewell.h.
 */
#include "worker/relay/farewell.h"

#include <errno.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "worker/relay/relay.h"

static const struct timeval pace = { 0, 10000 };

/* Their last words are in the rings; connections of one that did not come to
 * say any are still in its table. */
static void
hear_gateways(struct relay *relay)
{
	bool is_missed = false;

	rivals_poll(&relay->rivals);
	for (uint32_t slot = 0; slot < SLOT_MAX_WORKERS; slot++) {
		const struct shard *shard = &relay->shards.items[slot];

		if (!shard->attached)
			continue;
		is_missed |= shard->table.is_foreign ||
		    atomic_load(&shard->table.header->live) > 0;
		ingress_wake(&relay->ingress, slot);
		relay_drop_slot(relay, slot);
	}
	if (is_missed)
		routes_resync(&relay->routes, "connections were cut off");
}

static void
finish(struct farewell *farewell)
{
	Holdfast__Drained told = HOLDFAST__DRAINED__INIT;
	struct relay *relay = farewell->relay;
	uint64_t messages = ingress_abandon(&relay->ingress);

	event_del(farewell->step);
	if (messages > 0)
		log_warn("ingress_lost",
		    "what clients have sent, and Redis has not confirmed",
		    log_uint("messages", messages));
	if (!relay->routes.is_unmarked && backplane_is_on(&relay->backplane))
		log_notice("routes_left", "the fleet's leader removes them",
		    log_uint("at_least", routes_left(&relay->routes)));
	told.left = routes_left(&relay->routes);
	worker_send(relay->worker, MSG_DRAINED, &told.base);
}

static void
on_step(evutil_socket_t fd, short what, void *arg)
{
	struct farewell *farewell = arg;
	struct relay *relay = farewell->relay;

	(void)fd;
	(void)what;
	crash_mark();
	worker_beat(relay->worker);
	if (clock_mono_ms() >= farewell->end_ms ||
	    (ingress_is_empty(&relay->ingress) &&
		routes_have_parted(&relay->routes)))
		finish(farewell);
}

void
farewell_begin(struct farewell *farewell, uint64_t within_ms)
{
	if (farewell->end_ms != 0)
		return;
	farewell->end_ms = clock_mono_ms() + within_ms;
	hear_gateways(farewell->relay);
	if (event_add(farewell->step, &pace) != 0)
		finish(farewell);
}

int
farewell_start(struct farewell *farewell, struct relay *relay)
{
	memset(farewell, 0, sizeof(*farewell));
	farewell->relay = relay;
	farewell->step = event_new(relay->worker->base, -1, EV_PERSIST, on_step,
	    farewell);
	return farewell->step == NULL ? -ENOMEM : 0;
}
