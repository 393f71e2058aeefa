/* SPDX-License-Identifier: ISC */
/*
 * Reads and writes the tables of a version that never was (older_record.h), as
 * a version that changes the layout must do for the one before it.  Linked
 * into the unit tests, and into the crash point build, whose nodes then move
 * their slots from and to those of the build VARIANT=older.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "proto/shm.h"
#include "proto/table_index.h"
#include "proto/table_layout.h"
#include "tests/layout/older.h"
#include "tests/layout/older_slot.h"

#define SCRATCH_BYTES (SLOT_SCRATCH_IN + SLOT_SCRATCH_OUT)
#define ID_REST	      (RECORD_ID_MAX - OLDER_ID_INLINE)

static int
read_body(const struct older_record_body *from, struct record_body *to)
{
	to->gen = from->gen;
	to->fd = from->fd;
	to->state = from->state;
	to->id_len = from->id_len;
	to->listener = from->listener;
	to->deflate_bits = from->deflate_bits;
	to->flags = from->flags;
	to->port = from->port;
	to->taken = from->taken;
	to->given = from->given;
	memcpy(to->uuid, from->uuid, sizeof(to->uuid));
	memcpy(to->addr, from->addr, sizeof(to->addr));
	to->established_us = from->established_us;
	to->messages_in = from->messages_in;
	to->messages_out = from->messages_out;
	to->seen_ms = from->seen_ms;
	to->ping_us = from->ping_us;
	to->ping_latency_us = from->ping_latency_us;
	to->expiry = from->expiry;
	to->busy = from->busy;
	to->rate_messages = from->rate_messages;
	to->rate_bytes = from->rate_bytes;
	to->close_code = from->close_code;
	to->deadline_ds = from->deadline_ds;
	memcpy(to->id, from->id, OLDER_ID_INLINE);
	return 0;
}

static int
write_body(const struct record_body *from, struct older_record_body *to)
{
	if (from->messages_in > UINT32_MAX || from->messages_out > UINT32_MAX)
		return -ENOTSUP;
	to->gen = from->gen;
	to->fd = from->fd;
	to->state = from->state;
	to->id_len = from->id_len;
	to->listener = from->listener;
	to->deflate_bits = from->deflate_bits;
	to->flags = from->flags;
	to->port = from->port;
	to->taken = from->taken;
	to->given = from->given;
	memcpy(to->uuid, from->uuid, sizeof(to->uuid));
	memcpy(to->addr, from->addr, sizeof(to->addr));
	to->established_us = from->established_us;
	to->messages_in = (uint32_t)from->messages_in;
	to->messages_out = (uint32_t)from->messages_out;
	to->seen_ms = from->seen_ms;
	to->ping_us = from->ping_us;
	to->ping_latency_us = from->ping_latency_us;
	to->expiry = from->expiry;
	to->busy = from->busy;
	to->rate_messages = from->rate_messages;
	to->rate_bytes = from->rate_bytes;
	to->close_code = from->close_code;
	to->deadline_ds = from->deadline_ds;
	memcpy(to->id, from->id, OLDER_ID_INLINE);
	return 0;
}

static int
read_record(const void *from, struct record_body *to)
{
	return read_body(&((const struct older_record *)from)->body, to);
}

static int
write_record(const struct record_body *from, void *to)
{
	return write_body(from, &((struct older_record *)to)->body);
}

static int
read_header(const void *table, struct slot_header *to)
{
	const struct older_slot_header *from = table;

	to->death_rec = from->death_rec;
	to->death_gen = from->death_gen;
	to->death_kind = from->death_kind;
	to->death_count = from->death_count;
	to->high_water = from->high_water;
	to->resync_wanted = from->resync_wanted;
	to->broadcast_seq = from->broadcast_seq;
	to->broadcast_next = from->broadcast_next;
	to->kick_rec = from->kick_rec;
	to->kick_gen = from->kick_gen;
	to->ring_applied = from->ring_applied;
	memcpy(&to->step, &from->step, sizeof(to->step));
	for (int i = 0; i < 2; i++) {
		const struct older_journal *was = &from->journal[i];
		struct journal *is = &to->journal[i];

		(void)read_body(&was->body, &is->body);
		is->busy = was->busy;
		is->rec = was->rec;
		is->busy_ref = was->busy_ref;
		is->ring_applied = was->ring_applied;
		is->broadcast_next = was->broadcast_next;
		is->kick = was->kick;
		is->kick_gen = was->kick_gen;
		is->flags = was->flags;
	}
	memcpy(&to->counters, &from->counters, sizeof(to->counters));
	memcpy(&to->redis, &from->redis, sizeof(to->redis));
	memcpy(&to->inbox, &from->inbox, sizeof(to->inbox));
	return 0;
}

static int
write_header(const struct slot_header *from, void *table)
{
	struct older_slot_header *to = table;
	int rc = 0;

	to->death_rec = from->death_rec;
	to->death_gen = from->death_gen;
	to->death_kind = from->death_kind;
	to->death_count = from->death_count;
	to->high_water = from->high_water;
	to->resync_wanted = from->resync_wanted;
	to->broadcast_seq = from->broadcast_seq;
	to->broadcast_next = from->broadcast_next;
	to->kick_rec = from->kick_rec;
	to->kick_gen = from->kick_gen;
	to->ring_applied = from->ring_applied;
	memcpy(&to->step, &from->step, sizeof(to->step));
	for (int i = 0; i < 2 && rc == 0; i++) {
		const struct journal *was = &from->journal[i];
		struct older_journal *is = &to->journal[i];

		rc = write_body(&was->body, &is->body);
		is->busy = was->busy;
		is->rec = was->rec;
		is->busy_ref = was->busy_ref;
		is->ring_applied = was->ring_applied;
		is->broadcast_next = was->broadcast_next;
		is->kick = was->kick;
		is->kick_gen = was->kick_gen;
		is->flags = was->flags;
	}
	memcpy(&to->counters, &from->counters, sizeof(to->counters));
	memcpy(&to->redis, &from->redis, sizeof(to->redis));
	memcpy(&to->inbox, &from->inbox, sizeof(to->inbox));
	return rc;
}

static uint64_t
record_at(uint32_t capacity, uint32_t rec)
{
	return OLDER_HEADER_BYTES + SCRATCH_BYTES +
	    (UINT64_C(16) << table_max_index_log2(capacity)) +
	    (uint64_t)rec * sizeof(struct older_record);
}

static uint64_t
rest_at(uint32_t capacity, uint32_t rec)
{
	return shm_round(record_at(capacity, capacity)) +
	    (uint64_t)rec * ID_REST;
}

static uint64_t
bytes(uint32_t capacity)
{
	return shm_round(rest_at(capacity, capacity));
}

const struct table_layout table_layout_older = {
	.layout = OLDER_LAYOUT,
	.id_inline = OLDER_ID_INLINE,
	.scratch_in = SLOT_SCRATCH_IN,
	.scratch_out = SLOT_SCRATCH_OUT,
	.scratch_at = OLDER_HEADER_BYTES,
	.bytes = bytes,
	.record_at = record_at,
	.rest_at = rest_at,
	.read_header = read_header,
	.write_header = write_header,
	.read_record = read_record,
	.write_record = write_record,
};
