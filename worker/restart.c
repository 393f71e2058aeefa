/* SPDX-License-Identifier: ISC */
/*
 * The restart policy of keepers (see restart.h).
 */
#include "worker/restart.h"

#include <signal.h>

#include "worker/worker.h"

#define RESTART_STEP_TRIES 4u

bool
restart_is_stall(const struct restart_death *death)
{
	/* A tenant that was marked may still die of something else. */
	return death->was_stalled &&
	    (death->status == -SIGABRT || death->status == -SIGKILL);
}

enum counter
restart_counter(const struct restart_death *death)
{
	if (restart_is_stall(death))
		return COUNTER_RESTART_STALL;
	switch (death->status) {
	case WORKER_EXIT_RECYCLE:
		return COUNTER_RESTART_RECYCLE;
	case -SIGSEGV:
	case -SIGBUS:
	case -SIGILL:
	case -SIGFPE:
	case -SIGABRT:
		return COUNTER_RESTART_FAULT;
	default:
		return death->status < 0 ? COUNTER_RESTART_KILLED :
					   COUNTER_RESTART_EXIT;
	}
}

uint32_t
restart_in_row(const struct restart_policy *policy,
    const struct restart_death *death, uint32_t before)
{
	/* One that recycles before it has served would do so for ever. */
	if (death->status == WORKER_EXIT_RECYCLE && death->has_served)
		return 0;
	/* A death that is explained, by a signal from outside or by a
	 * connection, which is then quarantined, is followed at once: nobody
	 * else shall notice.  Waiting is for tenants that cannot start, and for
	 * those that die again and again with nobody to blame. */
	if (death->has_served &&
	    (death->in_step ||
		restart_counter(death) == COUNTER_RESTART_KILLED ||
		death->served_ms >= policy->crash_window_ms))
		return 1;
	return before == UINT32_MAX ? before : before + 1;
}

uint32_t
restart_delay_ms(const struct restart_policy *policy,
    const struct restart_death *death, uint32_t in_row)
{
	uint64_t delay = policy->backoff_ms;

	if (in_row <= (death->in_step ? RESTART_STEP_TRIES : 1))
		return 0;
	for (uint32_t i = 2; i < in_row && delay < policy->backoff_max_ms; i++)
		delay *= 2;
	return delay < policy->backoff_max_ms ? (uint32_t)delay :
						policy->backoff_max_ms;
}
