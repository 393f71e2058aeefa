/* SPDX-License-Identifier: ISC */
/*
 * A record as a version of holdfast might have laid it out that never was:
 * other places, another size, less of the client id in it.  A build with
 * VARIANT=older has it in place of what proto/record.h says, under the same
 * names; for everybody else the names have a prefix.
 */
#ifndef HOLDFAST_LAYOUT_OLDER_RECORD_H
#define HOLDFAST_LAYOUT_OLDER_RECORD_H

#include <stdatomic.h>
#include <stdint.h>

#ifdef HOLDFAST_OTHER_RECORD
#define OLDER(name)	 name
#define RECORD_ID_INLINE OLDER_ID_INLINE
#else
#define OLDER(name) older_##name
#endif

#define OLDER_ID_INLINE 24u

struct OLDER(record_body) {
	uint64_t taken;
	uint64_t given;
	uint64_t established_us;
	uint32_t messages_in; /* these had 32 bits */
	uint32_t messages_out;
	uint8_t addr[16];
	uint8_t uuid[16];
	uint8_t id_len;
	uint8_t state;
	uint16_t port;
	uint16_t flags;
	uint8_t deflate_bits;
	uint8_t listener;
	int32_t fd;
	uint32_t gen;
	uint8_t id[OLDER_ID_INLINE];
	uint32_t gap[6];
	uint16_t deadline_ds;
	uint16_t close_code;
	uint32_t rate_bytes;
	uint32_t rate_messages;
	uint32_t busy;
	uint32_t expiry;
	uint32_t ping_latency_us;
	uint32_t ping_us;
	uint32_t seen_ms;
	uint64_t spare;
};

struct OLDER(record) {
	struct OLDER(record_body) body;
	uint32_t timer[3];
	_Atomic uint32_t seq;
	uint64_t gap[4];
};

_Static_assert(sizeof(struct OLDER(record_body)) == 168,
    "another size than the record of today");
_Static_assert(sizeof(struct OLDER(record)) == 216, "and in all");

#endif
