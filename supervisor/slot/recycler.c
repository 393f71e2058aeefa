/* SPDX-License-Identifier: ISC */
/*
 * One tenant after the other (see recycler.h).
 */
#include "supervisor/slot/recycler.h"

#include <errno.h>
#include <string.h>

#include "lib/log.h"
#include "supervisor/slot/slot_handoff.h"
#include "supervisor/supervisor.h"

#define SLOT_DEADLINE_S 30

static void go_on(struct supervisor *sup);

/* A move that failed is tried again before the slot does without. */
#define AGAINS 2u

static slot_handoff_cb on_moved;

static void
tell(struct recycler *recycler, int slot, bool ok)
{
	if (recycler->tell != NULL)
		recycler->tell(slot, ok,
		    slot == -1 ? recycler->recycled : recycler->seen,
		    recycler->total, recycler->arg);
}

static void
finish_slot(struct supervisor *sup, bool ok)
{
	struct recycler *recycler = &sup->recycler;

	event_del(recycler->deadline);
	recycler->seen++;
	recycler->moves = false;
	if (ok)
		recycler->recycled++;
	else
		log_warn("recycle_skipped", "its tenant stays as it is",
		    log_text("slot", sup->slots[recycler->at]->label));
	tell(recycler, (int)sup->slots[recycler->at]->number, ok);
	recycler->at++;
	go_on(sup);
}

/* Whoever has just come is fresh. */
static bool
is_passed_over(const struct slot *slot)
{
	return slot->joining || resizer_is_ending(slot);
}

/* Of a relay in a fleet the next tenant has to be there before the last one
 * leaves, to hear what is published meanwhile: it gets a keeper of its own. */
static bool
begin_move(struct supervisor *sup, struct slot *slot)
{
	struct recycler *recycler = &sup->recycler;

	if (slot_is_gateway(slot) || sup->fleet == NULL ||
	    recycler->failures > AGAINS)
		return false;
	recycler->moves = slot_handoff_start(slot, on_moved, sup) == 0;
	return recycler->moves;
}

static void
on_moved(struct slot *slot, const struct slot_handoff_result *result, void *arg)
{
	struct supervisor *sup = arg;
	struct recycler *recycler = &sup->recycler;

	if (!recycler->moves)
		return;
	recycler->moves = false;
	if (result->moved) {
		finish_slot(sup, true);
		return;
	}
	recycler->failures++;
	/* One that has died over it has a fresh one follow. */
	if (slot->state == SLOT_SERVING && !begin_move(sup, slot) &&
	    slot_recycle(slot) != 0)
		finish_slot(sup, false);
}

static void
go_on(struct supervisor *sup)
{
	struct recycler *recycler = &sup->recycler;
	struct timeval tv = { .tv_sec = SLOT_DEADLINE_S };
	struct slot *slot;

	while (recycler->at < sup->slot_count &&
	    is_passed_over(sup->slots[recycler->at])) {
		recycler->at++;
		recycler->total--;
	}
	if (recycler->at >= sup->slot_count) {
		recycler->runs = false;
		log_info("recycled", NULL,
		    log_uint("tenants", recycler->recycled),
		    log_uint("of", recycler->total));
		tell(recycler, -1, true);
		recycler->tell = NULL;
		if (recycler->again)
			recycler_ask(sup);
		return;
	}
	slot = sup->slots[recycler->at];
	recycler->old_generation = slot->generation;
	recycler->failures = 0;
	/* What goes wrong at once is handled by the timer, too, so that this
	 * never recurses. */
	if (slot->state != SLOT_SERVING ||
	    (!begin_move(sup, slot) && slot_recycle(slot) != 0))
		tv.tv_sec = 0;
	event_add(recycler->deadline, &tv);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	finish_slot(arg, false);
}

bool
recycler_waits_for(const struct supervisor *sup, const struct slot *slot)
{
	return sup->recycler.runs && sup->slots[sup->recycler.at] == slot;
}

void
recycler_slot_up(struct supervisor *sup, const struct slot *slot)
{
	if (!sup->recycler.moves && recycler_waits_for(sup, slot) &&
	    slot->generation != sup->recycler.old_generation)
		finish_slot(sup, true);
}

int
recycler_start(struct supervisor *sup, recycler_cb *cb, void *arg)
{
	struct recycler *recycler = &sup->recycler;

	if (upgrade_obstacle(sup) != NULL)
		return -EBUSY;
	recycler->runs = true;
	recycler->again = false;
	recycler->at = 0;
	recycler->recycled = recycler->seen = 0;
	recycler->total = sup->slot_count;
	recycler->tell = cb;
	recycler->arg = arg;
	go_on(sup);
	return 0;
}

void
recycler_ask(struct supervisor *sup)
{
	if (recycler_start(sup, NULL, NULL) != 0)
		sup->recycler.again = true;
}

void
recycler_poke(struct supervisor *sup)
{
	if (sup->recycler.again)
		recycler_ask(sup);
}

void
recycler_forget(struct supervisor *sup, const void *arg)
{
	if (sup->recycler.arg == arg)
		sup->recycler.tell = NULL;
}

int
recycler_init(struct supervisor *sup)
{
	memset(&sup->recycler, 0, sizeof(sup->recycler));
	sup->recycler.deadline = evtimer_new(sup->base, on_deadline, sup);
	return sup->recycler.deadline == NULL ? -ENOMEM : 0;
}

void
recycler_clear(struct supervisor *sup)
{
	if (sup->recycler.deadline != NULL)
		event_free(sup->recycler.deadline);
	sup->recycler.deadline = NULL;
}
