/* SPDX-License-Identifier: ISC */
/*
 * What is told of an upgrade: to the operator who asked, in the log, and as
 * events (see upgrade.h).
 */
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "supervisor/supervisor.h"

static void
answered(struct upgrade *upgrade)
{
	if (upgrade->call != NULL)
		upgrade->call->cancel = NULL;
	upgrade->call = NULL;
}

void
upgrade_tell_phase(struct supervisor *sup)
{
	struct upgrade *upgrade = &sup->upgrade;
	const char *phase = upgrade_state_name(upgrade->state);

	if (upgrade->state == UPGRADE_IDLE)
		return;
	log_info("upgrade_phase", NULL, log_text("phase", phase),
	    log_uint("ms", clock_mono_ms() - upgrade->started_ms));
	if (upgrade->call != NULL)
		control_tell(upgrade->call, "progress",
		    json_pack("{s:s}", "phase", phase));
}

void
upgrade_tell_moved(struct supervisor *sup, const Holdfast__UpgradeMoved *moved)
{
	struct upgrade *upgrade = &sup->upgrade;

	if (upgrade->call != NULL)
		control_tell(upgrade->call, "progress",
		    json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:b}", "phase",
			upgrade_state_name(upgrade->state), "slot",
			(json_int_t)moved->slot, "done",
			(json_int_t)moved->done, "total",
			(json_int_t)moved->total, "connections",
			(json_int_t)moved->connections, "pause_us",
			(json_int_t)moved->pause_us, "back",
			moved->has_back && moved->back));
}

void
upgrade_tell_ready(struct supervisor *sup)
{
	struct upgrade *upgrade = &sup->upgrade;

	if (upgrade->call == NULL || upgrade->waits)
		return;
	control_done(upgrade->call,
	    json_pack("{s:s, s:i}", "state", "started", "pid",
		(int)upgrade->pid));
	answered(upgrade);
}

void
upgrade_tell_failed(struct supervisor *sup, enum upgrade_result result)
{
	struct upgrade *upgrade = &sup->upgrade;
	bool rolled_back = result == UPGRADE_ROLLED_BACK;

	if (result < UPGRADE_RESULT_MAX) {
		upgrade->results[result]++;
		log_error(rolled_back ? "upgrade_rolled_back" :
					"upgrade_refused",
		    "the supervisor and workers from before serve on",
		    log_text("error", upgrade->error),
		    log_text("reason", upgrade->reason),
		    log_text("binary", upgrade->binary));
		supervisor_event(sup,
		    rolled_back ? "upgrade_rolled_back" : "upgrade_refused", -1,
		    NULL, upgrade->reason, 0);
	}
	if (upgrade->call != NULL)
		control_fail(upgrade->call, upgrade->error,
		    CONTROL_EXIT_REFUSED, "%s%s",
		    rolled_back ? "rolled back: " : "", upgrade->reason);
	answered(upgrade);
}

void
upgrade_tell_done(struct supervisor *sup, const Holdfast__UpgradeDone *done)
{
	struct upgrade *upgrade = &sup->upgrade;
	uint64_t ms = clock_mono_ms() - upgrade->started_ms;

	upgrade->results[UPGRADE_DONE]++;
	log_notice("upgrade_done", "this supervisor ends",
	    log_int("new_pid", upgrade->pid), log_uint("moved", done->moved),
	    log_uint("drained", done->drained),
	    log_uint("severed", done->severed),
	    log_uint("pause_p99_us", done->p99_us), log_uint("ms", ms));
	if (upgrade->call != NULL)
		control_done(upgrade->call,
		    json_pack("{s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			"state", "done", "pid", (int)upgrade->pid, "moved",
			(json_int_t)done->moved, "drained",
			(json_int_t)done->drained, "severed",
			(json_int_t)done->severed, "pause_p50_us",
			(json_int_t)done->p50_us, "pause_p99_us",
			(json_int_t)done->p99_us, "pause_max_us",
			(json_int_t)done->max_us, "ms", (json_int_t)ms));
	answered(upgrade);
}
