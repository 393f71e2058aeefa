/* SPDX-License-Identifier: ISC */
/*
 * What it means that Redis does not answer: is this node cut off, or has
 * nobody Redis?  Pure; decided by what the peers of the last known list say on
 * their peer ports.
 */
#ifndef HOLDFAST_FLEET_PARTITION_H
#define HOLDFAST_FLEET_PARTITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum partition_verdict {
	PARTITION_NONE,	     /* Redis answers */
	PARTITION_UNDECIDED, /* silent, for too short a time to say why */
	PARTITION_CUT_OFF, /* others have it: not ready, drain after a while */
	PARTITION_ALONE,   /* cut off too, from everybody: nobody is heard */
	PARTITION_OUTAGE,  /* nobody has it: serve on, freeze everything */
	PARTITION_VERDICT_MAX
};

enum peer_answer {
	PEER_NOT_ASKED, /* or not answered yet */
	PEER_SILENT,	/* no packet came back: timeout, no route */
	PEER_ERROR,	/* something else: refused, nonsense, our own limits */
	PEER_ANSWERED	/* see redis_age_ms */
};

struct peer_report {
	enum peer_answer answer;
	/* How long ago Redis last answered that peer, at the time it told us;
	 * UINT64_MAX: never. */
	uint64_t redis_age_ms;
};

/* A peer that does not know yet that Redis is gone must not count as one that
 * has it: each asks Redis once a second, and may be late. */
#define PARTITION_MARGIN_MS 2500u
/* One that was answered so long after us may turn out to have it. */
#define PARTITION_MAYBE_MS 1500u

/* How many must be silent before silence means us. */
#define PARTITION_SILENT_MIN 2u

/*
 * silent_ms: how long Redis has not answered us.  After settle_ms of that the
 * reports decide; an error is nobody's proof and falls on the side of serving
 * on.
 */
enum partition_verdict partition_decide(uint64_t silent_ms, uint64_t settle_ms,
    const struct peer_report *reports, size_t count);

/* Has that peer Redis, while we have not? */
bool partition_has_redis(const struct peer_report *report, uint64_t silent_ms);

/* One round can be wrong: a peer that was about to find out, one that hangs.
 * So many in a row make a node cut off, and so many end that. */
#define PARTITION_ROUNDS 2u

/* The verdict, and what speaks against it. */
struct partition {
	enum partition_verdict verdict;
	uint32_t rounds;   /* in a row that do */
	uint64_t redis_ms; /* the first of them by which a peer has Redis */
};

/*
 * Takes what partition_decide() says of a round, once; NONE and UNDECIDED at
 * any time.  tried_ms: Redis has been looked for in vain since then, from the
 * beginning of an attempt to its end; 0: never.  After an outage Redis comes
 * back to one node before another: what counts then is an attempt that began
 * when a peer had it.  Returns the verdict.
 */
enum partition_verdict partition_step(struct partition *partition,
    enum partition_verdict word, uint64_t now_ms, uint64_t tried_ms);

/* Not ready, and no new clients? */
bool partition_is_cut_off(enum partition_verdict verdict);

/* "cut_off" and so on. */
const char *partition_verdict_name(enum partition_verdict verdict);

#endif
