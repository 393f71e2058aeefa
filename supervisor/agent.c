/* SPDX-License-Identifier: ISC */
/*
 * The agent port (see agent.h).  The words are those of "agent-check" in
 * HAProxy's configuration manual, section 5.2: a drained server keeps the
 * connections that it has, one that is down gets none before it says "up", and
 * a percentage scales the configured weight.
 */
#include "supervisor/agent.h"

#include <stdio.h>

#include "supervisor/fleet/fleet_deaf.h"
#include "supervisor/fleet/fleet_lease.h"
#include "supervisor/supervisor.h"

/* A full node is not down: its own door says no, and 0 % would be "drain". */
#define LEAST_PERCENT 1

size_t
agent_line(const struct agent_state *state, char out[LINE_PORT_MAX])
{
	uint64_t left = state->connections < state->limit ?
	    state->limit - state->connections :
	    0;
	uint64_t percent = state->limit == 0 ? 0 : left * 100 / state->limit;

	if (percent < LEAST_PERCENT)
		percent = LEAST_PERCENT;
	if (state->is_drained)
		return (size_t)snprintf(out, LINE_PORT_MAX, "drain\n");
	if (!state->is_ready)
		return (size_t)snprintf(out, LINE_PORT_MAX, "down #%.64s\n",
		    state->reason);
	return (size_t)snprintf(out, LINE_PORT_MAX, "ready up %u%%\n",
	    (unsigned)percent);
}

static size_t
say(char out[LINE_PORT_MAX], void *arg)
{
	const struct supervisor *sup = arg;
	enum slot_path path;
	struct agent_state agent = {
		.is_ready = supervisor_is_ready(sup),
		.is_drained = lifecycle_is_draining(sup),
		.connections = node_connections(&sup->node),
		.limit = atomic_load(&sup->node.shared->capacity),
		.reason = lifecycle_state_name(sup->lifecycle.state),
	};

	if (fleet_is_cut_off(sup))
		agent.reason = "cut_off";
	else if (fleet_is_taken(sup))
		agent.reason = "id_taken";
	else if (fleet_is_deaf(sup, &path))
		agent.reason = "deaf";

	return agent_line(&agent, out);
}

int
agent_start(struct supervisor *sup)
{
	int fd = sup->listeners.agent.fd;

	return fd == -1 ?
	    0 :
	    line_port_start(&sup->admin.agent, sup->base, fd, say, sup);
}

void
agent_stop(struct supervisor *sup)
{
	line_port_stop(&sup->admin.agent);
}
