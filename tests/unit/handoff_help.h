/* SPDX-License-Identifier: ISC */
/*
 * What the tests of handoffs share: a slot with clients, one side of its
 * handoff to be tested and the other one to be played.  All that the other one
 * will say is in the socket before the call.
 */
#ifndef HOLDFAST_UNIT_HANDOFF_HELP_H
#define HOLDFAST_UNIT_HANDOFF_HELP_H

#include "proto/table.h"
#include "worker/worker.h"

#define RIG_CLIENTS    5u
#define RIG_CAPACITY   64u
#define RIG_GENERATION 9u

/* Both sides: a slot with clients, which one has and the other wants. */
struct handoff_rig {
	struct table given;
	int given_fd;
	int clients[RIG_CLIENTS]; /* their ends */
	int sockets[RIG_CLIENTS]; /* ours, in records 0 to RIG_CLIENTS - 1 */
	struct table taken;
	int taken_fd;
	uint64_t token;
	struct worker worker; /* the side that is tested */
	struct channel peer;  /* the one that is played */
	int first_free;	      /* fds from here on came with packets */
	bool commits;
	bool changes;
};

/* gives: the giver is tested, else the taker. */
void handoff_rig_open(struct handoff_rig *rig, bool gives);
void handoff_rig_close(struct handoff_rig *rig);

/* Whoever has the sockets: no client has noticed. */
void assert_clients_open(const struct handoff_rig *rig);

#endif
