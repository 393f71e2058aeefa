/* SPDX-License-Identifier: ISC */
/*
 * The agent port: says in HAProxy's words (agent-check) whether to send this
 * node clients, and how many compared with its empty self.
 */
#ifndef HOLDFAST_SUPERVISOR_AGENT_H
#define HOLDFAST_SUPERVISOR_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/line_port.h"

struct supervisor;

struct agent_state {
	bool is_ready;
	bool is_drained; /* or about to be */
	uint32_t connections;
	uint32_t limit;
	const char *reason; /* a word, when it is not ready */
};

/* Pure: the line, with its newline; its length. */
size_t agent_line(const struct agent_state *state, char out[LINE_PORT_MAX]);

/* -ENOMEM; 0 when the settings want none. */
int agent_start(struct supervisor *sup);
void agent_stop(struct supervisor *sup);

#endif
