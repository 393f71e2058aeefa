/* SPDX-License-Identifier: ISC */
/*
 * Drives the state machine of a slot (see slot.h): each action of slot_fsm.h
 * is a function here, which may name the event that follows from it.
 */
#include "supervisor/slot/slot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "supervisor/slot/slot_adopt.h"
#include "supervisor/slot/slot_handoff.h"
#include "supervisor/slot/slot_link.h"
#include "supervisor/slot/slot_process.h"
#include "supervisor/slot/slot_spawn.h"
#include "supervisor/supervisor.h"

#define START_TIMEOUT_MS 10000
#define STOP_TIMEOUT_MS	 2000
#define KILL_AFTER_MS	 500
#define NOT_OPEN_MS	 20
/* Beyond the evacuation's window: close handshakes, and the exit. */
#define EVACUATE_EXTRA_MS 15000
/* Tries of a slot that never served, before the first ready. */
#define START_TRIES 5
#define NO_EVENT    SLOT_EVENT_MAX
/* Slots from before us: how long one may take to claim before its tenant is
 * ended, and how often that is tried before the slot is given up. */
#define AWAIT_MS  10000
#define PRODS_MAX 6

static void
arm(struct event *timer, uint64_t ms)
{
	struct timeval tv = { .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };

	event_add(timer, &tv);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct slot *slot = arg;

	(void)fd;
	(void)what;
	/* One that ended while others are still being found: what all slots
	 * share may not have been claimed yet. */
	if (slot->state == SLOT_WAITING && !slot->sup->is_open)
		arm(slot->timer, NOT_OPEN_MS);
	else
		slot_feed(slot, SLOT_EV_TIMEOUT);
}

static void
on_kill_timer(evutil_socket_t fd, short what, void *arg)
{
	struct slot *slot = arg;

	(void)fd;
	(void)what;
	log_warn("tenant_killed", "SIGABRT did not end it",
	    log_text("slot", slot->label),
	    log_int("tenant_pid", slot->tenant.pid));
	slot_process_signal(&slot->tenant, SIGKILL);
}

static enum slot_event
act_spawn(struct slot *slot)
{
	int rc = slot_spawn(slot);

	if (rc != 0) {
		log_error("slot_start_failed", "the slot is tried again later",
		    log_text("slot", slot->label), log_errno(rc));
		/* A keeper that cannot be watched must not live on. */
		slot_process_kill(&slot->keeper);
		return SLOT_EV_GONE;
	}
	if (slot_is_gateway(slot) && slot->sup->relay != NULL &&
	    slot->takes_from == NULL)
		slot_link_tell_relay(slot->sup->relay, slot);
	arm(slot->timer, START_TIMEOUT_MS);
	return NO_EVENT;
}

static enum slot_event
act_setup(struct slot *slot)
{
	int rc;

	/* Before it can have a connection: it has not been told to start. */
	run_state_save_slots(slot->sup);
	rc = slot_link_setup(slot);
	if (rc != 0) {
		log_error("slot_setup_failed", "the keeper is killed",
		    log_text("slot", slot->label), log_errno(rc));
		return SLOT_EV_BROKEN;
	}
	arm(slot->timer, START_TIMEOUT_MS);
	return NO_EVENT;
}

static enum slot_event
act_watch(struct slot *slot)
{
	event_del(slot->kill_timer);
	stall_reset(&slot->stall,
	    atomic_load(&slot->memory.table.header->heartbeat),
	    clock_mono_ms());
	if (slot->takes_from != NULL)
		slot_handoff_order(slot);
	return NO_EVENT;
}

/* One more crash that no connection explains; too many? */
static enum slot_event
count_crash(struct slot *slot)
{
	const struct settings *set = &slot->sup->conf.settings;
	uint32_t count = crash_window_add(&slot->crashes, clock_mono_ms(),
	    set->worker.crash_window_ms);

	log_warn("unattributed_crash", NULL, log_text("slot", slot->label),
	    log_uint("in_window", count),
	    log_uint("allowed", set->worker.max_crashes));
	/* The relay has no connections to evacuate: its keeper backs off. */
	if (count <= set->worker.max_crashes || !slot_is_gateway(slot))
		return NO_EVENT;
	/* Its program is on trial: the slot goes to another, not its clients.
	 */
	if (slot->sup->mover.runs || slot->sup->upgrade.resumes)
		return NO_EVENT;
	supervisor_event(slot->sup, "slot_evacuating", (int)slot->number, NULL,
	    "too many crashes that no connection explains", count);
	return SLOT_EV_CRASHES;
}

static enum slot_event
act_up(struct slot *slot)
{
	bool has_missed = slot->generation > 1 || slot->takes_from != NULL ||
	    (slot->is_foreign && slot->sup->is_open);
	uint32_t now = slot->memory.table.header->unattributed;
	uint32_t before, fresh;

	event_del(slot->kill_timer);
	slot->serving_since_ms = clock_mono_ms();
	slot->served = true;
	if (slot->takes_from != NULL)
		slot_handoff_finish(slot);
	before = slot->seen_unattributed;
	fresh = now > before ? now - before : 0;
	slot->seen_unattributed = now;
	/* The header may tell again of deaths that were seen to happen. */
	fresh -= fresh < slot->adoption_deaths ? fresh : slot->adoption_deaths;
	slot->adoption_deaths = 0;
	if (has_missed && slot_link_refresh(slot) != 0)
		log_warn("refresh_failed",
		    "news that its predecessor died over is lost",
		    log_text("slot", slot->label));
	lifecycle_slot_up(slot->sup, slot);
	resizer_slot_up(slot->sup, slot);
	recycler_slot_up(slot->sup, slot);
	return fresh > 0 ? count_crash(slot) : NO_EVENT;
}

static enum slot_event
act_death(struct slot *slot, enum slot_state before)
{
	int32_t how = slot->last_status;
	bool crash = how == -SIGSEGV || how == -SIGBUS || how == -SIGILL ||
	    how == -SIGFPE || how == -SIGABRT || how > 0;

	event_del(slot->kill_timer);
	slot_process_clear(&slot->tenant);
	if (before != SLOT_ADOPTING || !crash)
		return NO_EVENT;
	slot->adoption_deaths++;
	return count_crash(slot);
}

static enum slot_event
act_abort(struct slot *slot)
{
	atomic_store(&slot->memory.table.header->killed_for_stall, 1);
	if (slot_process_signal(&slot->tenant, SIGABRT) == 0)
		arm(slot->kill_timer, KILL_AFTER_MS);
	return NO_EVENT;
}

static enum slot_event
act_evacuate(struct slot *slot)
{
	uint64_t now = clock_mono_ms();
	uint64_t window = slot->sup->conf.settings.drain.window_ms;
	uint64_t left;

	if (slot->evacuate_until_ms == 0)
		slot->evacuate_until_ms = now + window;
	left = slot->evacuate_until_ms > now ? slot->evacuate_until_ms - now :
					       0;
	slot_drain(slot, DRAIN_CLOSE_CODE, left, 0, true);
	arm(slot->timer, left + EVACUATE_EXTRA_MS);
	return NO_EVENT;
}

static enum slot_event
act_lost(struct slot *slot)
{
	log_error("keeper_lost",
	    "the tenant serves on; if it dies too, its clients are severed",
	    log_text("slot", slot->label),
	    log_int("tenant_pid", slot->tenant.pid));
	supervisor_event(slot->sup, "keeper_lost", (int)slot->number, NULL,
	    NULL, slot->tenant.pid);
	slot_handoff_replace(slot);
	return NO_EVENT;
}

static enum slot_event
act_kill(struct slot *slot)
{
	/* The keeper first, or it would start another tenant. */
	slot_process_signal(&slot->keeper, SIGKILL);
	slot_process_signal(&slot->tenant, SIGKILL);
	arm(slot->timer, STOP_TIMEOUT_MS);
	if (slot->keeper.pid == 0 && slot->tenant.pid == 0)
		return SLOT_EV_GONE;
	return NO_EVENT;
}

static enum slot_event
act_stop(struct slot *slot)
{
	Holdfast__Stop stop = HOLDFAST__STOP__INIT;

	if (slot_link_send(&slot->to_keeper, MSG_STOP, &stop.base, NULL, 0) !=
	    0)
		return act_kill(slot);
	arm(slot->timer, STOP_TIMEOUT_MS);
	return NO_EVENT;
}

static void
tell_renewal(struct slot *slot, uint64_t pause)
{
	bool evacuated = slot->evacuate_until_ms != 0 && slot->drained;
	const char *what = evacuated ? "slot_evacuated" : "slot_lost";

	if (evacuated)
		log_notice(what, "it is started empty",
		    log_text("slot", slot->label));
	else
		log_error(what, "it is started empty",
		    log_text("slot", slot->label), log_uint("pause_ms", pause));
	supervisor_event(slot->sup, what, (int)slot->number, NULL,
	    "started empty", (int64_t)pause);
}

static enum slot_event
act_renew(struct slot *slot)
{
	const struct settings *set = &slot->sup->conf.settings;
	uint64_t pause = 0, now = clock_mono_ms();
	uint32_t i;

	if (slot->served &&
	    now - slot->serving_since_ms >= set->worker.crash_window_ms)
		slot->renewals_in_row = 0;
	for (i = 0; i < slot->renewals_in_row; i++) {
		pause = pause == 0 ? set->worker.backoff_ms : pause * 2;
		if (pause >= set->worker.backoff_max_ms) {
			pause = set->worker.backoff_max_ms;
			break;
		}
	}
	slot->renewals_in_row++;
	slot->renewals++;
	tell_renewal(slot, pause);
	slot->evacuate_until_ms = 0;
	slot->group = 0;
	slot_link_close(&slot->to_keeper);
	slot_link_close(&slot->to_tenant);
	fd_close(&slot->tenant_end);
	event_del(slot->kill_timer);
	/* Others of a node that was taken over have connections to keep. */
	if (!slot->sup->was_ready && !slot->sup->readopt.has_adopted &&
	    slot->renewals_in_row >= START_TRIES)
		supervisor_give_up(slot->sup, slot);
	arm(slot->timer, pause == 0 ? 1 : pause);
	return NO_EVENT;
}

static enum slot_event
act_stopped(struct slot *slot)
{
	slot_link_close(&slot->to_keeper);
	slot_link_close(&slot->to_tenant);
	fd_close(&slot->tenant_end);
	event_del(slot->kill_timer);
	return NO_EVENT;
}

static enum slot_event
act_await(struct slot *slot)
{
	arm(slot->timer, AWAIT_MS);
	return NO_EVENT;
}

/* It hangs, or dies before it gets so far: only a tenant that serves claims. */
static enum slot_event
act_prod(struct slot *slot)
{
	bool is_last = ++slot->prods >= PRODS_MAX;

	log_error("slot_unclaimed",
	    is_last ? "it is given up" : "its tenant is ended",
	    log_text("slot", slot->label), log_int("keeper_pid", slot->group));
	if (is_last)
		return SLOT_EV_BROKEN;
	/* Without a keeper nobody would start the next one. */
	if (slot->keeper.pid != 0)
		slot_process_end_tenants(slot);
	arm(slot->timer, AWAIT_MS);
	return NO_EVENT;
}

static enum slot_event
carry_out(struct slot *slot, enum slot_action action, enum slot_state before)
{
	switch (action) {
	case SLOT_ACT_SPAWN:
		return act_spawn(slot);
	case SLOT_ACT_SETUP:
		return act_setup(slot);
	case SLOT_ACT_WATCH:
		return act_watch(slot);
	case SLOT_ACT_UP:
		return act_up(slot);
	case SLOT_ACT_DEATH:
		return act_death(slot, before);
	case SLOT_ACT_ABORT:
		return act_abort(slot);
	case SLOT_ACT_EVACUATE:
		return act_evacuate(slot);
	case SLOT_ACT_LOST:
		return act_lost(slot);
	case SLOT_ACT_REPLACE:
		slot_handoff_replace(slot);
		return NO_EVENT;
	case SLOT_ACT_STOP:
		return act_stop(slot);
	case SLOT_ACT_KILL:
		return act_kill(slot);
	case SLOT_ACT_RENEW:
		return act_renew(slot);
	case SLOT_ACT_STOPPED:
		return act_stopped(slot);
	case SLOT_ACT_AWAIT:
		return act_await(slot);
	case SLOT_ACT_PROD:
		return act_prod(slot);
	case SLOT_ACT_NONE:
	case SLOT_ACT_UNEXPECTED:
	case SLOT_ACTION_MAX:
		break;
	}
	return NO_EVENT;
}

void
slot_feed(struct slot *slot, enum slot_event event)
{
	enum slot_state first = slot->state;

	while (event != NO_EVENT) {
		enum slot_state before = slot->state;
		struct slot_move move = slot_fsm_step(before, event);

		if (move.action == SLOT_ACT_UNEXPECTED) {
			log_debug("slot_event_ignored", NULL,
			    log_text("slot", slot->label),
			    log_text("state", slot_state_name(before)),
			    log_text("on", slot_event_name(event)));
			return;
		}
		if (move.next != before) {
			event_del(slot->timer);
			slot->state = move.next;
			slot->state_since_ms = clock_mono_ms();
			log_debug("slot_state", NULL,
			    log_text("slot", slot->label),
			    log_text("from", slot_state_name(before)),
			    log_text("to", slot_state_name(move.next)),
			    log_text("on", slot_event_name(event)));
		}
		if (slot_handoff_concerns(slot, move.action) ||
		    (move.action == SLOT_ACT_RENEW && slot_adopt_other(slot)))
			break;
		event = carry_out(slot, move.action, before);
	}
	if (slot->state != first)
		supervisor_slot_changed(slot->sup, slot);
}

int
slot_new(struct supervisor *sup, enum slot_kind kind, uint32_t number,
    struct slot **out_slot)
{
	struct slot *slot = calloc(1, sizeof(*slot));

	if (slot == NULL)
		return -ENOMEM;
	slot->sup = sup;
	slot->kind = kind;
	slot->number = number;
	if (kind == SLOT_KIND_RELAY)
		snprintf(slot->label, sizeof(slot->label), "r");
	else
		snprintf(slot->label, sizeof(slot->label), "g%u",
		    number % 1000);
	slot_memory_init(&slot->memory);
	slot->tenant_end = slot->handoff_end = -1;
	slot->keeper.pidfd = slot->tenant.pidfd = -1;
	slot->to_keeper.slot = slot->to_tenant.slot = slot;
	slot->to_keeper.channel.fd = slot->to_tenant.channel.fd = -1;
	slot->timer = evtimer_new(sup->base, on_timer, slot);
	slot->kill_timer = evtimer_new(sup->base, on_kill_timer, slot);
	if (slot->timer == NULL || slot->kill_timer == NULL) {
		slot_free(slot);
		return -ENOMEM;
	}
	*out_slot = slot;
	return 0;
}

void
slot_free(struct slot *slot)
{
	if (slot == NULL)
		return;
	slot_process_kill(&slot->keeper);
	slot_process_kill(&slot->tenant);
	slot_link_clear(&slot->to_keeper);
	slot_link_clear(&slot->to_tenant);
	fd_close(&slot->tenant_end);
	fd_close(&slot->handoff_end);
	slot_memory_close(&slot->memory);
	if (slot->timer != NULL)
		event_free(slot->timer);
	if (slot->kill_timer != NULL)
		event_free(slot->kill_timer);
	free(slot);
}
