/* SPDX-License-Identifier: ISC */
/*
 * One slot after the other (see mover.h).
 */
#include "supervisor/slot/mover.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/backoff.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/random.h"
#include "supervisor/slot/slot_handoff.h"
#include "supervisor/supervisor.h"

/* A slot whose tenant has just died has a successor by then. */
#define AGAIN_MS 100
#define TRIES	 100u
/* A handoff that failed is tried again so often, unless the supervisor that
 * waits for the slot could lose patience (upgrade_fsm.c). */
#define AGAINS		2u
#define AGAIN_WITHIN_MS 35000u
#define AGAIN_MAX_MS	1000
/* A new tenant is watched until so many looks have found the same one serving:
 * more after a death, which may have had another cause, or was one of many
 * with pauses between them. */
#define LOOK_MS		  100
#define LOOKS		  3u
#define LOOKS_AFTER_DEATH 20u
#define LOOKS_MAX	  100u
#define DEATHS_MAX	  2u

static void
next_in(struct mover *mover, unsigned ms)
{
	struct timeval tv = { .tv_sec = ms / 1000,
		.tv_usec = (suseconds_t)(ms % 1000) * 1000 };

	event_add(mover->next, &tv);
}

static void
end_run(struct supervisor *sup)
{
	struct mover *mover = &sup->mover;
	bool ok = mover->reason[0] == '\0';
	struct mover_step step = { .slot = -1,
		.ok = ok,
		.done = mover->done,
		.total = mover->total,
		.reason = ok ? NULL : mover->reason };
	mover_cb *cb = mover->tell;

	mover->runs = false;
	mover->tell = NULL;
	log_notice("slots_moved", NULL, log_uint("slots", mover->done),
	    log_uint("of", mover->total));
	if (cb != NULL)
		cb(&step, mover->arg);
}

static void
begin_at(struct mover *mover, uint32_t at)
{
	mover->at = at;
	mover->tries = mover->failures = mover->looks = 0;
	mover->since_ms = 0;
}

/* The slot is over, one way or the other. */
static void
end_slot(struct supervisor *sup, const char *reason)
{
	struct mover *mover = &sup->mover;

	mover->step.ok = reason == NULL;
	mover->step.total = mover->total;
	mover->step.reason = reason;
	if (reason == NULL)
		mover->done++;
	else if (mover->reason[0] == '\0')
		snprintf(mover->reason, sizeof(mover->reason), "slot %s: %s",
		    sup->slots[mover->at]->label, reason);
	mover->step.done = mover->done;
	if (mover->tell != NULL)
		mover->tell(&mover->step, mover->arg);
	if (reason != NULL && mover->scope == MOVER_ALL)
		begin_at(mover, sup->slot_count);
	else
		begin_at(mover, mover->at + 1);
	next_in(mover, 0);
}

/* Back to binaries that are known to work: they, or a giver that dies all the
 * time, may need many tries. */
static bool
may_try_again(const struct mover *mover,
    const struct slot_handoff_result *result)
{
	if (mover->scope == MOVER_FOREIGN)
		return mover->failures < TRIES;
	return !result->is_final && mover->failures <= AGAINS &&
	    mover->reason[0] == '\0' &&
	    clock_mono_ms() - mover->since_ms < AGAIN_WITHIN_MS;
}

static void
on_failed(struct supervisor *sup, const struct slot_handoff_result *result)
{
	struct mover *mover = &sup->mover;
	struct backoff backoff = { AGAIN_MS, AGAIN_MAX_MS, mover->failures };
	char reason[sizeof(mover->reason)];

	mover->failures++;
	if (may_try_again(mover, result)) {
		log_notice("handoff_tried_again", NULL,
		    log_text("slot", sup->slots[mover->at]->label),
		    log_uint("failures", mover->failures));
		next_in(mover, backoff_next(&backoff, random_u32()));
		return;
	}
	if (mover->failures == 1)
		snprintf(reason, sizeof(reason), "%s", result->reason);
	else
		snprintf(reason, sizeof(reason), "%s (the last of %u tries)",
		    result->reason, mover->failures);
	end_slot(sup, reason);
}

static void
on_moved(struct slot *slot, const struct slot_handoff_result *result, void *arg)
{
	struct supervisor *sup = arg;
	struct mover *mover = &sup->mover;

	mover->step = (struct mover_step){ .slot = (int)slot->number,
		.connections = result->connections,
		.severed = result->severed,
		.pause_us = result->pause_us };
	if (!result->moved) {
		on_failed(sup, result);
		return;
	}
	/* Not slot's: one that has died over it may not have told its own. */
	mover->generation = mover->seen = slot->memory.table.header->generation;
	mover->beat = 0;
	mover->steady = 0;
	mover->looks = 1;
	next_in(mover, LOOK_MS);
}

/* Does the new tenant live on? */
static void
look(struct supervisor *sup)
{
	struct mover *mover = &sup->mover;
	const struct slot *slot = sup->slots[mover->at];
	uint32_t deaths = slot->generation > mover->generation ?
	    slot->generation - mover->generation :
	    0;
	bool serves = slot->state == SLOT_SERVING;
	uint64_t beat = serves ?
	    atomic_load(&slot->memory.table.header->heartbeat) :
	    0;

	/* One that waits for a CPU proves nothing. */
	if (!serves || slot->generation != mover->seen)
		mover->steady = 0;
	else if (beat != mover->beat)
		mover->steady++;
	mover->seen = slot->generation;
	mover->beat = beat;
	if (deaths > DEATHS_MAX)
		end_slot(sup, "its new tenant dies again and again");
	else if (mover->steady >= (deaths > 0 ? LOOKS_AFTER_DEATH : LOOKS) ||
	    resizer_is_ending(slot))
		end_slot(sup, NULL);
	else if (++mover->looks > LOOKS_MAX)
		end_slot(sup, "its new tenant does not serve");
	else
		next_in(mover, LOOK_MS);
}

static bool
is_foreign(const struct supervisor *sup, const struct slot *slot)
{
	pid_t pid = slot->keeper.pid != 0 ? slot->keeper.pid : slot->tenant.pid;

	return !worker_program_is_run_by(worker_program_of(&sup->programs,
					     slot->kind),
	    pid);
}

static bool
is_passed_over(struct supervisor *sup, const struct slot *slot)
{
	struct mover *mover = &sup->mover;

	if (mover->scope == MOVER_FOREIGN && !is_foreign(sup, slot))
		return true;
	if (!resizer_is_ending(slot))
		return false;
	mover->total--;
	return true;
}

static void
on_next(evutil_socket_t fd, short what, void *arg)
{
	struct supervisor *sup = arg;
	struct mover *mover = &sup->mover;
	int rc;

	(void)fd;
	(void)what;
	if (mover->looks > 0) {
		look(sup);
		return;
	}
	while (mover->at < sup->slot_count &&
	    is_passed_over(sup, sup->slots[mover->at]))
		begin_at(mover, mover->at + 1);
	if (mover->at >= sup->slot_count) {
		end_run(sup);
		return;
	}
	if (mover->since_ms == 0)
		mover->since_ms = clock_mono_ms();
	rc = slot_handoff_start(sup->slots[mover->at], on_moved, sup);
	if (rc == 0)
		return;
	if (++mover->tries < TRIES) {
		next_in(mover, AGAIN_MS);
		return;
	}
	mover->step = (struct mover_step){
		.slot = (int)sup->slots[mover->at]->number,
	};
	end_slot(sup, strerror(-rc));
}

int
mover_start(struct supervisor *sup, enum mover_scope scope, mover_cb *cb,
    void *arg)
{
	struct mover *mover = &sup->mover;
	uint32_t i;

	if (mover->runs)
		return -EBUSY;
	mover->runs = true;
	mover->scope = scope;
	begin_at(mover, 0);
	mover->done = 0;
	mover->reason[0] = '\0';
	mover->total = sup->slot_count;
	for (i = 0; scope == MOVER_FOREIGN && i < sup->slot_count; i++)
		mover->total -= !is_foreign(sup, sup->slots[i]);
	mover->tell = cb;
	mover->arg = arg;
	next_in(mover, 0);
	return 0;
}

void
mover_stop(struct supervisor *sup)
{
	struct mover *mover = &sup->mover;

	if (!mover->runs)
		return;
	if (mover->reason[0] == '\0')
		snprintf(mover->reason, sizeof(mover->reason), "stopped");
	if (mover->at < sup->slot_count &&
	    sup->slots[mover->at]->handoff == NULL)
		mover->at = sup->slot_count;
	mover->scope = MOVER_ALL;
	mover->looks = 0;
	next_in(mover, 0);
}

void
mover_forget(struct supervisor *sup, const void *arg)
{
	if (sup->mover.arg == arg)
		sup->mover.tell = NULL;
}

int
mover_init(struct supervisor *sup)
{
	memset(&sup->mover, 0, sizeof(sup->mover));
	sup->mover.next = evtimer_new(sup->base, on_next, sup);
	return sup->mover.next == NULL ? -ENOMEM : 0;
}

void
mover_clear(struct supervisor *sup)
{
	sup->mover.tell = NULL;
	sup->mover.runs = false;
	if (sup->mover.next != NULL)
		event_free(sup->mover.next);
	sup->mover.next = NULL;
}
