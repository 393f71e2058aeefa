/* SPDX-License-Identifier: ISC */
/*
 * The leader's restraint (see failover.h).
 */
#include "supervisor/fleet/failover.h"

#include <stdio.h>
#include <string.h>

static void
unsettle(struct failover *failover, uint64_t now_ms)
{
	failover->settled_ms = now_ms + failover->expiry_ms;
}

void
failover_init(struct failover *failover, uint64_t expiry_ms,
    uint32_t max_per_hour, uint64_t now_ms)
{
	memset(failover, 0, sizeof(*failover));
	failover->expiry_ms = expiry_ms;
	failover->max_per_hour = max_per_hour < FAILOVER_HISTORY ?
	    max_per_hour :
	    FAILOVER_HISTORY;
	unsettle(failover, now_ms);
}

void
failover_begin(struct failover *failover, bool is_mass)
{
	failover_acknowledge(failover);
	failover->is_mass = is_mass;
}

void
failover_on_connect(struct failover *failover, uint64_t now_ms)
{
	failover->has_time = failover->has_server = false;
	unsettle(failover, now_ms);
}

bool
failover_on_server(struct failover *failover, const char *run_id,
    const char *replid, uint64_t now_ms)
{
	bool is_first = failover->run_id[0] == '\0';

	failover->has_server = run_id[0] != '\0';
	if (!failover->has_server)
		return false;
	if (strcmp(failover->run_id, run_id) == 0 &&
	    strcmp(failover->replid, replid) == 0)
		return false;
	(void)snprintf(failover->run_id, sizeof(failover->run_id), "%s",
	    run_id);
	(void)snprintf(failover->replid, sizeof(failover->replid), "%s",
	    replid);
	/* The connection over which we hear it for the first time has made us
	 * wait already. */
	if (!is_first)
		unsettle(failover, now_ms);
	return !is_first;
}

void
failover_on_time(struct failover *failover, uint64_t redis_ms, uint64_t sent_ms,
    uint64_t now_ms)
{
	int64_t least = (int64_t)(redis_ms - now_ms);
	int64_t most = (int64_t)(redis_ms - sent_ms);
	bool has_jumped = failover->has_time &&
	    (least > failover->ahead_ms + FAILOVER_JUMP_MS ||
		most < failover->ahead_ms - FAILOVER_JUMP_MS);

	if (has_jumped)
		unsettle(failover, now_ms);
	/* What a slow answer says is vague, and good only for that. */
	if (failover->has_time && !has_jumped &&
	    most - least >= FAILOVER_JUMP_MS / 2)
		return;
	failover->ahead_ms = least + (most - least) / 2;
	failover->has_time = true;
}

bool
failover_is_settled(const struct failover *failover, uint64_t now_ms)
{
	return failover->has_server && now_ms >= failover->settled_ms;
}

static uint32_t
verdicts_within(const struct failover *failover, uint64_t span_ms,
    uint64_t now_ms)
{
	uint32_t i, count = 0;

	for (i = 0; i < failover->filled; i++) {
		if (now_ms - failover->at_ms[i] < span_ms)
			count++;
	}
	return count;
}

/* Those declared dead a moment ago went missing together with these. */
static bool
is_mass(struct failover *failover, size_t expired, size_t members,
    uint64_t now_ms)
{
	size_t dead = verdicts_within(failover, failover->expiry_ms, now_ms);
	size_t missing = expired + dead;
	bool many = missing > 1 && missing * 10 > members + dead;

	if (expired == 0)
		failover->is_mass = false;
	else if (many)
		failover->is_mass = true;
	return failover->is_mass;
}

enum failover_hold
failover_decide(struct failover *failover, size_t expired, size_t members,
    bool is_paused, uint64_t now_ms)
{
	/* Leases that expired while Redis was away are no mass of dead. */
	if (!failover_is_settled(failover, now_ms))
		return FAILOVER_UNSETTLED;
	if (is_mass(failover, expired, members, now_ms))
		return FAILOVER_MASS;
	if (is_paused)
		return FAILOVER_PAUSED;
	if (verdicts_within(failover, FAILOVER_SPAN_MS, now_ms) >=
	    failover->max_per_hour)
		return FAILOVER_FLAPPING;
	return FAILOVER_GO;
}

void
failover_note(struct failover *failover, uint64_t now_ms)
{
	failover->at_ms[failover->next] = now_ms;
	failover->next = (failover->next + 1) % FAILOVER_HISTORY;
	if (failover->filled < FAILOVER_HISTORY)
		failover->filled++;
}

void
failover_acknowledge(struct failover *failover)
{
	failover->filled = 0;
	failover->next = 0;
}

const char *
failover_hold_name(enum failover_hold hold)
{
	static const char *const names[FAILOVER_HOLD_MAX] = {
		[FAILOVER_GO] = "go",
		[FAILOVER_UNSETTLED] = "unsettled",
		[FAILOVER_PAUSED] = "paused",
		[FAILOVER_MASS] = "mass_expiry",
		[FAILOVER_FLAPPING] = "flapping",
	};

	return (unsigned)hold < FAILOVER_HOLD_MAX ? names[hold] : "unknown";
}
