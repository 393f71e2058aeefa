/* SPDX-License-Identifier: ISC */
/*
 * holdfastctl: the operator's command line, a client of holdfastd's control
 * socket.  Exits with 0 done, 1 refused, 2 usage, 3 not running, 4 deadline.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/ctl/ctl_command.h"

#define SOCKET_DEFAULT "/run/holdfast/control.sock"
#define ERROR_MAX      4096

static const char *
choose_socket(const struct ctl_options *options)
{
	const char *path = options->socket;

	if (path == NULL)
		path = getenv("HOLDFAST_SOCKET");
	return path == NULL || path[0] == '\0' ? SOCKET_DEFAULT : path;
}

static int
fail_unknown(const struct ctl *ctl, const char *near)
{
	const struct ctl_options *options = &ctl->options;

	if (options->word_count == 0) {
		ctl_command_usage(stderr);
		return CTL_USAGE;
	}
	return ctl_fail(ctl, CTL_USAGE, "unknown_command",
	    "no such command: %s%s%s%s", options->words[0],
	    near == NULL ? "" : "; did you mean '", near == NULL ? "" : near,
	    near == NULL ? "" : "'?");
}

static int
run(struct ctl *ctl)
{
	struct ctl_options *options = &ctl->options;
	const struct ctl_command *command;
	const char *near = NULL;
	struct textbuf error;
	int words = 0, code;

	command = ctl_command_find(options->words, options->word_count, &words,
	    &near);
	if (command == NULL)
		return fail_unknown(ctl, near);
	ctl->args = options->words + words;
	ctl->arg_count = options->word_count - words;
	if (options->timeout_ms == 0)
		options->timeout_ms = command->timeout_ms;
	textbuf_init(&error, ERROR_MAX);
	if (ctl_command_check(command, ctl->arg_count, options->given,
		&error) != 0)
		code = ctl_fail(ctl, CTL_USAGE, "usage", "%s",
		    textbuf_text(&error));
	else
		code = command->run(ctl);
	textbuf_clear(&error);
	return code;
}

int
main(int argc, char **argv)
{
	struct ctl ctl = { 0 };
	struct textbuf error;
	int code;

	signal(SIGPIPE, SIG_IGN);
	ctl_link_init(&ctl.link);
	textbuf_init(&error, ERROR_MAX);
	if (ctl_options_parse(argc, argv, &ctl.options, &error) != 0) {
		code = ctl_fail(&ctl, CTL_USAGE, "usage",
		    "%s (holdfastctl -h tells more)", textbuf_text(&error));
		textbuf_clear(&error);
		return code;
	}
	ctl.socket = choose_socket(&ctl.options);
	if (ctl.options.help) {
		ctl_command_usage(stdout);
		code = CTL_DONE;
	} else if (ctl.options.version) {
		puts("holdfastctl " HOLDFAST_VERSION);
		code = CTL_DONE;
	} else {
		code = run(&ctl);
	}
	ctl_link_close(&ctl.link);
	if (fflush(stdout) != 0 && code == CTL_DONE) {
		perror("holdfastctl: output");
		code = CTL_REFUSED;
	}
	return code;
}
