/* SPDX-License-Identifier: ISC */
/*
 * The pace at which displaced clients come back: over which time the leader
 * asks the fleet to spread closes and Retry-After.  Pure.
 */
#ifndef HOLDFAST_FLEET_STORM_H
#define HOLDFAST_FLEET_STORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* However little budget there is, a client is not told to stay away longer. */
#define STORM_WINDOW_MAX_MS 3600000ull

struct storm_survivor {
	double budget; /* handshakes a second it can do */
	double rate;   /* that it does now */
};

/*
 * Handshakes a second that the survivors have to spare; at least a tenth of
 * what they can do, since a window must end.  ceiling is what the load
 * balancers can do, 0: as much as the nodes.
 */
double storm_spare(const struct storm_survivor *survivors, size_t count,
    double ceiling);

/* max(min_window, displaced / spare), at most STORM_WINDOW_MAX_MS. */
uint64_t storm_window_ms(uint64_t displaced, double spare,
    uint64_t min_window_ms);

struct storm {
	uint64_t displaced;  /* when it began */
	uint64_t started_ms; /* 0: there has been none */
	uint64_t window_ms;
	double spare; /* handshakes a second when it began, 0: not known */
};

/* Those of a storm who are not back yet, if they come evenly. */
uint64_t storm_outstanding(const struct storm *storm, uint64_t now_ms);

/* More are displaced: the window starts anew with those still out.  Those who
 * come back take nothing from what was to spare for them. */
void storm_add(struct storm *storm, uint64_t displaced, double spare,
    uint64_t min_window_ms, uint64_t now_ms);

/* The same for some who are displaced since past_ms: for the time that is left
 * and those who are not back by now.  False: it is over. */
bool storm_add_late(struct storm *storm, uint64_t displaced, double spare,
    uint64_t min_window_ms, uint64_t past_ms, uint64_t now_ms);

/* A storm as the leader publishes it, by the clock of Redis. */
struct storm_notice {
	uint64_t until_ms;
	uint64_t window_ms;
	uint64_t displaced;
	double spare;
	uint64_t announced_ms; /* when the last node died that it is for */
};

/* One that somebody else has announced goes on, unless it is over.  What cannot
 * be is cut to what can. */
void storm_resume(struct storm *storm, const struct storm_notice *notice,
    uint64_t redis_ms, uint64_t now_ms);

/* Milliseconds to the end of the window, 0 outside of one. */
uint64_t storm_left_ms(const struct storm *storm, uint64_t now_ms);

/* The part of a fleet-wide ceiling that falls to a node of this budget; its
 * own budget where there is no ceiling (0). */
double storm_bucket(double own, double all, double ceiling);

#endif
