/* SPDX-License-Identifier: ISC */
/*
 * Who leads the fleet, from the side of one candidate.  Pure.  The lease is a
 * Redis key whose value is a token; every script that acts for the fleet
 * compares the whole token, so a leader that lost its lease without noticing
 * can do nothing.  Time is counted from the moment a request was sent, which is
 * never later than the moment Redis counts from: a leader stops before anybody
 * else can start.
 */
#ifndef HOLDFAST_FLEET_LEADER_H
#define HOLDFAST_FLEET_LEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "epoch:incarnation:random", numbers in hex, and its NUL. */
#define LEADER_TOKEN_SIZE 56

struct leader_token {
	uint64_t epoch;
	uint64_t incarnation;
	uint64_t random;
};

void leader_token_format(const struct leader_token *token,
    char out_text[LEADER_TOKEN_SIZE]);
/* -EINVAL for what leader_token_format() does not write. */
int leader_token_parse(const char *text, struct leader_token *out_token);

enum leader_wish {
	LEADER_WAIT,  /* nothing to ask now */
	LEADER_CLAIM, /* ask for the lease if nobody holds it */
	LEADER_RENEW  /* extend ours */
};

struct leader {
	uint64_t lease_ms;
	uint64_t until_ms; /* we lead before this, 0: we do not */
	uint64_t next_ms;  /* when to ask again */
	uint64_t asked_ms; /* when the request under way was sent */
	bool is_asking;	   /* a request is under way */
	bool is_claim;	   /* ... for a lease we do not have */
	uint64_t terms;	   /* times that it was won */
};

void leader_init(struct leader *leader, uint64_t lease_ms, uint64_t now_ms);

/* What to send now; the request then counts as sent, and exactly one of
 * leader_on_answer() and leader_on_failure() must follow. */
enum leader_wish leader_next(struct leader *leader, uint64_t now_ms);

/*
 * The answer to it: granted or not.  `random` spreads the candidates.  True
 * when we lead from now on and did not before.
 */
bool leader_on_answer(struct leader *leader, bool is_granted, uint32_t random,
    uint64_t now_ms);

/* No answer will come (link lost, error).  A lease that we hold stays ours
 * until it runs out; the claim that may have been granted does not. */
void leader_on_failure(struct leader *leader, uint64_t now_ms);

/* Gives it up, before a drain or a stop. */
void leader_resign(struct leader *leader, uint64_t now_ms);

/* May we act for the fleet at this moment? */
bool leader_leads(const struct leader *leader, uint64_t now_ms);

#endif
