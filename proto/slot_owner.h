/* SPDX-License-Identifier: ISC */
/*
 * The owner word of a slot (slot_header.owner): which tenant may touch its
 * sockets.  It is changed by compare-and-swap alone, so that at no instant two
 * tenants believe to be it, whoever is stopped, killed or late:
 *
 *	OWNED --give--> GIVING --commit--> MOVED
 *	  ^                |
 *	  +---take back----+	(also by the keeper's next claim)
 *
 * MOVED is for ever: another table has the slot then.  The attempt in the word
 * makes each handoff's GIVING differ from the ones before.
 */
#ifndef HOLDFAST_PROTO_SLOT_OWNER_H
#define HOLDFAST_PROTO_SLOT_OWNER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Keeper: a tenant of this generation is to be the owner.  -ESTALE: moved. */
int slot_owner_claim(_Atomic uint64_t *owner, uint32_t generation)
    __attribute__((warn_unused_result));

/* Tenant `generation` begins to give: *out_token is the word meanwhile.
 * -ESTALE: it is not the owner. */
int slot_owner_give(_Atomic uint64_t *owner, uint32_t generation,
    uint64_t *out_token) __attribute__((warn_unused_result));
/* The giver keeps the slot: false when the taker has it. */
bool slot_owner_take_back(_Atomic uint64_t *owner, uint64_t token);
/* The taker gets it: false when it is too late. */
bool slot_owner_commit(_Atomic uint64_t *owner, uint64_t token);

/* Supervisor: whoever gives keeps the slot, now.  False: it has moved. */
bool slot_owner_revoke(_Atomic uint64_t *owner);

bool slot_owner_has_moved(const _Atomic uint64_t *owner);
/* Was it this very handoff that moved it? */
bool slot_owner_was_committed(const _Atomic uint64_t *owner, uint64_t token);

#endif
