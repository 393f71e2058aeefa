/* SPDX-License-Identifier: ISC */
/*
 * The fd directory of a slot: which fds outlive its tenants and what they are.
 * It lies in the slot header; worker/slot_fds.c writes it.
 */
#ifndef HOLDFAST_PROTO_SLOT_FD_H
#define HOLDFAST_PROTO_SLOT_FD_H

#include <stdatomic.h>
#include <stdint.h>

#define SLOT_MAX_FDS 512u
/* Places of listeners.  One keeps its place for life, whatever the order in the
 * config, because the records of its connections name it: more places than
 * there can be listeners. */
#define SLOT_MAX_LISTENERS 64u

/* What an fd of the slot is; `index` tells several of one kind apart. */
enum slot_fd_kind {
	SLOT_FD_NONE,
	SLOT_FD_KEEPER_CHANNEL, /* keeper <-> supervisor */
	SLOT_FD_TENANT_CHANNEL, /* tenant <-> supervisor */
	SLOT_FD_TABLE, /* gateway: own; relay: index = slot, 0xffff = own */
	SLOT_FD_ARENA,
	SLOT_FD_NODE,	  /* node-wide memfd, proto/node.h */
	SLOT_FD_LISTENER, /* index = its place, see SLOT_MAX_LISTENERS */
	SLOT_FD_EPOLL,	  /* the gateway's set of client sockets */
	SLOT_FD_RING_UP,  /* gateway -> relay; index = gateway slot */
	SLOT_FD_RING_UP_EVENT,
	SLOT_FD_RING_DOWN, /* relay -> gateway; index = gateway slot */
	SLOT_FD_RING_DOWN_EVENT,
	SLOT_FD_API_LISTENER,  /* relay: HTTP API */
	SLOT_FD_SETTINGS,      /* sealed memfd: packed Settings message */
	SLOT_FD_LOG,	       /* replaces fd 2, never stored */
	SLOT_FD_HANDOFF,       /* to the other tenant of a handoff */
	SLOT_FD_GIVEN_TABLE,   /* a taker's: where the slot comes from */
	SLOT_FD_PEER_LISTENER, /* relay: other nodes, see relay/lease.h */
	SLOT_FD_KIND_MAX
};
#define SLOT_FD_OWN 0xffffu

struct slot_fd {
	_Atomic uint32_t kind; /* stored last: the entry is valid */
	uint32_t index;
	_Atomic int32_t fd; /* one store replaces it */
	uint32_t unused;
};

const char *slot_fd_kind_name(uint32_t kind);

#endif
