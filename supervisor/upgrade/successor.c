/* SPDX-License-Identifier: ISC */
/*
 * Moves the slots of the supervisor before us (see successor.h);
 * successor_prepare.c is what comes before that.
 */
#include "supervisor/upgrade/successor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "supervisor/supervisor.h"
#include "supervisor/upgrade/upgrade_fault.h"

/* For the one before us to end us, once the slots are back. */
#define LAST_S 10

const char *
successor_state_name(enum successor_state state)
{
	static const char *const names[SUCCESSOR_STATE_MAX] = {
		[SUCCESSOR_NONE] = "none",
		[SUCCESSOR_STARTING] = "starting",
		[SUCCESSOR_MOVING] = "moving",
		[SUCCESSOR_RETURNING] = "returning",
		[SUCCESSOR_RETURNED] = "returned",
	};

	return (unsigned)state < SUCCESSOR_STATE_MAX ? names[state] : "?";
}

static void
over(struct supervisor *sup)
{
	struct successor *successor = &sup->successor;

	/* Nobody has told that there is another main process: it died. */
	if (successor->state != SUCCESSOR_NONE &&
	    successor->link.channel.fd == -1)
		notify_ready();
	successor->state = SUCCESSOR_NONE;
	if (successor->last != NULL)
		event_free(successor->last);
	successor->last = NULL;
	worker_programs_close(&successor->old);
}

static void
say(struct supervisor *sup, enum message_kind kind,
    const ProtobufCMessage *body)
{
	struct upgrade_link *link = &sup->successor.link;

	if (link->channel.fd != -1)
		(void)upgrade_link_send(link, kind, body, NULL, 0);
}

static void
done(struct supervisor *sup)
{
	struct pause_report *report = &sup->successor.report;
	Holdfast__UpgradeDone body = HOLDFAST__UPGRADE_DONE__INIT;

	sup->upgrade.results[UPGRADE_DONE]++;
	body.moved = pause_report_connections(report);
	body.severed = sup->successor.severed;
	/* What cannot move would be drained before: TLS, which there is not. */
	body.drained = 0;
	body.p50_us = pause_report_percentile(report, 50);
	body.p99_us = pause_report_percentile(report, 99);
	body.max_us = pause_report_percentile(report, 100);
	log_notice("upgraded", NULL, log_text("version", HOLDFAST_VERSION),
	    log_uint("moved", body.moved), log_uint("drained", body.drained),
	    log_uint("severed", body.severed),
	    log_uint("pause_p99_us", body.p99_us),
	    log_uint("ms", clock_mono_ms() - sup->successor.started_ms));
	supervisor_event(sup, "upgraded", -1, NULL, HOLDFAST_VERSION,
	    (int64_t)body.moved);
	upgrade_fault("new", "done");
	say(sup, MSG_UPGRADE_DONE, &body.base);
	over(sup);
}

static void
on_last(evutil_socket_t fd, short what, void *arg)
{
	struct supervisor *sup = arg;

	(void)fd;
	(void)what;
	log_error("upgrade_rolled_back",
	    "the supervisor before us does not come back; this one goes on "
	    "with the workers from before");
	upgrade_link_close(&sup->successor.link);
	sup->upgrade.results[UPGRADE_ROLLED_BACK]++;
	over(sup);
}

static void
returned(struct supervisor *sup)
{
	struct successor *successor = &sup->successor;
	Holdfast__UpgradeReturned body = HOLDFAST__UPGRADE_RETURNED__INIT;
	struct timeval tv = { .tv_sec = LAST_S };

	successor->state = SUCCESSOR_RETURNED;
	say(sup, MSG_UPGRADE_RETURNED, &body.base);
	successor->last = evtimer_new(sup->base, on_last, sup);
	if (successor->link.channel.fd == -1)
		tv.tv_sec = 0;
	if (successor->last == NULL || event_add(successor->last, &tv) != 0)
		on_last(-1, EV_TIMEOUT, sup);
}

static void on_moved(const struct mover_step *step, void *arg);

/* Whatever runs our workers goes back to the ones from before. */
static void
go_back(struct supervisor *sup, const char *reason)
{
	struct successor *successor = &sup->successor;
	struct worker_programs ours = sup->programs;

	successor->state = SUCCESSOR_RETURNING;
	log_error("upgrade_failed", "slots go back to the workers from before",
	    log_text("reason", reason));
	supervisor_event(sup, "upgrade_failed", -1, NULL, reason, 0);
	successor_refuse(sup, "worker_failed", reason);
	if (successor->old.gateway.fd != -1) {
		sup->programs = successor->old;
		successor->old = ours;
	}
	if (mover_start(sup, MOVER_FOREIGN, on_moved, sup) != 0)
		returned(sup);
}

static void
tell_moved(struct supervisor *sup, const struct mover_step *step)
{
	Holdfast__UpgradeMoved body = HOLDFAST__UPGRADE_MOVED__INIT;

	body.slot = (uint32_t)step->slot;
	body.done = step->done;
	body.total = step->total;
	body.connections = step->connections;
	body.pause_us = step->pause_us;
	body.has_back = 1;
	body.back = sup->successor.state == SUCCESSOR_RETURNING;
	say(sup, MSG_UPGRADE_MOVED, &body.base);
	upgrade_fault("new", successor_state_name(sup->successor.state));
}

static void
on_moved(const struct mover_step *step, void *arg)
{
	struct supervisor *sup = arg;
	struct successor *successor = &sup->successor;

	if (successor->state == SUCCESSOR_NONE)
		return;
	if (step->slot >= 0) {
		if (!step->ok)
			return;
		tell_moved(sup, step);
		/* The relay's callers are no connections of the node. */
		if (step->slot < (int)sup->gateways) {
			pause_report_add(&successor->report, step->connections,
			    step->pause_us);
			successor->severed += step->severed;
		}
	} else if (successor->state == SUCCESSOR_RETURNING) {
		returned(sup);
	} else if (step->ok) {
		done(sup);
	} else {
		go_back(sup, step->reason);
	}
}

void
successor_ready(struct supervisor *sup)
{
	struct successor *successor = &sup->successor;
	Holdfast__UpgradeAdopted body = HOLDFAST__UPGRADE_ADOPTED__INIT;
	int rc;

	if (successor->state != SUCCESSOR_STARTING)
		return;
	successor->state = SUCCESSOR_MOVING;
	upgrade_fault("new", "adopted");
	body.slots = sup->slot_count;
	say(sup, MSG_UPGRADE_ADOPTED, &body.base);
	rc = mover_start(sup, MOVER_ALL, on_moved, sup);
	if (rc != 0)
		go_back(sup, strerror(-rc));
}

void
successor_stop(struct supervisor *sup)
{
	if (sup->successor.state == SUCCESSOR_NONE)
		return;
	over(sup);
	mover_stop(sup);
}

void
successor_clear(struct supervisor *sup)
{
	over(sup);
	upgrade_link_close(&sup->successor.link);
}
