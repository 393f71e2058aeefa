/* SPDX-License-Identifier: ISC */
/*
 * The handoff of a slot between two tenants of different keepers, over a
 * SEQPACKET socket that the supervisor gave to both (DESIGN: "hands sockets
 * over").  The sockets go in acknowledged windows while the giver serves on.
 * Then it stands still, gives those that have come meanwhile, and the taker
 * makes its own table from the giver's.  What decides is
 * the owner word (proto/slot_owner.h): until it is changed, the giver may go on
 * at any moment, and whatever the taker has is thrown away.
 */
#ifndef HOLDFAST_WORKER_HANDOFF_H
#define HOLDFAST_WORKER_HANDOFF_H

#include "worker/worker.h"

/* Is there the socket of an earlier tenant's handoff?  Then that is over, but
 * copies of the sockets may live on. */
void handoff_find(struct worker *);

/* Before handoff_give(), which it leads to by way of worker_give(): sends the
 * sockets while they are served.  -errno: all is to be done at once. */
int handoff_give_early(struct worker *) __attribute__((warn_unused_result));
/* There is another handoff now. */
void handoff_forget_early(struct worker *);

/* Gives everything through worker->handoff_fd.  0: the slot has moved, nothing
 * of it may be touched any more.  -errno: it stays here; *out_reason says in
 * words why. */
int handoff_give(struct worker *, const char **out_reason)
    __attribute__((warn_unused_result));

/* Before the program attaches: takes the slot into this tenant's table. -errno:
 * it stays where it was, and this tenant must end. */
int handoff_take(struct worker *) __attribute__((warn_unused_result));

/* Gives the slot to the tenant at the other end of the handoff socket, and
 * leaves; or stays, and tells the supervisor why. */
void worker_give(struct worker *);

/* Another tenant may hold copies of this slot's sockets: before it closes one,
 * the program takes it from the epoll set and shuts it down. */
bool worker_copies_exist(struct worker *);

/* Waits for one message of the peer.  1, or -ETIMEDOUT, -ECONNRESET, -EPROTO:
 * also when it is of another kind.  Beats meanwhile. */
int handoff_wait(struct worker *, struct channel *, enum message_kind kind,
    uint32_t deadline_ms, struct message *out)
    __attribute__((warn_unused_result));
/* The same for a message of any kind. */
int handoff_wait_any(struct worker *, struct channel *, uint32_t deadline_ms,
    struct message *out) __attribute__((warn_unused_result));

#endif
