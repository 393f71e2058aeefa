/* SPDX-License-Identifier: ISC */
/*
 * The kinds of messages on the control channels, in one table: number, name,
 * who may send it to whom, how many fds go with it, its protobuf type.  The
 * channel checks a packet against its row before any handler sees it.
 */
#ifndef HOLDFAST_PROTO_MESSAGE_H
#define HOLDFAST_PROTO_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#define MESSAGE_PROTOCOL 1u

enum peer_role { /* bits */
	PEER_SUPERVISOR = 1,
	PEER_KEEPER = 2,
	PEER_TENANT = 4,
	PEER_GIVER = 8, /* tenants in a handoff */
	PEER_TAKER = 16,
	PEER_OUTGOING = 32, /* supervisors in a live upgrade */
	PEER_INCOMING = 64,
};
#define PEER_ROLES 7

enum message_kind {
	MSG_NONE,
	MSG_HELLO,
	MSG_FDS,
	MSG_START,
	MSG_TENANT_STARTED,
	MSG_TENANT_EXITED,
	MSG_SERVING,
	MSG_EVENT,
	MSG_RECYCLE,
	MSG_DRAIN,
	MSG_DRAINED,
	MSG_STOP,
	MSG_REQUEST,
	MSG_REPLY,
	MSG_HANDOFF,
	MSG_HANDOFF_FAILED,
	MSG_TAKE_HELLO,
	MSG_GIVE_BEGIN,
	MSG_GIVE_SOCKETS,
	MSG_TAKE_ACK,
	MSG_GIVE_END,
	MSG_TAKE_DONE,
	MSG_CLAIM,
	MSG_FORGET,
	MSG_UPGRADE_OFFER,
	MSG_UPGRADE_READY,
	MSG_UPGRADE_GO,
	MSG_UPGRADE_ADOPTED,
	MSG_UPGRADE_MOVED,
	MSG_UPGRADE_FAILED,
	MSG_UPGRADE_RETURNED,
	MSG_UPGRADE_DONE,
	MSG_KIND_MAX
};

struct message_info {
	const char *name;
	uint8_t from; /* bits of enum peer_role */
	uint8_t to;
	uint8_t min_fds;
	uint8_t max_fds;
	const ProtobufCMessageDescriptor *descriptor;
};

/* NULL: no such kind. */
const struct message_info *message_info(uint32_t kind);

const char *message_kind_name(uint32_t kind);
const char *peer_role_name(enum peer_role role);

/* May `from` send this kind with so many fds to `to`?  0 or -EINVAL. */
int message_check(uint32_t kind, int nfds, enum peer_role from,
    enum peer_role to);

/* A packet is a 16-bit kind, low byte first, and the protobuf. */
#define MESSAGE_KIND_BYTES 2u

/*
 * Decodes a packet that came with nfds file descriptors; pure.  *out_body is
 * from the allocator (NULL: malloc) and the caller's.  -EPROTO for whatever
 * the table does not allow, a Fds message that does not name each fd included.
 */
int message_decode(const uint8_t *bytes, size_t len, int nfds,
    enum peer_role from, enum peer_role to, ProtobufCAllocator *allocator,
    enum message_kind *out_kind, ProtobufCMessage **out_body);

/* -EINVAL: body is not of the kind's type; -EMSGSIZE. */
int message_encode(enum message_kind kind, const ProtobufCMessage *body,
    uint8_t *out, size_t cap, size_t *out_len);

#endif
