/* SPDX-License-Identifier: ISC */
/*
 * How a drain would run: how long load balancers get, how the closes are
 * spread, when what is left is cut off.  Pure: a plan acts on nothing.
 */
#ifndef HOLDFAST_SUPERVISOR_DRAIN_PLAN_H
#define HOLDFAST_SUPERVISOR_DRAIN_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/node_drain.h"
#include "proto/settings.h"

#define DRAIN_CLOSE_CODE    1012 /* service restart (RFC 6455, IANA) */
#define DRAIN_WITHIN_MIN_MS 1000u
#define DRAIN_WITHIN_MAX_MS (7ull * 24 * 3600 * 1000)

struct drain_request {
	enum drain_profile profile;
	uint64_t within_ms; /* 0: as the profile says */
	bool is_unready;    /* load balancers know: no wait for them */
	bool is_forced;	    /* whatever the fleet says */
	bool is_verdict;    /* cut off: nobody has asked for it */
};

struct drain_plan {
	enum drain_profile profile;
	uint64_t lb_wait_ms;
	uint64_t window_ms; /* closes are spread over it */
	uint64_t grace_ms;  /* for the last close handshakes */
};

/* within_ms, when given, is all three together. */
struct drain_plan drain_plan_make(const struct settings *set,
    const struct drain_request *request);

uint64_t drain_plan_total_ms(const struct drain_plan *plan);
/* Closes a second; of a window of 0: as if it were one second. */
double drain_plan_rate(uint32_t connections, uint64_t window_ms);

#endif
