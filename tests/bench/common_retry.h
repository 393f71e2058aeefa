/* SPDX-License-Identifier: ISC */
/*
 * When a client comes back: the rules of worker/gateway/client/holdfast.js,
 * with its numbers, for the load generator.  Not lib/backoff.h, which is for
 * our own retries: its jitter only shortens, and nobody tells it anything.
 * Pure.
 */
#ifndef HOLDFAST_BENCH_COMMON_RETRY_H
#define HOLDFAST_BENCH_COMMON_RETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RETRY_BASE_MS = 1000,
	RETRY_CAP_MS = 60000,
	RETRY_JITTER_PERCENT = 20,
	RETRY_STABLE_MS = 30000,
	RETRY_TOLD_MAX_MS = 3600000,
	RETRY_MAX_MS = 1000000000 /* of each number in the rules */
};

struct retry_rules {
	uint64_t base_ms; /* 0: it does not come back */
	uint64_t cap_ms;
	uint64_t jitter_percent;
	uint64_t stable_ms; /* a connection that lasted so long is a success */
};

/* The end of a connection, or of an attempt to open one. */
struct retry_end {
	bool was_open;
	uint64_t lasted_ms; /* if it was */
	int64_t told_ms;    /* what the server asked for; -1: nothing */
};

/* base * 2^attempt, at most cap, give or take the jitter. */
uint64_t retry_backoff_ms(const struct retry_rules *, uint32_t attempt,
    uint32_t random);

/* How long to wait now; *attempt counts the failures since a success. */
uint64_t retry_wait_ms(const struct retry_rules *, const struct retry_end *,
    uint32_t random, uint32_t *attempt);

/* True when a close code means that it must not come back. */
bool retry_is_final(uint16_t code);

/* The hint in the reason of a close; 0, or -ENOENT when there is none. */
int retry_hint_parse(const char *reason, size_t len, int64_t *out_ms);

/*
 * Retry-After in a head that ends with a NUL; 0, or -ENOENT.  The header has
 * whole seconds: part of one more is added, lest all who were told the same
 * number come in the same instant.
 */
int retry_after_parse(const char *head, uint32_t random, int64_t *out_ms);

#endif
