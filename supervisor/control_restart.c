/* SPDX-License-Identifier: ISC */
/*
 * restart on the control socket: tenants are recycled one by one.
 */
#include "supervisor/control.h"
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

void
control_run_restart(struct control_call *call)
{
	if (recycler_start(call->sup, on_progress, call) != 0) {
		control_fail(call, "busy", CONTROL_EXIT_REFUSED,
		    "a restart is under way");
		return;
	}
	call->cancel = cancel;
}
