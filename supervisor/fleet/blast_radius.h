/* SPDX-License-Identifier: ISC */
/*
 * How many connections each node of a fleet may hold, so that the loss of one
 * severs no more than a given share of all.  Pure.  The leader computes the
 * level by water-filling and publishes it; each node makes its own limit of
 * it.  A limit refuses newcomers only: nobody is closed because it fell.
 */
#ifndef HOLDFAST_FLEET_BLAST_RADIUS_H
#define HOLDFAST_FLEET_BLAST_RADIUS_H

#include <stddef.h>
#include <stdint.h>

struct blast_rules {
	double fraction; /* of the fleet that one node may hold, 0 .. 1 */
	double slack;	 /* above 0: room beyond what is there */
	uint64_t floor;	 /* connections that any node may hold */
};

/*
 * The high-water count of the fleet: follows what grows at once, what shrinks
 * slowly, so that half of the nodes can vanish and the rest still takes their
 * clients.
 */
struct high_water {
	double held;
	uint64_t noted_ms;
};

/* Starts with what others remember (0 if nobody does). */
void high_water_init(struct high_water *water, uint64_t held, uint64_t now_ms);

/* half_life_ms 0 means that it never falls.  Returns the count held, rounded
 * up. */
uint64_t high_water_note(struct high_water *water, uint64_t connections,
    uint64_t now_ms, uint64_t half_life_ms);

/* The connections for which there must be room when `held` are there: always
 * at least one more than that. */
uint64_t blast_radius_wanted(const struct blast_rules *rules, uint64_t held);

/* The smallest level L with sum(min(capacity[i], L)) >= wanted; the largest
 * capacity when all together are too small. */
uint64_t blast_radius_level(const uint64_t *capacity, size_t count,
    uint64_t wanted);

/* min(capacity, max(floor, fraction * held, level)). */
uint64_t blast_radius_limit(const struct blast_rules *rules, uint64_t capacity,
    uint64_t held, uint64_t level);

/*
 * What share of `held` the loss of one node can cost: the largest of limits
 * and of counts (a node may hold more than its limit has become), 0 .. 1.
 * Without connections it is 0.
 */
double blast_radius_effective(const uint64_t *limits, const uint64_t *counts,
    size_t count, uint64_t held);

/*
 * How many more nodes it takes beside those of these capacities until none has
 * to hold more than the fraction; each can hold so much.  The fleet has room
 * for `held` and the slack then: of equal nodes, all together, it takes
 * (1 + slack) / fraction.
 */
uint64_t blast_radius_nodes_missing(const struct blast_rules *rules,
    const uint64_t *capacity, size_t count, uint64_t held);
/* And connections, below which the floor is more than the fraction of them. */
uint64_t blast_radius_held_needed(const struct blast_rules *rules);

#endif
