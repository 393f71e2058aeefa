/* SPDX-License-Identifier: ISC */
/*
 * The layout of a record in this version of holdfast.  Whatever changes here is
 * another SLOT_LAYOUT, and this one is then kept for proto/table_layout.c.
 * Included by proto/record.h alone.
 */
#ifndef HOLDFAST_PROTO_RECORD_BODY_H
#define HOLDFAST_PROTO_RECORD_BODY_H

#include <stdatomic.h>
#include <stdint.h>

#define RECORD_ID_INLINE 40u

/* The journalled part. */
struct record_body {
	uint32_t
	    gen; /* bumped at each birth: (index, gen) names a connection */
	int32_t fd;
	uint8_t state; /* enum record_state */
	uint8_t id_len;
	uint8_t listener; /* its place, see SLOT_MAX_LISTENERS */
	uint8_t deflate_bits;
	uint16_t flags; /* RECORD_* */
	uint16_t port;	/* peer's, host order */
	uint64_t taken; /* bytes read from the kernel */
	uint64_t given; /* bytes written to the kernel */
	uint8_t uuid[16];
	uint8_t addr[16];	 /* IPv6, or IPv4 mapped */
	uint64_t established_us; /* CLOCK_REALTIME; accept time until open */
	uint64_t messages_in;
	uint64_t messages_out;
	uint32_t seen_ms;	  /* last byte from the peer, CLOCK_MONOTONIC */
	uint32_t ping_us;	  /* when the unanswered ping left, wraps */
	uint32_t ping_latency_us; /* of the last answered one; 0: none yet */
	uint32_t expiry;	  /* unix seconds; 0: never */
	uint32_t busy;		/* arena block of struct record_busy; 0: idle */
	uint32_t rate_messages; /* token_bucket32 state */
	uint32_t rate_bytes;
	uint16_t close_code;
	uint16_t deadline_ds; /* close or linger deadline, 1/10 s, wraps */
	uint8_t id[RECORD_ID_INLINE];
};

struct record {
	_Atomic uint32_t seq; /* odd: being written */
	uint32_t timer[3];    /* struct timer_node; tenant's own */
	struct record_body body;
};

_Static_assert(sizeof(struct record_body) == 160, "record body layout");
_Static_assert(sizeof(struct record) == 176, "record layout");

#endif
