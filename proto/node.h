/* SPDX-License-Identifier: ISC */
/*
 * The node memfd: what all slots of a node share.  Connection counts (each
 * slot writes its own), the node's handshake bucket (one word, changed by
 * compare-and-swap), admission limits and drain state (supervisor writes),
 * connections per address (each slot writes its own part) and the poison
 * table.  Nobody holds a lock in it, so nobody can die holding one.
 */
#ifndef HOLDFAST_PROTO_NODE_H
#define HOLDFAST_PROTO_NODE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/node_drain.h"
#include "proto/slot.h"

#define NODE_MAGIC	    0x314544304e464c48ULL
#define NODE_LAYOUT	    1u
#define NODE_POISON_ENTRIES 256u
#define NODE_IP_MIN_ENTRIES 256u /* a page */
#define NODE_IP_MAX_ENTRIES (1u << 20)

struct node_slot {
	_Atomic uint32_t connections; /* records in use */
	_Atomic uint32_t open;	      /* of them past 101 */
	_Atomic uint32_t accepting;   /* 1: takes part in the fair share */
	_Atomic uint32_t held;	      /* open, or on their way there */
	struct node_slot_drain drain; /* the tenant's, for the next one */
	uint8_t pad[24];
};

#define NODE_POISON_REFUSED 0x80000000u

struct node_poison {
	_Atomic uint64_t key; /* keyed hash of client id or address; 0: free */
	_Atomic uint32_t faults; /* NODE_POISON_REFUSED: and over the limit */
	_Atomic uint32_t refuse_until; /* end of its life, monotonic seconds */
};

struct node_ip {
	_Atomic uint64_t key; /* keyed hash of the address; 0: free */
	_Atomic uint32_t count;
	uint32_t unused;
};

struct node_shared {
	uint64_t magic;
	uint32_t layout;
	_Atomic uint32_t slots; /* node_slot entries in use; supervisor */
	uint32_t ip_entries;	/* per slot, power of two */
	/* Gateway slots that a signal asked for; 0: as the file says. */
	_Atomic uint32_t workers_asked;
	uint8_t hash_key[32];
	/* supervisor writes */
	_Atomic uint32_t capacity; /* effective, of the node */
	_Atomic uint32_t draining; /* refuse new connections with 503 */
	_Atomic uint32_t retry_after_ms;
	_Atomic uint32_t supervisor_pid;
	_Atomic uint64_t supervisor_heartbeat;
	struct node_drain drain;
	/* shared by compare-and-swap */
	_Atomic uint64_t handshake_tat __attribute__((aligned(64)));
	/* which life of the node these slots belong to; 0: not said yet */
	_Atomic uint64_t incarnation;
	/* supervisor writes: a storm, clients of another node come back */
	_Atomic uint32_t handshake_limit; /* a second; 0: as configured */
	_Atomic uint32_t spread_ms; /* they come over so long still; 0: none */
	struct node_permit permit;
	/* relay writes: the incarnation whose earlier one has left no route */
	_Atomic uint64_t purged;
	/* supervisor writes, for the next one: what the fleet's leader said */
	_Atomic uint32_t fleet_held, fleet_level; /* held + 1; 0: nothing */
	struct node_slot slot[SLOT_MAX_WORKERS] __attribute__((aligned(64)));
	struct node_poison poison[NODE_POISON_ENTRIES];
	/* on the next page: struct node_ip[SLOT_MAX_WORKERS][ip_entries] */
};

_Static_assert(sizeof(struct node_slot) == 64 &&
	offsetof(struct node_shared, handshake_tat) == 128 &&
	offsetof(struct node_shared, fleet_held) == 184 &&
	offsetof(struct node_shared, slot) == 192,
    "words that a layout 1 did not use yet");

struct node {
	struct node_shared *shared;
	struct node_ip *ips;
	uint64_t bytes;
	uint32_t ip_entries;
	int fd;		      /* borrowed: must stay open */
	uint64_t ip_reserved; /* bit per slot whose part has its pages */
};

uint64_t node_bytes(uint32_t ip_entries);
/* A fresh memfd of node_bytes().  -EINVAL: sizes; -ENOMEM, -errno. */
int node_format(int fd, uint32_t slots, uint32_t ip_entries,
    const uint8_t hash_key[32]);
/* -EPROTO, -EPROTONOSUPPORT: not a node's memfd, or another layout. */
int node_attach(struct node *, int fd);
void node_detach(struct node *);
/* Sums over all slots.  connections: whoever has a record, also who is being
 * refused.  held: those that a limit counts, where a slot's tenant tells (an
 * older one does not: the open ones). */
uint32_t node_connections(const struct node *);
uint32_t node_open(const struct node *);
uint32_t node_held(const struct node *);
/* A slot is empty, whatever the dead have counted. */
void node_slot_forget(struct node_slot *);

/* Connections of one address.  node_ip_count: over all slots, and not exact
 * while others write.  add/remove: the calling slot's own part; add: -ENOSPC
 * when its part is full, -ENOMEM; nothing is counted then, and remove of a key
 * that is not there does nothing. */
uint32_t node_ip_count(const struct node *, uint64_t key);
int node_ip_add(struct node *, uint32_t slot, uint64_t key);
void node_ip_remove(struct node *, uint32_t slot, uint64_t key);
void node_ip_clear(struct node *, uint32_t slot); /* adoption: then re-add */

#endif
