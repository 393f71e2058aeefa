/* SPDX-License-Identifier: ISC */
/*
 * What is told of the lifecycle (see lifecycle.h).
 */
#include "supervisor/lifecycle.h"
#include "supervisor/supervisor.h"

void
lifecycle_tell_status(const struct supervisor *sup)
{
	notify_status("%s, %u of %u slots serve, %u connections",
	    lifecycle_state_name(sup->lifecycle.state), supervisor_serving(sup),
	    sup->slot_count, node_connections(&sup->node));
}

bool
lifecycle_is_draining(const struct supervisor *sup)
{
	return sup->lifecycle.state >= LIFECYCLE_LEAVING;
}

const char *
lifecycle_state_name(enum lifecycle_state state)
{
	static const char *const names[LIFECYCLE_STATE_MAX] = {
		[LIFECYCLE_STARTING] = "starting",
		[LIFECYCLE_READY] = "ready",
		[LIFECYCLE_LEAVING] = "leaving",
		[LIFECYCLE_DRAINING] = "draining",
		[LIFECYCLE_CLOSING] = "stopping",
		[LIFECYCLE_STOPPING] = "stopping",
	};

	return (unsigned)state < LIFECYCLE_STATE_MAX ? names[state] : "unknown";
}
