/* SPDX-License-Identifier: ISC */
/*
 * The kinds of messages on the control channels, in one table: number, name,
 * who may send it to whom, how many fds go with it, its protobuf type.  The
 * channel checks a packet against its row before any handler sees it.
 */
#ifndef HOLDFAST_PROTO_MESSAGE_H
#define HOLDFAST_PROTO_MESSAGE_H

#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#define MESSAGE_PROTOCOL 1u

enum peer_role { /* bits */
	PEER_SUPERVISOR = 1,
	PEER_KEEPER = 2,
	PEER_TENANT = 4,
};

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
	MSG_LOG_LEVEL,
	MSG_STOP,
	MSG_REQUEST,
	MSG_REPLY,
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

#endif
