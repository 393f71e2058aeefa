/* SPDX-License-Identifier: ISC */
/*
 * Finds commands and checks what was given to them (see ctl_command.h).
 */
#include "supervisor/ctl/ctl_command.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "lib/suggest.h"

#define SOON_MS 10000
/* One slot may take 30 s to get its new tenant. */
#define SLOW_MS 60000
/* A phase of an upgrade may take 60 s, and then the way back as long. */
#define UPGRADE_MS 130000

const struct ctl_command ctl_commands[] = {
	{ "status", "", 0, 0, 0, SOON_MS, cmd_status,
	    "what the node is doing" },
	{ "workers", "", 0, 0, 0, SOON_MS, cmd_workers,
	    "slots, their processes and restarts" },
	{ "clients", "[FILTER]", 0, 1,
	    CTL_OPT_FILTER | CTL_OPT_LIMIT | CTL_OPT_OFFSET | CTL_OPT_SLOT |
		CTL_OPT_COLUMNS,
	    SLOW_MS, cmd_clients, "connections" },
	{ "where", "CLIENT", 1, 1, 0, SLOW_MS, cmd_where,
	    "one client's connection" },
	{ "send", "CLIENT TEXT", 2, 2, 0, SLOW_MS, cmd_send,
	    "send a text message to a client" },
	{ "dispatch", "CLIENT TYPE [JSON]", 2, 3, 0, SLOW_MS, cmd_dispatch,
	    "send a client a dispatch document" },
	{ "kick", "CLIENT", 1, 1, CTL_OPT_CODE | CTL_OPT_REASON, SLOW_MS,
	    cmd_kick, "close a client's connection" },
	{ "broadcast", "TYPE [JSON]", 1, 2, CTL_OPT_NODE, SLOW_MS,
	    cmd_broadcast, "send all clients of the fleet a document" },
	{ "reload", "", 0, 0, 0, SOON_MS, cmd_reload,
	    "read the configuration again" },
	{ "restart", "", 0, 0, CTL_OPT_KEEPERS, SLOW_MS, cmd_restart,
	    "replace all workers, one by one" },
	{ "drain", "", 0, 0,
	    CTL_OPT_WITHIN | CTL_OPT_PROFILE | CTL_OPT_PLAN | CTL_OPT_WAIT |
		CTL_OPT_FORCE,
	    SOON_MS, cmd_drain, "empty the node without stopping it" },
	{ "undrain", "", 0, 0, 0, SOON_MS, cmd_undrain,
	    "take connections again" },
	{ "upgrade", "", 0, 0, CTL_OPT_BINARY | CTL_OPT_WAIT | CTL_OPT_FORCE,
	    UPGRADE_MS, cmd_upgrade,
	    "replace holdfastd and all workers, live" },
	{ "stop", "", 0, 0, CTL_OPT_NOW, SOON_MS, cmd_stop,
	    "drain and stop the node" },
	{ "log-level", "[LEVEL]", 0, 1, 0, SOON_MS, cmd_log_level,
	    "show or set the level of the log" },
	{ "config show", "[KEY ...]", 0, INT_MAX, 0, SOON_MS, cmd_config_show,
	    "the values in use and where they are set" },
	{ "config check", "[FILE]", 0, 1, 0, SOON_MS, cmd_config_check,
	    "check a configuration without using it" },
	{ "events", "", 0, 0, CTL_OPT_FOLLOW | CTL_OPT_SINCE, SOON_MS,
	    cmd_events, "what has happened" },
	{ "nodes", "", 0, 0, 0, SOON_MS, cmd_nodes, "members of the fleet" },
	{ "fleet", "", 0, 0, 0, SOON_MS, cmd_fleet,
	    "leader, limits, blast radius" },
	{ "pause", "[REASON]", 0, 1, 0, SOON_MS, cmd_pause,
	    "declare no node of the fleet dead" },
	{ "resume", "", 0, 0, 0, SOON_MS, cmd_resume, "end a pause" },
	{ "ack", "", 0, 0, 0, SOON_MS, cmd_ack,
	    "let nodes be declared dead that are held back" },
	{ "forget", "NODE", 1, 1, 0, SOON_MS, cmd_forget,
	    "take a node that is gone for good off the fleet" },
	{ "top", "", 0, 0, CTL_OPT_INTERVAL | CTL_OPT_COUNT, SOON_MS, cmd_top,
	    "a live view" },
	{ "version", "", 0, 0, 0, SOON_MS, cmd_version,
	    "versions of holdfastctl and holdfastd" },
	{ NULL, NULL, 0, 0, 0, 0, NULL, NULL },
};

/* Words that name[] is made of and that stand in words; 0: another command. */
static int
match(const char *name, char **words, int count)
{
	const char *blank = strchr(name, ' ');
	size_t first = blank == NULL ? strlen(name) : (size_t)(blank - name);

	if (count < 1 || strlen(words[0]) != first ||
	    strncmp(words[0], name, first) != 0)
		return 0;
	if (blank == NULL)
		return 1;
	return count > 1 && strcmp(words[1], blank + 1) == 0 ? 2 : 0;
}

const struct ctl_command *
ctl_command_find(char **words, int count, int *out_words, const char **out_near)
{
	const struct ctl_command *command;
	struct suggest suggest;

	suggest_init(&suggest, count > 0 ? words[0] : "");
	for (command = ctl_commands; command->name != NULL; command++) {
		int n = match(command->name, words, count);

		if (n > 0) {
			*out_words = n;
			return command;
		}
		suggest_offer(&suggest, command->name);
	}
	*out_near = suggest.best;
	return NULL;
}

int
ctl_command_check(const struct ctl_command *command, int arg_count,
    uint32_t given, struct textbuf *error)
{
	uint32_t wrong = given & ~command->options;

	if (arg_count < command->min_args || arg_count > command->max_args) {
		textbuf_printf(error, "usage: holdfastctl %s%s%s",
		    command->name, command->args[0] == '\0' ? "" : " ",
		    command->args);
		return -EINVAL;
	}
	if (wrong != 0) {
		textbuf_printf(error, "%s takes no option --%s", command->name,
		    ctl_options_name(wrong));
		return -EINVAL;
	}
	return 0;
}

void
ctl_command_usage(FILE *file)
{
	const struct ctl_command *command;
	char text[64];

	fputs("usage: holdfastctl [-hjV] [-s socket] [-t timeout] command "
	      "[argument ...]\n\n"
	      "  -s, --socket PATH   control socket of holdfastd"
	      " ($HOLDFAST_SOCKET)\n"
	      "  -t, --timeout TIME  give up after it, such as 10s\n"
	      "  -j, --json          answer in JSON, one value a line\n"
	      "  -h, --help          print this\n"
	      "  -V, --version       print the version\n\n",
	    file);
	for (command = ctl_commands; command->name != NULL; command++) {
		snprintf(text, sizeof(text), "%s %s", command->name,
		    command->args);
		fprintf(file, "  %-23s %s\n", text, command->doc);
	}
	fputs("\n"
	      "clients: --filter TEXT --limit N --offset N --slot N"
	      " --columns A,B,..\n"
	      "kick: --code N --reason TEXT    broadcast: --node"
	      "    stop: --now\n"
	      "drain: --within TIME --profile evacuate|gentle --plan --wait"
	      " --force\n"
	      "upgrade: --binary PATH --wait --force\n"
	      "events: -f, --follow --since TIME    top: --interval TIME"
	      " -n, --count N\n\n"
	      "exit codes: 0 done, 1 refused, 2 usage, 3 not running,"
	      " 4 deadline\n",
	    file);
}
