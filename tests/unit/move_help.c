/* SPDX-License-Identifier: ISC */
/*
 * Tables to be moved, see move_help.h.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fd.h"
#include "proto/shm.h"
#include "proto/table_index.h"
#include "proto/table_move.h"
#include "tests/unit/move_help.h"
#include "tests/unit/table_help.h"

/* ---- a layout that knew less -------------------------------------------- */

/* No token's expiry, no rates, no steps that can be continued, no broadcasts,
 * and a scratch of which steps need more. */
#define PRIMAL_HEADER 4096u

struct primal_record {
	uint8_t id[RECORD_ID_INLINE];
	uint8_t id_len;
	uint8_t state;
	int32_t fd;
	uint32_t gen;
	uint16_t flags;
	uint64_t taken;
	uint64_t given;
};

struct primal_header {
	uint8_t common[SLOT_COMMON_BYTES];
	uint32_t high_water;
	uint64_t accepted;
};

static int
primal_read_header(const void *table, struct slot_header *to)
{
	const struct primal_header *from = table;

	to->high_water = from->high_water;
	to->counters.value[COUNTER_ACCEPTED] = from->accepted;
	return 0;
}

static int
primal_write_header(const struct slot_header *from, void *table)
{
	struct primal_header *to = table;

	if (from->step.kind != STEP_NONE || from->kick_rec != RECORD_NONE)
		return -ENOTSUP;
	to->high_water = from->high_water;
	to->accepted = from->counters.value[COUNTER_ACCEPTED];
	return 0;
}

static int
primal_read_record(const void *record, struct record_body *to)
{
	const struct primal_record *from = record;

	to->gen = from->gen;
	to->fd = from->fd;
	to->state = from->state;
	to->id_len = from->id_len;
	to->flags = from->flags;
	to->taken = from->taken;
	to->given = from->given;
	memcpy(to->id, from->id, RECORD_ID_INLINE);
	return 0;
}

static int
primal_write_record(const struct record_body *from, void *record)
{
	struct primal_record *to = record;

	if (from->expiry != 0)
		return -ENOTSUP;
	to->gen = from->gen;
	to->fd = from->fd;
	to->state = from->state;
	to->id_len = from->id_len;
	to->flags = from->flags;
	to->taken = from->taken;
	to->given = from->given;
	memcpy(to->id, from->id, RECORD_ID_INLINE);
	return 0;
}

static uint64_t
primal_record_at(uint32_t capacity, uint32_t rec)
{
	(void)capacity;
	return 2 * PRIMAL_HEADER + rec * sizeof(struct primal_record);
}

static uint64_t
primal_rest_at(uint32_t capacity, uint32_t rec)
{
	return primal_record_at(capacity, capacity) + 128ull * rec;
}

static uint64_t
primal_bytes(uint32_t capacity)
{
	return shm_round(primal_rest_at(capacity, capacity));
}

const struct table_layout move_primal = {
	.layout = 0x7072696d,
	.id_inline = RECORD_ID_INLINE,
	.scratch_in = 1024,
	.scratch_out = 1024,
	.scratch_at = PRIMAL_HEADER,
	.bytes = primal_bytes,
	.record_at = primal_record_at,
	.rest_at = primal_rest_at,
	.read_header = primal_read_header,
	.write_header = primal_write_header,
	.read_record = primal_read_record,
	.write_record = primal_write_record,
};

/* ---- tables ------------------------------------------------------------- */

void
move_fill_random(void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)bytes)[i] = (uint8_t)random();
}

/* A body in which each field has some value of its own. */
static void
make_body(uint32_t n, struct record_body *out)
{
	move_fill_random(out, sizeof(*out));
	out->state = (uint8_t)(n % RECORD_STATE_MAX);
	out->fd = out->state == RECORD_DYING ? -1 : (int32_t)(n + 10);
	out->messages_in &= UINT32_MAX;
	out->messages_out &= UINT32_MAX;
	out->flags |= RECORD_INDEXED;
	out->id_len = 0;
	memset(out->id, 0, sizeof(out->id));
}

/* A connection of that body with a client id that is n's alone. */
void
move_put_record(struct move_source *s, uint32_t rec, uint32_t n)
{
	struct record_body body;
	char id[RECORD_ID_MAX + 1];
	size_t len = make_id(n, id);

	make_body(n, &body);
	if (body.state != RECORD_FREE) {
		body.id_len = (uint8_t)len;
		assert_int_equal(table_set_id_rest(&s->table, rec, id, len), 0);
		memcpy(body.id, id,
		    len < RECORD_ID_INLINE ? len : RECORD_ID_INLINE);
	} else {
		body.fd = -1;
		body.flags = 0;
	}
	table_write(&s->table, rec, &body);
}

/* A message was interrupted: what the journal says is not in the record. */
void
move_put_step(struct move_source *s, enum step_phase phase)
{
	struct slot_header *h = s->table.header;

	h->step.rec = 8;
	h->step.gen = s->table.records[8].body.gen;
	h->step.given_base = UINT64_C(0x123456789a);
	h->step.out_len = 70000;
	h->step.in_len = 555;
	h->step.phase = phase;
	h->step.kind = STEP_READ;
	for (int i = 0; i < 2; i++) {
		struct journal *j = &h->journal[i];

		move_fill_random(j, sizeof(*j));
		j->body = s->table.records[8].body;
		j->body.given += 100 + (uint64_t)i;
		j->rec = 8;
	}
	move_fill_random(s->table.scratch_in, TABLE_SCRATCH_BYTES);
}

static void
fill(struct move_source *s)
{
	struct slot_header *h = s->table.header;
	uint32_t rec;

	for (uint32_t i = 0; i < MOVE_USED; i++) {
		assert_int_equal(table_take_free(&s->table, &rec), 0);
		assert_int_equal(rec, i);
		move_put_record(s, rec, i);
	}
	move_fill_random(&h->counters, sizeof(h->counters));
	h->death_rec = 17;
	h->death_gen = 18;
	h->death_kind = STEP_DELIVER;
	h->death_count = 2;
	h->resync_wanted = 20;
	h->broadcast_seq = UINT64_C(0x9988776655);
	h->broadcast_next = 99;
	h->kick_rec = 3;
	h->kick_gen = 33;
	h->ring_applied = UINT64_C(0x1122334455);
	h->generation = 44;
	h->last_exit = -9;
	h->unattributed = 5;
	h->died_ns = UINT64_C(0x77777777777);
	h->epoch = 6;
	h->killed_for_stall = 2;
}

void
move_source_open(struct move_source *s)
{
	srandom(4711);
	s->fd = make_table(&s->table, MOVE_CAPACITY);
	fill(s);
	assert_int_equal(table_image_open(&s->image, s->fd, &table_layout_own,
			     0),
	    0);
}

void
move_source_close(struct move_source *s)
{
	table_image_close(&s->image);
	drop_table(&s->table, s->fd);
}

/* An empty table of that layout; the memfd. */
int
move_image_open(const struct table_layout *layout,
    const struct table_image *like, struct table_image *out)
{
	int fd = -1;

	assert_int_equal(fd_memfd_create("table", layout->bytes(like->capacity),
			     &fd),
	    0);
	assert_int_equal(table_image_format(fd, layout, like, out), 0);
	return fd;
}

void
move_image_close(struct table_image *image, int fd)
{
	table_image_close(image);
	close(fd);
}

/* ---- comparing ---------------------------------------------------------- */

void
assert_same_header(const struct slot_header *a, const struct slot_header *b)
{
	assert_int_equal(a->nonce, b->nonce);
	assert_int_equal(a->slot, b->slot);
	assert_int_equal(a->kind, b->kind);
	assert_memory_equal(a->hash_key, b->hash_key, sizeof(a->hash_key));
	assert_int_equal(a->death_rec, b->death_rec);
	assert_int_equal(a->death_gen, b->death_gen);
	assert_int_equal(a->death_kind, b->death_kind);
	assert_int_equal(a->death_count, b->death_count);
	assert_int_equal(a->high_water, b->high_water);
	assert_int_equal(a->live, b->live);
	assert_int_equal(a->resync_wanted, b->resync_wanted);
	assert_true(a->broadcast_seq == b->broadcast_seq);
	assert_int_equal(a->broadcast_next, b->broadcast_next);
	assert_int_equal(a->kick_rec, b->kick_rec);
	assert_int_equal(a->kick_gen, b->kick_gen);
	assert_true(a->ring_applied == b->ring_applied);
	assert_int_equal(a->generation, b->generation);
	assert_int_equal(a->last_exit, b->last_exit);
	assert_int_equal(a->unattributed, b->unattributed);
	assert_true(a->died_ns == b->died_ns);
	assert_int_equal(a->epoch, b->epoch);
	assert_int_equal(a->killed_for_stall, b->killed_for_stall);
	assert_memory_equal(&a->step, &b->step, sizeof(a->step));
	assert_memory_equal(a->journal, b->journal, sizeof(a->journal));
	assert_memory_equal(&a->counters, &b->counters, sizeof(a->counters));
}

void
assert_same_records(const struct table *a, const struct table *b)
{
	uint32_t high = a->header->high_water;

	for (uint32_t i = 0; i < high; i++) {
		char id_a[RECORD_ID_MAX + 1], id_b[RECORD_ID_MAX + 1];

		assert_memory_equal(&a->records[i].body, &b->records[i].body,
		    sizeof(struct record_body));
		table_id(a, i, id_a);
		table_id(b, i, id_b);
		assert_string_equal(id_a, id_b);
	}
}

/* Moves to that layout and back to a table of ours. */
int
move_there_and_back(const struct move_source *s,
    const struct table_layout *layout, struct table *out)
{
	struct table_image other, back;
	int other_fd, fd, rc;

	other_fd = move_image_open(layout, &s->image, &other);
	fd = make_table(out, MOVE_CAPACITY);
	rc = table_move(&s->image, &other, NULL);
	if (rc == 0) {
		assert_int_equal(table_image_open(&back, fd, &table_layout_own,
				     1),
		    0);
		assert_int_equal(table_move(&other, &back, NULL), 0);
		table_image_close(&back);
	}
	move_image_close(&other, other_fd);
	return rc == 0 ? fd : rc;
}
