/* SPDX-License-Identifier: ISC */
/*
 * The drain under way in numbers (see drain_progress.h).
 */
#include "supervisor/drain_progress.h"

#include <string.h>

#include "lib/clock.h"
#include "supervisor/supervisor.h"

void
drain_progress_get(const struct supervisor *sup, struct drain_progress *out)
{
	const struct lifecycle *life = &sup->lifecycle;
	const struct drain_words *drain = &life->drain;
	uint64_t now = clock_mono_ms(), from;

	memset(out, 0, sizeof(*out));
	if (!lifecycle_is_draining(sup))
		return;
	from = now > drain->begin_ms ? now : drain->begin_ms;
	out->is_under_way = true;
	out->is_empty = life->empty;
	out->left = node_connections(&sup->node);
	/* While load balancers are waited for there can come more. */
	out->total = drain->total > out->left ? drain->total : out->left;
	out->cut_off = life->cut_off;
	out->begin_ms = drain->begin_ms;
	out->end_ms = drain->end_ms + drain->grace_ms;
	if (drain->end_ms > now &&
	    (out->left > 0 || life->state == LIFECYCLE_LEAVING))
		out->eta_ms = drain->end_ms - now;
	if (life->lease == DRAIN_LEASE_WAITING)
		out->eta_ms = drain->end_ms - drain->begin_ms;
	if (life->lease == DRAIN_LEASE_PAUSED)
		out->eta_ms = life->paused_left_ms;
	else if (out->left > 0 && life->lease != DRAIN_LEASE_WAITING)
		out->rate = drain_plan_rate(out->left,
		    drain->end_ms > from ? drain->end_ms - from : 0);
}
