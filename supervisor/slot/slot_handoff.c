/* SPDX-License-Identifier: ISC */
/*
 * The supervisor's part of a handoff (see slot_handoff.h): two struct slots, a
 * deadline, and one decision.
 */
#include "supervisor/slot/slot_handoff.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/backoff.h"
#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/random.h"
#include "proto/slot_owner.h"
#include "supervisor/slot/slot_link.h"
#include "supervisor/slot/slot_process.h"
#include "supervisor/supervisor.h"

#define GATEWAY_S 15
/* Requests under way are answered first. */
#define RELAY_S	   30
#define ANSWER_MS  3000u
#define RETIRED_MS 5000u

#define REPLACE_MIN_MS 500
#define REPLACE_MAX_MS 30000

struct slot_handoff {
	struct slot *from; /* borrowed */
	struct slot *to;   /* owned, until it has the place */
	int give_end;	   /* owned: the giver's, until it is sent */
	uint32_t number;   /* of the order: a late answer is to another one */
	bool is_final;	   /* the giver refused */
	struct event *deadline;
	slot_handoff_cb *cb;
	void *arg;
};

static struct slot_header *
header_of(const struct slot *slot)
{
	return slot->memory.table.header;
}

static void
retire(struct slot *slot)
{
	slot->next_retired = slot->sup->retired;
	slot->sup->retired = slot;
	slot->state_since_ms = clock_mono_ms();
}

static void
take_place(struct slot *from, struct slot *to)
{
	struct supervisor *sup = from->sup;
	uint32_t i;

	for (i = 0; i < sup->slot_count; i++)
		if (sup->slots[i] == from)
			sup->slots[i] = to;
	if (sup->relay == from)
		sup->relay = to;
	to->crashes = from->crashes;
	to->seen_unattributed = from->seen_unattributed;
	to->renewals = from->renewals;
	to->renewals_in_row = from->renewals_in_row;
	to->evacuate_until_ms = from->evacuate_until_ms;
	to->drained = from->drained;
	/* Also one that has not told so yet: it has the clients. */
	to->served = from->served;
	to->leaving = from->leaving;
	to->leave_by_ms = from->leave_by_ms;
	to->takes_from = NULL;
	if (slot_is_gateway(to) && sup->relay != NULL)
		(void)slot_link_tell_table(sup->relay, to);
}

static void
clear(struct slot_handoff *handoff)
{
	handoff->from->handoff = NULL;
	event_free(handoff->deadline);
	fd_close(&handoff->give_end);
	free(handoff);
}

static void
tell(struct slot *slot, const struct slot_handoff_result *result)
{
	if (result->moved) {
		log_notice("slot_moved", NULL, log_text("slot", slot->label),
		    log_uint("connections", result->connections),
		    log_uint("pause_us", result->pause_us));
		supervisor_event(slot->sup, "slot_moved", (int)slot->number,
		    NULL, "to a new keeper", (int64_t)result->pause_us);
		return;
	}
	log_warn("slot_not_moved", "its old tenant serves on",
	    log_text("slot", slot->label), log_text("reason", result->reason));
	supervisor_event(slot->sup, "slot_not_moved", (int)slot->number, NULL,
	    result->reason, 0);
}

/* Connections whose record or socket made no sense to the new tenant.  The old
 * table says how many those were before it moved: nobody writes it any more.
 * One of another layout cannot be asked. */
static uint32_t
severed(const struct slot *from, const struct slot *to)
{
	const struct counters *before = &header_of(from)->counters;
	const struct counters *after = &header_of(to)->counters;

	if (from->memory.table.is_foreign)
		return 0;
	return (uint32_t)(counter_get(after, COUNTER_CLOSE_INVALID) -
	    counter_get(before, COUNTER_CLOSE_INVALID));
}

/* The slot is to's now, alive or not. */
static void
settle_moved(struct slot_handoff *handoff)
{
	struct slot *from = handoff->from, *to = handoff->to;
	const struct slot_header *h = header_of(to);
	struct slot_handoff_result result = { .moved = true,
		.connections = atomic_load(&h->live),
		.severed = severed(from, to) };
	slot_handoff_cb *cb = handoff->cb;
	void *arg = handoff->arg;

	if (h->served_ns > h->died_ns)
		result.pause_us = (h->served_ns - h->died_ns) / 1000;
	take_place(from, to);
	clear(handoff);
	retire(from);
	/* Before the old keeper ends: a supervisor that finds the list finds
	 * whoever has the slot. */
	run_state_save_slots(to->sup);
	slot_feed(from, SLOT_EV_STOP);
	tell(to, &result);
	if (cb != NULL)
		cb(to, &result, arg);
}

static void
replace_later(struct slot *slot)
{
	struct backoff backoff = { REPLACE_MIN_MS, REPLACE_MAX_MS,
		slot->replace_tries++ };
	uint32_t ms = backoff_next(&backoff, random_u32());
	struct timeval tv = { .tv_sec = ms / 1000,
		.tv_usec = ms % 1000 * 1000 };

	event_add(slot->timer, &tv);
}

/* The slot stays.  The taker is ended before the giver can be given another
 * one; it cannot have got the slot, nor get it any more. */
static void
settle_failed(struct slot_handoff *handoff, const char *reason)
{
	struct slot *from = handoff->from, *to = handoff->to;
	char text[200];
	struct slot_handoff_result result = { .reason = text,
		.is_final = handoff->is_final };
	slot_handoff_cb *cb = handoff->cb;
	void *arg = handoff->arg;

	snprintf(text, sizeof(text), "%s", reason);
	if (header_of(from) != NULL)
		atomic_store(&header_of(from)->handoff_wanted, 0u);
	slot_process_kill(&to->keeper);
	slot_process_kill(&to->tenant);
	slot_link_close(&to->to_keeper);
	slot_link_close(&to->to_tenant);
	event_del(to->timer);
	event_del(to->kill_timer);
	to->state = SLOT_STOPPED;
	to->takes_from = NULL;
	clear(handoff);
	retire(to);
	run_state_save_slots(from->sup);
	tell(from, &result);
	if (from->state == SLOT_KEEPER_LOST)
		replace_later(from);
	if (cb != NULL)
		cb(from, &result, arg);
}

static void
settle(struct slot_handoff *handoff, const char *reason)
{
	struct slot_header *header = header_of(handoff->from);

	if (header != NULL && !slot_owner_revoke(&header->owner))
		settle_moved(handoff);
	else
		settle_failed(handoff, reason);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	settle(arg, "it took too long");
}

int
slot_handoff_start(struct slot *slot, slot_handoff_cb *cb, void *arg)
{
	struct timeval tv = { slot_is_gateway(slot) ? GATEWAY_S : RELAY_S, 0 };
	struct slot_handoff *handoff;
	int ends[2], rc;

	if (slot->handoff != NULL)
		return -EBUSY;
	/* Slots are still being found: a tenant without settings would serve
	 * as nobody asked for. */
	if (slot->sup->gateway_settings == -1)
		return -EAGAIN;
	if (header_of(slot) == NULL || slot->to_tenant.channel.fd == -1)
		return -ENOTCONN;
	handoff = calloc(1, sizeof(*handoff));
	if (handoff == NULL)
		return -ENOMEM;
	handoff->from = slot;
	handoff->cb = cb;
	handoff->arg = arg;
	handoff->give_end = -1;
	handoff->number = random_u32();
	handoff->deadline = evtimer_new(slot->sup->base, on_deadline, handoff);
	rc = handoff->deadline == NULL ? -ENOMEM : channel_pair(ends);
	if (rc == 0)
		rc = slot_new(slot->sup, slot->kind, slot->number,
		    &handoff->to);
	if (rc != 0) {
		if (handoff->deadline != NULL)
			event_free(handoff->deadline);
		free(handoff);
		return rc;
	}
	handoff->give_end = ends[0];
	handoff->to->handoff_end = ends[1];
	handoff->to->takes_from = slot;
	slot->handoff = handoff;
	event_add(handoff->deadline, &tv);
	slot_start(handoff->to);
	return 0;
}

void
slot_handoff_replace(struct slot *slot)
{
	int rc;

	/* If that one fails, it is tried again. */
	if (slot->handoff != NULL)
		return;
	rc = slot_handoff_start(slot, NULL, NULL);
	if (rc == 0)
		return;
	if (rc != -EAGAIN)
		log_error("keeper_not_replaced", "tried again",
		    log_text("slot", slot->label), log_errno(rc));
	replace_later(slot);
}

int
slot_handoff_memory(struct slot *to)
{
	const struct slot *from = to->takes_from;
	const struct slot_header *h = header_of(from);
	struct slot_memory_spec spec = {
		.kind = to->kind,
		.slot = to->number,
		.capacity = from->memory.table.capacity,
		.epoch = h->epoch,
		.arena_limit = to->sup->arena.limit,
		.nonce = h->nonce,
		.hash_key = h->hash_key,
	};

	to->nonce = h->nonce;
	return slot_memory_succeed(&to->memory, &from->memory, &spec);
}

void
slot_handoff_order(struct slot *to)
{
	struct slot *from = to->takes_from;
	struct slot_handoff *handoff = from->handoff;
	Holdfast__Handoff order = HOLDFAST__HANDOFF__INIT;
	int rc;

	/* Its second tenant has come: the first one got the slot. */
	if (handoff->give_end == -1)
		return;
	order.deadline_ms = ANSWER_MS;
	order.has_number = 1;
	order.number = handoff->number;
	atomic_store(&header_of(from)->handoff_wanted, 1u);
	rc = slot_link_send(&from->to_tenant, MSG_HANDOFF, &order.base,
	    &handoff->give_end, 1);
	fd_close(&handoff->give_end);
	if (rc != 0)
		settle(handoff, "its tenant cannot be reached");
}

void
slot_handoff_finish(struct slot *to)
{
	struct slot_handoff *handoff = to->takes_from->handoff;

	if (slot_owner_has_moved(&header_of(handoff->from)->owner))
		settle_moved(handoff);
}

void
slot_handoff_failed(struct slot *from, const Holdfast__HandoffFailed *failed)
{
	struct slot_handoff *handoff = from->handoff;

	if (handoff == NULL ||
	    (failed->has_number && failed->number != handoff->number))
		return;
	handoff->is_final = failed->has_is_final && failed->is_final;
	settle(handoff, failed->reason);
}

struct slot *
slot_handoff_end(struct slot *slot, const char *reason)
{
	struct slot *to;

	if (slot->handoff == NULL)
		return slot;
	to = slot->handoff->to;
	settle(slot->handoff, reason);
	return to->state == SLOT_STOPPED ? slot : to;
}

bool
slot_handoff_concerns(struct slot *slot, enum slot_action action)
{
	struct slot_handoff *handoff;
	bool moved;

	if (action != SLOT_ACT_RENEW && action != SLOT_ACT_LOST &&
	    action != SLOT_ACT_STOPPED)
		return false;
	if (slot->takes_from != NULL) {
		handoff = slot->takes_from->handoff;
		settle(handoff, "the new tenant ended");
		/* In its place it is a slot like any other. */
		return slot->state == SLOT_STOPPED;
	}
	if (slot->handoff == NULL || action != SLOT_ACT_RENEW)
		return false;
	moved = slot_owner_has_moved(&header_of(slot)->owner);
	if (!moved)
		settle(slot->handoff, "the old tenant ended");
	return moved;
}

const struct slot *
slot_handoff_taker(const struct slot *slot)
{
	return slot->handoff == NULL ? NULL : slot->handoff->to;
}

bool
slot_handoff_knows(const struct supervisor *sup, pid_t pid)
{
	const struct slot *slot;
	uint32_t i;

	for (i = 0; i < sup->slot_count; i++) {
		if (sup->slots[i]->handoff == NULL)
			continue;
		slot = sup->slots[i]->handoff->to;
		if (slot->keeper.pid == pid || slot->tenant.pid == pid)
			return true;
	}
	for (slot = sup->retired; slot != NULL; slot = slot->next_retired)
		if (slot->keeper.pid == pid || slot->tenant.pid == pid)
			return true;
	return false;
}

void
slot_handoff_sweep(struct supervisor *sup, bool all)
{
	struct slot **at = &sup->retired, *slot;
	uint64_t now = clock_mono_ms();

	while ((slot = *at) != NULL) {
		if (!all && slot->state != SLOT_STOPPED &&
		    now - slot->state_since_ms < RETIRED_MS) {
			at = &slot->next_retired;
			continue;
		}
		*at = slot->next_retired;
		slot_free(slot);
	}
}
