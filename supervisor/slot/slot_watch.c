/* SPDX-License-Identifier: ISC */
/*
 * Hang detection (see slot_watch.h and stall.h).
 */
#include "supervisor/slot/slot_watch.h"

#include <errno.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "supervisor/slot/slot_handoff.h"
#include "supervisor/slot/slot_process.h"
#include "supervisor/supervisor.h"

static uint64_t
period_ms(const struct supervisor *sup)
{
	uint64_t ms = sup->conf.settings.worker.stall_ms / 8;

	return ms < 10 ? 10 : ms;
}

static bool
is_watched(const struct slot *slot)
{
	return slot->state == SLOT_ADOPTING || slot->state == SLOT_SERVING ||
	    slot->state == SLOT_EVACUATING || slot->state == SLOT_KEEPER_LOST;
}

static void
check_slot(struct supervisor *sup, struct slot *slot, uint64_t now, bool late)
{
	const struct slot_header *header = slot->memory.table.header;
	uint64_t allowed = sup->conf.settings.worker.stall_ms;
	uint64_t beat;

	if (!is_watched(slot) || header == NULL)
		return;
	beat = atomic_load(&header->heartbeat);
	if (late) {
		stall_reset(&slot->stall, beat, now);
		return;
	}
	if (!stall_check(&slot->stall, beat, now, allowed))
		return;
	log_error("tenant_stalled", "it is killed, its keeper starts the next",
	    log_text("slot", slot->label),
	    log_int("tenant_pid", slot->tenant.pid),
	    log_uint("stood_still_ms", now - slot->stall.moved_ms));
	supervisor_event(sup, "tenant_stalled", (int)slot->number, NULL, NULL,
	    (int64_t)(now - slot->stall.moved_ms));
	stall_reset(&slot->stall, beat, now);
	slot_feed(slot, SLOT_EV_STALL);
}

static void
on_beat(evutil_socket_t fd, short what, void *arg)
{
	struct supervisor *sup = arg;
	uint64_t now = clock_mono_ms();
	bool late = stall_watcher_late(sup->watch.last_ms, now, period_ms(sup),
	    sup->conf.settings.worker.stall_ms);
	uint32_t i;

	(void)fd;
	(void)what;
	if (late)
		log_warn("watch_late", "no tenant is blamed for this time",
		    log_uint("ms", now - sup->watch.last_ms));
	sup->watch.last_ms = now;
	for (i = 0; i < sup->slot_count; i++)
		check_slot(sup, sup->slots[i], now, late);
}

static void
on_second(evutil_socket_t fd, short what, void *arg)
{
	struct supervisor *sup = arg;
	struct node_shared *shared = sup->node.shared;

	(void)fd;
	(void)what;
	atomic_store(&shared->supervisor_heartbeat,
	    atomic_load(&shared->supervisor_heartbeat) + 1);
	rates_sample(sup, clock_mono_ms());
	slot_process_reap_strays(sup);
	slot_handoff_sweep(sup, false);
	run_state_retry(sup);
	log_flush_suppressed();
	lifecycle_slot_changed(sup);
	recycler_poke(sup);
	resizer_poke(sup);
	lifecycle_tell_status(sup);
}

void
slot_watch_rearm(struct supervisor *sup)
{
	uint64_t ms = period_ms(sup);
	struct timeval tv = { .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };

	sup->watch.last_ms = clock_mono_ms();
	event_add(sup->watch.beat, &tv);
}

int
slot_watch_start(struct supervisor *sup)
{
	struct timeval second = { .tv_sec = 1 };

	sup->watch.beat = event_new(sup->base, -1, EV_PERSIST, on_beat, sup);
	sup->watch.second = event_new(sup->base, -1, EV_PERSIST, on_second,
	    sup);
	if (sup->watch.beat == NULL || sup->watch.second == NULL ||
	    event_add(sup->watch.second, &second) != 0)
		return -ENOMEM;
	slot_watch_rearm(sup);
	return 0;
}

void
slot_watch_stop(struct supervisor *sup)
{
	if (sup->watch.beat != NULL)
		event_free(sup->watch.beat);
	if (sup->watch.second != NULL)
		event_free(sup->watch.second);
	sup->watch.beat = sup->watch.second = NULL;
}
