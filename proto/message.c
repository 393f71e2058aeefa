/* SPDX-License-Identifier: ISC */
/*
 * The table of message kinds and the codec of a packet: a 16-bit kind, least
 * significant byte first, then the protobuf.  Pure; proto/channel.c calls it
 * on every packet, so bytes and fd counts come from a peer that may be
 * compromised.
 */
#include "proto/message.h"

#include <errno.h>

#include "proto/holdfast.pb-c.h"

#define WORKERS (PEER_KEEPER | PEER_TENANT)
#define ANYONE	(PEER_SUPERVISOR | WORKERS)

#define ROW(name, from, to, min_fds, max_fds, type)                            \
	{                                                                      \
		name, from, to, min_fds, max_fds,                              \
		    &holdfast__##type##__descriptor                            \
	}

static const struct message_info rows[MSG_KIND_MAX] = {
	[MSG_HELLO] = ROW("hello", ANYONE, ANYONE, 0, 0, hello),
	[MSG_FDS] = ROW("fds", PEER_SUPERVISOR, WORKERS, 1, 253, fds),
	[MSG_START] = ROW("start", PEER_SUPERVISOR, PEER_KEEPER, 0, 0, start),
	[MSG_TENANT_STARTED] = ROW("tenant_started", PEER_KEEPER,
	    PEER_SUPERVISOR, 1, 1, tenant_started),
	[MSG_TENANT_EXITED] = ROW("tenant_exited", PEER_KEEPER, PEER_SUPERVISOR,
	    0, 0, tenant_exited),
	[MSG_SERVING] = ROW("serving", PEER_TENANT, PEER_SUPERVISOR, 0, 0,
	    serving),
	[MSG_EVENT] = ROW("event", WORKERS, PEER_SUPERVISOR, 0, 0, event),
	[MSG_RECYCLE] = ROW("recycle", PEER_SUPERVISOR | PEER_TENANT,
	    PEER_SUPERVISOR | PEER_TENANT, 0, 0, recycle),
	[MSG_DRAIN] = ROW("drain", PEER_SUPERVISOR, PEER_TENANT, 0, 0, drain),
	[MSG_DRAINED] = ROW("drained", PEER_TENANT, PEER_SUPERVISOR, 0, 0,
	    drained),
	[MSG_STOP] = ROW("stop", PEER_SUPERVISOR, PEER_KEEPER, 0, 0, stop),
	[MSG_REQUEST] = ROW("request", PEER_SUPERVISOR, PEER_TENANT, 0, 0,
	    request),
	[MSG_REPLY] = ROW("reply", PEER_TENANT, PEER_SUPERVISOR, 0, 0, reply),
	[MSG_HANDOFF] = ROW("handoff", PEER_SUPERVISOR, PEER_TENANT, 1, 1,
	    handoff),
	[MSG_HANDOFF_FAILED] = ROW("handoff_failed", PEER_TENANT,
	    PEER_SUPERVISOR, 0, 0, handoff_failed),
	[MSG_TAKE_HELLO] = ROW("take_hello", PEER_TAKER, PEER_GIVER, 0, 0,
	    take_hello),
	[MSG_GIVE_BEGIN] = ROW("give_begin", PEER_GIVER, PEER_TAKER, 2, 2,
	    give_begin),
	[MSG_GIVE_SOCKETS] = ROW("give_sockets", PEER_GIVER, PEER_TAKER, 1, 253,
	    give_sockets),
	[MSG_TAKE_ACK] = ROW("take_ack", PEER_TAKER, PEER_GIVER, 0, 0,
	    take_ack),
	[MSG_GIVE_END] = ROW("give_end", PEER_GIVER, PEER_TAKER, 0, 0,
	    give_end),
	[MSG_TAKE_DONE] = ROW("take_done", PEER_TAKER, PEER_GIVER, 0, 0,
	    take_done),
	[MSG_CLAIM] = ROW("claim", PEER_TENANT, PEER_SUPERVISOR, 1, 253, claim),
	[MSG_FORGET] = ROW("forget", PEER_SUPERVISOR, PEER_TENANT, 0, 0,
	    forget),
	[MSG_UPGRADE_OFFER] = ROW("upgrade_offer", PEER_OUTGOING, PEER_INCOMING,
	    0, 0, upgrade_offer),
	[MSG_UPGRADE_READY] = ROW("upgrade_ready", PEER_INCOMING, PEER_OUTGOING,
	    0, 0, upgrade_ready),
	[MSG_UPGRADE_GO] = ROW("upgrade_go", PEER_OUTGOING, PEER_INCOMING, 2, 2,
	    upgrade_go),
	[MSG_UPGRADE_ADOPTED] = ROW("upgrade_adopted", PEER_INCOMING,
	    PEER_OUTGOING, 0, 0, upgrade_adopted),
	[MSG_UPGRADE_MOVED] = ROW("upgrade_moved", PEER_INCOMING, PEER_OUTGOING,
	    0, 0, upgrade_moved),
	[MSG_UPGRADE_FAILED] = ROW("upgrade_failed", PEER_INCOMING,
	    PEER_OUTGOING, 0, 0, upgrade_failed),
	[MSG_UPGRADE_RETURNED] = ROW("upgrade_returned", PEER_INCOMING,
	    PEER_OUTGOING, 0, 0, upgrade_returned),
	[MSG_UPGRADE_DONE] = ROW("upgrade_done", PEER_INCOMING, PEER_OUTGOING,
	    0, 0, upgrade_done),
};

const struct message_info *
message_info(uint32_t kind)
{
	if (kind >= MSG_KIND_MAX || rows[kind].name == NULL)
		return NULL;
	return &rows[kind];
}

const char *
message_kind_name(uint32_t kind)
{
	const struct message_info *info = message_info(kind);

	return info == NULL ? "unknown" : info->name;
}

int
message_check(uint32_t kind, int nfds, enum peer_role from, enum peer_role to)
{
	const struct message_info *info = message_info(kind);

	if (info == NULL || (info->from & from) == 0 || (info->to & to) == 0)
		return -EINVAL;
	if (nfds < info->min_fds || nfds > info->max_fds)
		return -EINVAL;
	return 0;
}

/* Fds and GiveSockets name each fd, so that a handler never meets one without
 * a name. */
static int
check_names(uint32_t kind, const ProtobufCMessage *body, int nfds)
{
	const Holdfast__GiveSockets *sockets;
	size_t names = (size_t)nfds;

	if (kind == MSG_FDS) {
		names = ((const Holdfast__Fds *)body)->n_spec;
	} else if (kind == MSG_GIVE_SOCKETS) {
		sockets = (const Holdfast__GiveSockets *)body;
		if (sockets->n_gen != 0 && sockets->n_gen != sockets->n_rec)
			return -EPROTO;
		names = sockets->n_rec;
	} else if (kind == MSG_CLAIM) {
		names = ((const Holdfast__Claim *)body)->n_spec;
	}
	return names == (size_t)nfds ? 0 : -EPROTO;
}

int
message_decode(const uint8_t *bytes, size_t len, int nfds, enum peer_role from,
    enum peer_role to, ProtobufCAllocator *allocator,
    enum message_kind *out_kind, ProtobufCMessage **out_body)
{
	ProtobufCMessage *body;
	uint32_t kind;

	if (len < MESSAGE_KIND_BYTES)
		return -EPROTO;
	kind = bytes[0] | (uint32_t)bytes[1] << 8;
	if (message_check(kind, nfds, from, to) != 0)
		return -EPROTO;
	/* NULL also for want of memory: the channel is lost, no more. */
	body = protobuf_c_message_unpack(rows[kind].descriptor, allocator,
	    len - MESSAGE_KIND_BYTES, bytes + MESSAGE_KIND_BYTES);
	if (body == NULL)
		return -EPROTO;
	if (check_names(kind, body, nfds) != 0) {
		protobuf_c_message_free_unpacked(body, allocator);
		return -EPROTO;
	}
	*out_kind = (enum message_kind)kind;
	*out_body = body;
	return 0;
}

int
message_encode(enum message_kind kind, const ProtobufCMessage *body,
    uint8_t *out, size_t cap, size_t *out_len)
{
	const struct message_info *info = message_info(kind);
	size_t len;

	if (info == NULL || body->descriptor != info->descriptor)
		return -EINVAL;
	len = MESSAGE_KIND_BYTES + protobuf_c_message_get_packed_size(body);
	if (len > cap)
		return -EMSGSIZE;
	out[0] = (uint8_t)(kind & 0xff);
	out[1] = (uint8_t)((unsigned)kind >> 8);
	protobuf_c_message_pack(body, out + MESSAGE_KIND_BYTES);
	*out_len = len;
	return 0;
}
