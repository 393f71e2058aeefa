/* SPDX-License-Identifier: ISC */
/*
 * The members of a fleet: what their leases say, and what the leader makes of
 * it.  Pure, but for the memory of the list.  Everything comes from Redis,
 * where others may have written it: what cannot be is left out.
 */
#ifndef HOLDFAST_FLEET_FLEET_MEMBER_H
#define HOLDFAST_FLEET_FLEET_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "supervisor/fleet/member_fsm.h"
#include "supervisor/fleet/peer_probe.h"

#define FLEET_MEMBERS_MAX 2000u

/* What the observer has seen, see fleet_observe.h. */
enum member_seen {
	MEMBER_SEEN_NOT,
	MEMBER_SEEN_ALIVE,
	MEMBER_SEEN_GONE,
	MEMBER_SEEN_UNCLEAR /* it could not look */
};

struct fleet_member {
	char id[128];
	char region[64];
	char address[64]; /* of its peer port; "": it has none */
	uint16_t port;
	uint64_t incarnation;
	uint64_t beat_ms; /* by Redis' clock */
	uint64_t lease_ms;
	uint64_t capacity;
	uint64_t count; /* connections */
	uint64_t bound; /* the limit that it goes by, 0: not told */
	uint64_t held;	/* its copy of the fleet's high water */
	double rate;	/* handshakes a second */
	double budget;	/* that it can do */
	double best;	/* that it has been seen doing */
	enum member_state said;
	bool is_lost;	  /* Redis has its name alone: said is no word of its */
	bool is_purged;	  /* dead or left, and no route to it is left */
	uint64_t dead_ms; /* by Redis' clock: when it was declared so */
	/* the leader's */
	enum member_state state;
	uint64_t limit;		       /* it goes by that, or will soon */
	uint32_t misses;	       /* of its peer port, see fleet_bury.c */
	enum peer_probe_result probed; /* last */
	bool has_answered;	       /* though its lease was over */
	char observer[128];	       /* "": nobody has been asked about it */
	uint64_t asked_ms;	       /* our clock */
	enum member_seen seen;
	bool is_asked_again; /* another observer, as the first has not said */
	bool is_disputed;    /* and that has been told */
	uint64_t purge_next_ms; /* our clock: it could not be purged */
};

struct fleet_members {
	struct fleet_member *all; /* owned */
	size_t count;
	size_t room;
};

void fleet_members_clear(struct fleet_members *members);
struct fleet_member *fleet_members_find(const struct fleet_members *members,
    const char *id);
/* A new, empty one; NULL: no memory, or FLEET_MEMBERS_MAX. */
struct fleet_member *fleet_members_add(struct fleet_members *members);

/* By id: Redis has them by their beats. */
void fleet_members_sort(struct fleet_members *members);

/* Takes one field of a lease, unless it is nonsense. */
void fleet_member_set(struct fleet_member *member, const char *field,
    const char *value);

/* Is a renewal overdue?  Then it is time to look whether it lives. */
bool fleet_member_is_late(const struct fleet_member *member, uint64_t redis_ms);
/* What became of the lease by now, as an event for the member. */
enum member_event fleet_member_event(const struct fleet_member *member,
    uint64_t redis_ms);

/*
 * Did it go missing since an operator acknowledged those who were then?  One
 * without a peer port stays suspect for ever, as nobody can say that it is
 * dead: after ten leases it has nothing to do with who goes missing now.
 */
bool fleet_member_is_missing(const struct fleet_member *member, uint64_t ack_ms,
    uint64_t redis_ms);
/* Routes, to be purged by others?  Who left has the time of its lease. */
bool fleet_member_has_stale(const struct fleet_member *member,
    uint64_t redis_ms);
/* May the leader take it off the list? */
bool fleet_member_is_over(const struct fleet_member *member, uint64_t redis_ms);

/*
 * The leader's part of a lease just read, which begins as a copy of what was
 * known, if anything was: *old.  A reading can miss all that lies between two
 * of them, so another life of the node, and one that was dead and is not, are
 * as good as new.
 */
void fleet_member_follow(struct fleet_member *member,
    const struct fleet_member *old, uint64_t redis_ms);

/* The list as the leader publishes it and holdfastctl shows it. */
json_t *fleet_members_json(const struct fleet_members *members);
/* Sorted.  What is no such list leaves *members alone: -EPROTO, -ENOMEM. */
int fleet_members_parse(struct fleet_members *members, const char *text,
    size_t len);

#endif
