/* SPDX-License-Identifier: ISC */
/*
 * A drain's words (see node_drain.h).
 */
#include "proto/node_drain.h"

#include <errno.h>
#include <string.h>

static const char *const profiles[DRAIN_PROFILE_MAX] = {
	[DRAIN_EVACUATE] = "evacuate",
	[DRAIN_GENTLE] = "gentle",
};

static const char *const leases[DRAIN_LEASE_MAX] = {
	[DRAIN_LEASE_NONE] = "none",
	[DRAIN_LEASE_WAITING] = "waiting",
	[DRAIN_LEASE_HELD] = "held",
	[DRAIN_LEASE_PAUSED] = "paused",
	[DRAIN_LEASE_FORCED] = "forced",
};

void
node_drain_save(struct node_drain *to, const struct drain_words *from)
{
	atomic_store(&to->stops_after, from->stops_after);
	atomic_store(&to->close_code, from->close_code);
	atomic_store(&to->profile, (uint32_t)from->profile);
	atomic_store(&to->begin_ms, from->begin_ms);
	atomic_store(&to->end_ms, from->end_ms);
	atomic_store(&to->asked_real_ms, from->asked_real_ms);
	atomic_store(&to->grace_ms, from->grace_ms);
	atomic_store(&to->total, from->total);
	/* Who dies before this has not begun the drain. */
	atomic_store(&to->state, (uint32_t)from->state);
}

/* Times of a drain that can be under way now. */
static bool
is_plausible(const struct drain_words *w, uint64_t now_ms)
{
	return w->begin_ms <= now_ms + NODE_DRAIN_MAX_MS &&
	    w->end_ms >= w->begin_ms &&
	    w->end_ms - w->begin_ms <= NODE_DRAIN_MAX_MS &&
	    w->grace_ms <= NODE_DRAIN_MAX_MS;
}

int
node_drain_load(const struct node_drain *from, uint64_t now_ms,
    struct drain_words *out)
{
	uint32_t state = atomic_load(&from->state);
	uint32_t profile = atomic_load(&from->profile);
	struct drain_words w = {
		.stops_after = atomic_load(&from->stops_after) != 0,
		.close_code = atomic_load(&from->close_code),
		.begin_ms = atomic_load(&from->begin_ms),
		.end_ms = atomic_load(&from->end_ms),
		.asked_real_ms = atomic_load(&from->asked_real_ms),
		.grace_ms = atomic_load(&from->grace_ms),
		.total = atomic_load(&from->total),
	};

	if (state == NODE_DRAIN_NONE)
		return -ENOENT;
	if (state >= NODE_DRAIN_STATE_MAX || profile >= DRAIN_PROFILE_MAX ||
	    w.close_code < 1000 || w.close_code > 4999 ||
	    !is_plausible(&w, now_ms))
		return -EPROTO;
	w.state = (enum node_drain_state)state;
	w.profile = (enum drain_profile)profile;
	*out = w;
	return 0;
}

void
node_permit_begin(struct node_permit *permit, uint64_t drain, bool is_forced,
    bool is_verdict)
{
	if (atomic_load(&permit->drain) != drain)
		atomic_store(&permit->until_ms, 0);
	atomic_store(&permit->is_forced, is_forced);
	atomic_store(&permit->is_verdict, is_verdict);
	atomic_store(&permit->drain, drain);
}

bool
node_permit_is_forced(const struct node_permit *permit, uint64_t drain)
{
	return atomic_load(&permit->drain) == drain &&
	    atomic_load(&permit->is_forced) != 0;
}

bool
node_permit_is_verdict(const struct node_permit *permit, uint64_t drain)
{
	return atomic_load(&permit->drain) == drain &&
	    atomic_load(&permit->is_verdict) != 0;
}

void
node_permit_extend(struct node_permit *permit, uint64_t asked_ms,
    uint64_t lease_ms)
{
	/* A quarter of it covers clocks that run apart and closes on their
	 * way. */
	atomic_store(&permit->until_ms, asked_ms + lease_ms - lease_ms / 4);
}

bool
node_permit_is_over(const struct node_permit *permit,
    const struct node_drain *drain, uint64_t now_ms)
{
	uint64_t until_ms = atomic_load(&permit->until_ms);

	return atomic_load(&drain->state) == NODE_DRAIN_CLOSING &&
	    atomic_load(&drain->stops_after) == 0 &&
	    atomic_load(&permit->drain) == atomic_load(&drain->asked_real_ms) &&
	    atomic_load(&permit->is_forced) == 0 && until_ms != 0 &&
	    now_ms >= until_ms;
}

void
node_slot_drain_forget(struct node_slot_drain *drain)
{
	atomic_store(&drain->close_code, 0);
	atomic_store(&drain->flags, 0);
	atomic_store(&drain->end_ms, 0);
	atomic_store(&drain->closed, 0);
}

const char *
drain_profile_name(enum drain_profile profile)
{
	return (unsigned)profile < DRAIN_PROFILE_MAX ? profiles[profile] :
						       "unknown";
}

int
drain_profile_parse(const char *text, enum drain_profile *out)
{
	for (unsigned i = 0; i < DRAIN_PROFILE_MAX; i++) {
		if (strcmp(text, profiles[i]) == 0) {
			*out = (enum drain_profile)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *
drain_lease_name(enum drain_lease lease)
{
	return (unsigned)lease < DRAIN_LEASE_MAX ? leases[lease] : "unknown";
}

enum drain_lease
drain_lease_parse(const char *text)
{
	for (unsigned i = 0; i < DRAIN_LEASE_MAX; i++) {
		if (strcmp(text, leases[i]) == 0)
			return (enum drain_lease)i;
	}
	return DRAIN_LEASE_NONE;
}
