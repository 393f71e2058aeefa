/* SPDX-License-Identifier: ISC */
/*
 * restart on the control socket: tenants are recycled one by one, or slots
 * get new keepers as well.
 */
#include "supervisor/control/control.h"
#include "supervisor/supervisor.h"

static void
cancel(struct control_call *call)
{
	recycler_forget(call->sup, call);
}

static void
on_progress(int slot, bool ok, uint32_t done, uint32_t total, void *arg)
{
	struct control_call *call = arg;

	if (slot >= 0) {
		control_tell(call, "progress",
		    json_pack("{s:i, s:b, s:i, s:i}", "slot", slot, "ok", ok,
			"done", (int)done, "total", (int)total));
		return;
	}
	call->cancel = NULL;
	if (done < total)
		control_fail(call, "incomplete", CONTROL_EXIT_REFUSED,
		    "%u of %u tenants were recycled", done, total);
	else
		control_done(call, json_pack("{s:i}", "recycled", (int)done));
}

static void
forget_moves(struct control_call *call)
{
	mover_forget(call->sup, call);
}

static void
on_moved(const struct mover_step *step, void *arg)
{
	struct control_call *call = arg;

	if (step->slot >= 0) {
		control_tell(call, "progress",
		    json_pack("{s:i, s:b, s:i, s:i, s:I, s:I}", "slot",
			step->slot, "ok", step->ok, "done", (int)step->done,
			"total", (int)step->total, "connections",
			(json_int_t)step->connections, "pause_us",
			(json_int_t)step->pause_us));
		return;
	}
	call->cancel = NULL;
	if (!step->ok)
		control_fail(call, "incomplete", CONTROL_EXIT_REFUSED,
		    "%u of %u slots have new keepers; %s", step->done,
		    step->total, step->reason);
	else
		control_done(call,
		    json_pack("{s:i}", "recycled", (int)step->done));
}

static void
replace_keepers(struct control_call *call)
{
	if (mover_start(call->sup, MOVER_ALL, on_moved, call) == 0)
		call->cancel = forget_moves;
}

void
control_run_restart(struct control_call *call)
{
	const char *obstacle = upgrade_obstacle(call->sup);

	if (obstacle != NULL)
		control_fail(call, "busy", CONTROL_EXIT_REFUSED, "%s",
		    obstacle);
	else if (control_arg_bool(call, "keepers"))
		replace_keepers(call);
	else if (recycler_start(call->sup, on_progress, call) == 0)
		call->cancel = cancel;
}
