/* SPDX-License-Identifier: ISC */
/*
 * More and fewer gateway slots (see resizer.h).  All is done from one event,
 * which looks at what there is and takes the steps that are due.
 */
#include "supervisor/slot/resizer.h"

#include <errno.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "supervisor/slot/slot_link.h"
#include "supervisor/supervisor.h"

/* Beyond drain.window: close handshakes, and a tenant that died meanwhile. */
#define LEAVE_EXTRA_MS 15000

static void on_turn(evutil_socket_t fd, short what, void *arg);

int
resizer_init(struct supervisor *sup)
{
	sup->resizer.wanted = sup->conf.settings.node.workers;
	sup->resizer.most = sup->gateways;
	sup->resizer.turn = evtimer_new(sup->base, on_turn, sup);
	return sup->resizer.turn == NULL ? -ENOMEM : 0;
}

void
resizer_clear(struct supervisor *sup)
{
	if (sup->resizer.turn != NULL)
		event_free(sup->resizer.turn);
	sup->resizer.turn = NULL;
}

void
resizer_poke(struct supervisor *sup)
{
	const struct timeval now = { 0 };

	if (sup->resizer.turn != NULL)
		event_add(sup->resizer.turn, &now);
}

int
resizer_set(struct supervisor *sup, uint32_t wanted, const char *by)
{
	if (wanted < 1 || wanted > SLOT_MAX_WORKERS)
		return -ERANGE;
	sup->conf.settings.node.workers = wanted;
	sup->conf.workers_set_by = by;
	/* For the supervisor after us, which only knows the file. */
	atomic_store(&sup->node.shared->workers_asked, by == NULL ? 0 : wanted);
	if (wanted != sup->resizer.wanted)
		log_notice("workers_wanted", NULL, log_uint("workers", wanted),
		    log_uint("before", sup->resizer.wanted),
		    log_text("by", by == NULL ? "reload" : by));
	sup->resizer.wanted = wanted;
	resizer_poke(sup);
	return 0;
}

bool
resizer_is_ending(const struct slot *slot)
{
	return slot->leaving &&
	    (slot->state == SLOT_STOPPING || slot->state == SLOT_STOPPED);
}

uint32_t
resizer_staying(const struct supervisor *sup)
{
	uint32_t i, n = 0;

	for (i = 0; i < sup->gateways; i++)
		n += !sup->slots[i]->leaving;
	return n;
}

static void
tell(struct supervisor *sup, const struct slot *slot, const char *kind)
{
	uint32_t connections = atomic_load(
	    &sup->node.shared->slot[slot->number].connections);

	log_notice(kind, NULL, log_text("slot", slot->label),
	    log_uint("connections", connections));
	supervisor_event(sup, kind, (int)slot->number, NULL, NULL, connections);
}

/* The shares of what all slots have together are others now. */
static void
share_anew(struct supervisor *sup)
{
	uint32_t i;

	atomic_store(&sup->node.shared->slots, sup->gateways);
	if (supervisor_apply_settings(sup) != 0)
		return;
	for (i = 0; i < sup->slot_count; i++)
		(void)slot_send_settings(sup->slots[i]);
}

/* ---- fewer ------------------------------------------------------------- */

static void
drain(struct slot *slot)
{
	uint64_t now = clock_mono_ms();
	uint64_t end = slot->leave_by_ms - LEAVE_EXTRA_MS;

	if (slot_has_tenant(slot) && slot->state != SLOT_EVACUATING)
		(void)slot_drain(slot, DRAIN_CLOSE_CODE,
		    end > now ? end - now : 0, 0, false);
}

static void
begin_leave(struct slot *slot)
{
	struct supervisor *sup = slot->sup;

	slot->leaving = true;
	slot->drained = false;
	slot->leave_by_ms = clock_mono_ms() +
	    sup->conf.settings.drain.window_ms + LEAVE_EXTRA_MS;
	tell(sup, slot, "slot_leaving");
	drain(slot);
}

/* Its tenant accepts nothing any more, and has nothing. */
static bool
is_empty(const struct slot *slot)
{
	const struct node_slot *counts =
	    &slot->sup->node.shared->slot[slot->number];

	return slot->drained ||
	    (atomic_load(&counts->accepting) == 0 &&
		atomic_load(&counts->connections) == 0);
}

static void
go_on_leaving(struct slot *slot)
{
	bool is_late = clock_mono_ms() >= slot->leave_by_ms;

	if (slot->state == SLOT_STOPPED || slot->state == SLOT_STOPPING)
		return;
	/* Its clients may be another keeper's by now, which has not told; and
	 * who waits for its next tenant would wait in vain. */
	if (slot->handoff != NULL || recycler_waits_for(slot->sup, slot))
		return;
	if (slot->state != SLOT_DOWN && slot->state != SLOT_WAITING &&
	    !is_empty(slot)) {
		if (!is_late)
			return;
		tell(slot->sup, slot, "slot_cut_off");
	}
	slot_stop(slot, false);
}

static bool
is_over(const struct slot *slot)
{
	return slot->state == SLOT_STOPPED && slot->handoff == NULL;
}

static void
remove_last(struct supervisor *sup)
{
	struct slot *slot = sup->slots[sup->gateways - 1];
	struct node_slot *counts = &sup->node.shared->slot[slot->number];

	sup->gateways--;
	sup->slots[sup->gateways] = sup->relay;
	sup->slots[--sup->slot_count] = NULL;
	atomic_store(&counts->accepting, 0);
	node_slot_forget(counts);
	node_ip_clear(&sup->node, slot->number);
	share_anew(sup);
	/* It forgets the slot's table and rings. */
	(void)slot_link_refresh(sup->relay);
	run_state_save_slots(sup);
	tell(sup, slot, "slot_removed");
	slot_free(slot);
}

/* ---- more -------------------------------------------------------------- */

/* The lowest slot that leaves stays; false: its end has begun. */
static bool
take_back(struct supervisor *sup)
{
	uint32_t i = resizer_staying(sup);
	struct slot *slot = i < sup->gateways ? sup->slots[i] : NULL;

	if (slot == NULL || slot->state == SLOT_STOPPING ||
	    slot->state == SLOT_STOPPED)
		return false;
	slot->leaving = slot->drained = false;
	slot->leave_by_ms = 0;
	(void)slot_undrain(slot);
	tell(sup, slot, "slot_stays");
	return true;
}

static int
add_one(struct supervisor *sup)
{
	struct slot *slot;
	int rc = slot_new(sup, SLOT_KIND_GATEWAY, sup->gateways, &slot);

	if (rc != 0)
		return rc;
	slot->joining = true;
	sup->slots[sup->gateways++] = slot;
	sup->slots[sup->gateways] = sup->relay;
	sup->slot_count = sup->gateways + 1;
	if (sup->resizer.most < sup->gateways)
		sup->resizer.most = sup->gateways;
	share_anew(sup);
	tell(sup, slot, "slot_added");
	slot_start(slot);
	return 0;
}

/* It goes on with a drain over whose end its predecessor died, or ours did;
 * an evacuation goes on to its own end. */
static bool
is_left_over(const struct slot *slot)
{
	const struct node_slot_drain *drain =
	    &slot->sup->node.shared->slot[slot->number].drain;

	return atomic_load(&drain->close_code) != 0 &&
	    (atomic_load(&drain->flags) & NODE_SLOT_DRAIN_LEAVE) == 0;
}

void
resizer_slot_up(struct supervisor *sup, struct slot *slot)
{
	if (!slot_is_gateway(slot))
		return;
	slot->joining = false;
	/* Until then it is not known whether the node is drained. */
	if (!sup->is_open || lifecycle_is_draining(sup))
		return;
	if (slot->leaving)
		drain(slot);
	else if (is_left_over(slot))
		(void)slot_undrain(slot);
}

void
resizer_open(struct supervisor *sup)
{
	uint32_t i;

	for (i = 0; i < sup->gateways; i++) {
		if (slot_has_tenant(sup->slots[i]))
			resizer_slot_up(sup, sup->slots[i]);
	}
}

/* ---- the turn ---------------------------------------------------------- */

/* While the node is drained its own pace holds for all slots. */
static void
give_way(struct supervisor *sup)
{
	uint32_t i;

	for (i = 0; i < sup->gateways; i++)
		sup->slots[i]->leave_by_ms = 0;
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct supervisor *sup = arg;
	uint32_t i, staying;

	(void)fd;
	(void)what;
	if (lifecycle_is_draining(sup)) {
		give_way(sup);
		return;
	}
	/* Another supervisor takes over what there is. */
	if (!sup->was_ready || upgrade_is_active(sup))
		return;
	staying = resizer_staying(sup);
	for (; staying > sup->resizer.wanted; staying--)
		begin_leave(sup->slots[staying - 1]);
	while (staying < sup->resizer.wanted && take_back(sup))
		staying++;
	for (i = staying; i < sup->gateways; i++) {
		if (sup->slots[i]->leave_by_ms == 0)
			begin_leave(sup->slots[i]);
		go_on_leaving(sup->slots[i]);
	}
	/* These go through the slots by their index. */
	if (sup->recycler.runs || sup->mover.runs)
		return;
	while (
	    sup->gateways > staying && is_over(sup->slots[sup->gateways - 1]))
		remove_last(sup);
	while (sup->gateways == staying && staying < sup->resizer.wanted) {
		int rc = add_one(sup);

		if (rc != 0) {
			log_error("slot_not_added", "it is tried again",
			    log_errno(rc));
			return;
		}
		staying++;
	}
}
