/* SPDX-License-Identifier: ISC */
/*
 * Puts a Redis command together: words of text and numbers, copied, so that
 * the caller has nothing to keep.  Pure.
 */
#ifndef HOLDFAST_FLEET_FLEET_ARGS_H
#define HOLDFAST_FLEET_FLEET_ARGS_H

#include <stddef.h>
#include <stdint.h>

#define FLEET_ARGS_MAX	64
#define FLEET_ARGS_POOL 4096

struct fleet_args {
	int argc;
	int error; /* -E2BIG: something did not fit */
	size_t used;
	const char *argv[FLEET_ARGS_MAX];
	size_t lens[FLEET_ARGS_MAX];
	char pool[FLEET_ARGS_POOL];
};

/* EVAL of a script with so many keys, which must follow first. */
void fleet_args_eval(struct fleet_args *args, const char *script, int keys);
/* Any other command. */
void fleet_args_command(struct fleet_args *args, const char *name);

void fleet_args_text(struct fleet_args *args, const char *text);
/* Not copied: must live until the command is sent. */
void fleet_args_bytes(struct fleet_args *args, const char *bytes, size_t len);
void fleet_args_number(struct fleet_args *args, uint64_t number);
/* A name and a number: of a hash's fields. */
void fleet_args_field(struct fleet_args *args, const char *name,
    uint64_t number);
void fleet_args_hex(struct fleet_args *args, uint64_t number);
/* As it was configured, 15 digits long: 0.0004 is not 0. */
void fleet_args_real(struct fleet_args *args, double number);

#endif
