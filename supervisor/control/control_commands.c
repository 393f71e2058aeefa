/* SPDX-License-Identifier: ISC */
/*
 * The table of commands on the control socket, and those that need no file of
 * their own.
 */
#include <errno.h>
#include <string.h>

#include "lib/log.h"
#include "supervisor/control/control_client.h"
#include "supervisor/supervisor.h"

static void
run_version(struct control_call *call)
{
	control_done(call,
	    json_pack("{s:s, s:s, s:i, s:i}", "version", HOLDFAST_VERSION,
		"build", __VERSION__, "protocol", (int)MESSAGE_PROTOCOL,
		"layout", (int)SLOT_LAYOUT));
}

static void
run_stop(struct control_call *call)
{
	bool now = control_arg_bool(call, "now");

	/* The answer first: the client may be gone with the socket. */
	control_done(call,
	    json_pack("{s:s}", "state", now ? "stopping" : "draining"));
	lifecycle_stop(call->sup, !now);
}

static void
run_log_level(struct control_call *call)
{
	const char *name = control_arg_text(call, "level");
	enum log_level level;
	uint32_t i;

	if (name == NULL) {
		control_done(call,
		    json_pack("{s:s}", "level",
			log_level_name(log_get_level())));
		return;
	}
	if (log_level_parse(name, &level) != 0) {
		control_fail(call, "bad_level", CONTROL_EXIT_USAGE,
		    "a level is debug, info, notice, warn or error");
		return;
	}
	/* Into the settings: tenants that start later log likewise, and what
	 * config show says is true. */
	call->sup->conf.settings.log.level = (int)level;
	call->sup->conf.level_set_by = "holdfastctl log-level";
	if (supervisor_apply_settings(call->sup) != 0) {
		control_fail(call, "not_told", CONTROL_EXIT_REFUSED,
		    "the workers could not be told");
		return;
	}
	for (i = 0; i < call->sup->slot_count; i++)
		(void)slot_send_settings(call->sup->slots[i]);
	control_done(call, json_pack("{s:s}", "level", log_level_name(level)));
}

const struct control_command control_commands[] = {
	{ "status", control_run_status },
	{ "workers", control_run_workers },
	{ "clients", control_run_clients },
	{ "where", control_run_where },
	{ "send", control_run_send },
	{ "dispatch", control_run_dispatch },
	{ "kick", control_run_kick },
	{ "broadcast", control_run_broadcast },
	{ "reload", control_run_reload },
	{ "restart", control_run_restart },
	{ "upgrade", control_run_upgrade },
	{ "stop", run_stop },
	{ "drain", control_run_drain },
	{ "undrain", control_run_undrain },
	{ "log-level", run_log_level },
	{ "config-show", control_run_config_show },
	{ "events", control_run_events },
	{ "nodes", control_run_nodes },
	{ "fleet", control_run_fleet },
	{ "pause", control_run_pause },
	{ "resume", control_run_resume },
	{ "ack", control_run_ack },
	{ "forget", control_run_forget },
	{ "version", run_version },
	{ NULL, NULL },
};
