/* SPDX-License-Identifier: ISC */
/*
 * The table of commands: names, arguments, options, and what carries each out.
 */
#ifndef HOLDFAST_CTL_CTL_COMMAND_H
#define HOLDFAST_CTL_CTL_COMMAND_H

#include <stdio.h>

#include "supervisor/ctl/ctl.h"

struct ctl_command {
	const char *name; /* "config show" has two words */
	const char *args; /* for the usage text */
	int min_args, max_args;
	uint32_t options; /* CTL_OPT_* it takes */
	uint64_t timeout_ms;
	int (*run)(struct ctl *ctl); /* exit code */
	const char *doc;
};

extern const struct ctl_command ctl_commands[]; /* ends in a NULL name */

/*
 * The command that the words name; *out_words is how many they were.  NULL:
 * none; *out_near is one with a similar name, or NULL.
 */
const struct ctl_command *ctl_command_find(char **words, int count,
    int *out_words, const char **out_near);

/* -EINVAL with a line in error: wrong arguments or options. */
int ctl_command_check(const struct ctl_command *command, int arg_count,
    uint32_t given, struct textbuf *error);

void ctl_command_usage(FILE *file);

/* cmd_<name>.c */
int cmd_status(struct ctl *ctl);
int cmd_workers(struct ctl *ctl);
int cmd_clients(struct ctl *ctl);
int cmd_where(struct ctl *ctl);
int cmd_send(struct ctl *ctl);
int cmd_kick(struct ctl *ctl);
int cmd_broadcast(struct ctl *ctl);
int cmd_dispatch(struct ctl *ctl);
int cmd_reload(struct ctl *ctl);
int cmd_restart(struct ctl *ctl);
int cmd_upgrade(struct ctl *ctl);
int cmd_stop(struct ctl *ctl);
int cmd_drain(struct ctl *ctl);
int cmd_undrain(struct ctl *ctl);
int cmd_log_level(struct ctl *ctl);
int cmd_version(struct ctl *ctl);
int cmd_config_show(struct ctl *ctl);
int cmd_config_check(struct ctl *ctl);
int cmd_events(struct ctl *ctl);
int cmd_top(struct ctl *ctl);
int cmd_nodes(struct ctl *ctl);
int cmd_fleet(struct ctl *ctl);
int cmd_pause(struct ctl *ctl);
int cmd_resume(struct ctl *ctl);
int cmd_ack(struct ctl *ctl);
int cmd_forget(struct ctl *ctl);

#endif
