/* SPDX-License-Identifier: ISC */
/*
 * A control channel: one end of a Unix SOCK_SEQPACKET pair, one message a
 * packet, file descriptors beside it where the message table allows them.
 * Non-blocking.  A peer that breaks protocol (unknown kind, wrong direction,
 * wrong number of fds, undecodable, truncated) makes channel_recv() return
 * -EPROTO with all received fds closed: the caller closes the channel, nothing
 * else happens.  Knows nothing of event loops: the owner watches channel->fd.
 */
#ifndef HOLDFAST_PROTO_CHANNEL_H
#define HOLDFAST_PROTO_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/message.h"

#define CHANNEL_MAX_PACKET (64u * 1024)
#define CHANNEL_MAX_FDS	   253

struct channel {
	int fd; /* owned */
	enum peer_role self;
	enum peer_role peer;
	/* packets the kernel would not take yet */
	struct channel_packet *queue; /* owned */
	struct channel_packet **queue_tail;
	size_t queued_bytes;
	size_t max_queued;	       /* default 1 MiB; 0: never queue */
	ProtobufCAllocator *allocator; /* borrowed; of bodies; NULL: malloc */
	/* -EPROTO for packets with fds, which then never enter the fd table:
	 * for a keeper, whose tenant may be sweeping the table they share */
	bool refuses_fds;
	bool keeps_fds; /* received without CLOEXEC: sockets of a slot */
};

struct message {
	enum message_kind kind;
	ProtobufCMessage *body;	  /* owned; free with message_clear() */
	int fds[CHANNEL_MAX_FDS]; /* owned; set to -1 what you keep */
	int nfds;
	ProtobufCAllocator *allocator; /* borrowed; of body */
};

/* A pair, both ends CLOEXEC and NONBLOCK. */
int channel_pair(int out_fds[2]);

void channel_init(struct channel *, int fd, enum peer_role self,
    enum peer_role peer);
void channel_clear(struct channel *); /* closes */

/* Sends, or queues when the socket is full (fds are duplicated then).  fds stay
 * the caller's.  -ENOBUFS: queue limit; -EPIPE: peer gone; -EINVAL: the table
 * forbids it. */
int channel_send(struct channel *, enum message_kind,
    const ProtobufCMessage *body, const int *fds, int nfds);
/* Sends what is queued: 0 all gone, 1 some left (watch for writing), -errno. */
int channel_flush(struct channel *);
int channel_wants_write(const struct channel *);

/* One message: 1, 0 nothing there, -ECONNRESET peer closed, -EPROTO, -errno. */
int channel_recv(struct channel *, struct message *out);
void message_clear(struct message *);

#endif
