/* SPDX-License-Identifier: ISC */
/*
 * Plans a drain (see drain_plan.h).
 */
#include "supervisor/drain_plan.h"

/* A gateway notices a deadline at its next tick, and we when it is told. */
#define TELL_MS 1000u

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

struct drain_plan
drain_plan_make(const struct settings *set, const struct drain_request *request)
{
	struct drain_plan plan = {
		.profile = request->profile,
		.lb_wait_ms = request->is_unready ? 0 : set->drain.lb_wait_ms,
		.window_ms = request->profile == DRAIN_GENTLE ?
		    set->drain.gentle_window_ms :
		    set->drain.window_ms,
		.grace_ms = set->websocket.close_timeout_ms + TELL_MS,
	};
	uint64_t within = request->within_ms;

	if (within == 0)
		return plan;
	/* Most of it belongs to the closes, however short it is. */
	plan.lb_wait_ms = least(plan.lb_wait_ms, within / 4);
	plan.grace_ms = least(plan.grace_ms, within / 10);
	plan.window_ms = within - plan.lb_wait_ms - plan.grace_ms;
	return plan;
}

uint64_t
drain_plan_total_ms(const struct drain_plan *plan)
{
	return plan->lb_wait_ms + plan->window_ms + plan->grace_ms;
}

double
drain_plan_rate(uint32_t connections, uint64_t window_ms)
{
	return (double)connections * 1000 /
	    (double)(window_ms < 1000 ? 1000 : window_ms);
}
