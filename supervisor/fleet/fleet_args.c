/* SPDX-License-Identifier: ISC */
/*
 * Words of a Redis command (see fleet_args.h).
 */
#include "supervisor/fleet/fleet_args.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void
fleet_args_bytes(struct fleet_args *args, const char *bytes, size_t len)
{
	if (args->argc == FLEET_ARGS_MAX) {
		args->error = -E2BIG;
		return;
	}
	args->argv[args->argc] = bytes;
	args->lens[args->argc] = len;
	args->argc++;
}

void
fleet_args_text(struct fleet_args *args, const char *text)
{
	size_t len = strlen(text);
	char *copy = args->pool + args->used;

	if (len >= FLEET_ARGS_POOL - args->used) {
		args->error = -E2BIG;
		return;
	}
	memcpy(copy, text, len + 1);
	args->used += len + 1;
	fleet_args_bytes(args, copy, len);
}

void
fleet_args_number(struct fleet_args *args, uint64_t number)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, number);
	fleet_args_text(args, text);
}

void
fleet_args_field(struct fleet_args *args, const char *name, uint64_t number)
{
	fleet_args_text(args, name);
	fleet_args_number(args, number);
}

void
fleet_args_hex(struct fleet_args *args, uint64_t number)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%016" PRIx64, number);
	fleet_args_text(args, text);
}

void
fleet_args_real(struct fleet_args *args, double number)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%.15g", number);
	fleet_args_text(args, text);
}

void
fleet_args_command(struct fleet_args *args, const char *name)
{
	args->argc = 0;
	args->error = 0;
	args->used = 0;
	fleet_args_text(args, name);
}

void
fleet_args_eval(struct fleet_args *args, const char *script, int keys)
{
	fleet_args_command(args, "EVAL");
	/* Scripts are constants of the program. */
	fleet_args_bytes(args, script, strlen(script));
	fleet_args_number(args, (uint64_t)keys);
}
