/* SPDX-License-Identifier: ISC */
/*
 * What travels in the rings between a gateway slot and the relay of the same
 * node.  Fixed little structs followed by bytes, both ends run the same layout
 * version (Hello names it).  Each is copied out of the ring and checked before
 * use.
 */
#ifndef HOLDFAST_PROTO_RING_MESSAGES_H
#define HOLDFAST_PROTO_RING_MESSAGES_H

#include <stdint.h>

#define RING_UP_BYTES (1024u * 1024)
/*
 * The ring for clients' messages that go to Redis stands behind the ring up in
 * the same memfd, and shares its eventfd: those wait for Redis, and nothing
 * else may wait behind them.  The gateway makes it when upstream.mode asks for
 * it.  While there is no room for one more of the largest messages, no more are
 * read from sockets.
 */
#define RING_IN_BYTES	 (4u * 1024 * 1024)
#define RING_IN_LARGEST	 (RING_IN_BYTES / 4)
#define RING_IN_RESERVED (RING_IN_LARGEST + 4096u)
#define RING_DOWN_BYTES	 (4u * 1024 * 1024)

enum ring_kind {
	/* relay -> gateway */
	RING_DELIVER = 1, /* struct ring_deliver, payload */
	RING_BROADCAST,	  /* struct ring_deliver (rec unused), payload */
	RING_KICK,	  /* struct ring_kick, reason text */
	/* gateway -> relay */
	RING_CONNECTED = 64, /* struct ring_route, client id */
	RING_DISCONNECTED,   /* struct ring_route, client id */
	RING_RECEIPT,	     /* struct ring_receipt */
	RING_MESSAGE, /* struct ring_message, client id, payload; ring in */
	RING_KIND_MAX
};

struct ring_deliver {
	uint64_t token; /* receipt wanted under this number; 0: none */
	uint32_t rec;
	uint32_t gen;
	uint8_t opcode; /* 1 text, 2 binary */
	uint8_t unused[7];
};

struct ring_kick {
	uint64_t token;
	uint32_t rec;
	uint32_t gen;
	uint16_t code; /* 4001, 4002, ... */
	uint8_t unused[6];
};

struct ring_route {
	uint32_t rec;
	uint32_t gen;
	uint64_t established_us;
	uint16_t close_code; /* RING_DISCONNECTED: 0 = no close frame seen */
	uint8_t unused[6];
};

/* (uuid, seq) names the message: a tenant that died in between puts the same
 * once more. */
struct ring_message {
	uint64_t seq;	      /* of the messages of the connection, from 1 */
	uint64_t received_ms; /* CLOCK_REALTIME */
	uint8_t uuid[16];     /* of the connection */
	uint8_t opcode;	      /* 1 text, 2 binary */
	uint8_t id_len;
	uint8_t unused[6];
};

enum receipt_status {
	RECEIPT_DELIVERED = 1, /* handed to the kernel to the last byte */
	RECEIPT_QUEUED,	       /* delivered once record.given >= position */
	RECEIPT_NOT_CONNECTED, /* that (rec, gen) is gone or closing */
	RECEIPT_DROPPED,       /* slow consumer, policy drop */
	RECEIPT_STATUS_MAX
};

/* A receipt may come twice after a crash: tokens make that harmless.  Of a
 * broadcast: one at the end, position = connections it was sent to. */
struct ring_receipt {
	uint64_t token;
	uint64_t position;
	uint32_t rec;
	uint32_t gen;
	uint32_t status;
	uint32_t unused;
};

#endif
