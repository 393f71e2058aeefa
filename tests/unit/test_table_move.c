/* SPDX-License-Identifier: ISC */
/*
 * Tables that move between layouts: whatever a connection is doing, it is the
 * same on the other side, or nothing moves.  The other layouts are that of
 * tests/layout, and one that knew less.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/table_move.h"
#include "tests/layout/older.h"
#include "tests/unit/move_help.h"
#include "tests/unit/table_help.h"

/* ---- tests -------------------------------------------------------------- */

static void
test_there_and_back(void **state)
{
	static const enum step_phase phases[] = { STEP_ANNOUNCED, STEP_EFFECT,
		STEP_PARKED };
	struct move_source s;

	(void)state;
	move_source_open(&s);
	for (size_t i = 0; i < 4; i++) {
		struct table back;
		int fd;

		if (i > 0)
			move_put_step(&s, phases[i - 1]);
		fd = move_there_and_back(&s, &table_layout_older, &back);
		assert_true(fd >= 0);
		assert_same_header(s.table.header, back.header);
		assert_same_records(&s.table, &back);
		if (i > 0)
			assert_memory_equal(s.table.scratch_in, back.scratch_in,
			    TABLE_SCRATCH_BYTES);
		drop_table(&back, fd);
	}
	move_source_close(&s);
}

/* The index is made anew, for the ids are all there. */
static void
test_clients_are_found(void **state)
{
	struct move_source s;
	struct table back;
	char id[RECORD_ID_MAX + 1];
	int fd;

	(void)state;
	move_source_open(&s);
	fd = move_there_and_back(&s, &table_layout_older, &back);
	assert_true(fd >= 0);
	assert_absent(&back, "client-00000002");
	adopt_again(&back, fd);
	for (uint32_t i = 0; i < MOVE_USED; i++) {
		(void)make_id(i, id);
		if (i % RECORD_STATE_MAX == RECORD_OPEN)
			assert_found(&back, id, i);
		else
			assert_absent(&back, id);
	}
	drop_table(&back, fd);
	move_source_close(&s);
}

/* The record of a connection that was just given its id has none yet. */
static void
test_id_in_the_journal(void **state)
{
	static const struct table_layout *const layouts[] = {
		&table_layout_older, &table_layout_own
	};
	struct move_source s;

	(void)state;
	move_source_open(&s);
	for (size_t i = 0; i < 2; i++) {
		struct slot_header *h = s.table.header;
		char id[RECORD_ID_MAX + 1], wanted[RECORD_ID_MAX + 1];
		struct record_body body;
		struct table back;
		int fd;

		move_put_record(&s, 8, 19);
		move_put_step(&s, STEP_EFFECT);
		assert_true(make_id(19, wanted) > RECORD_ID_INLINE);
		body = s.table.records[8].body;
		body.id_len = 0;
		body.flags = 0;
		memset(body.id, 0, sizeof(body.id));
		table_write(&s.table, 8, &body);
		fd = move_there_and_back(&s, layouts[i], &back);
		assert_true(fd >= 0);
		assert_same_header(h, back.header);
		table_write(&back, 8, &back.header->journal[0].body);
		table_id(&back, 8, id);
		assert_string_equal(id, wanted);
		drop_table(&back, fd);
	}
	move_source_close(&s);
}

static void
test_sockets(void **state)
{
	struct table_image other;
	struct move_source s;
	int fds[MOVE_CAPACITY], fd;

	(void)state;
	move_source_open(&s);
	move_put_step(&s, STEP_EFFECT);
	for (uint32_t i = 0; i < MOVE_CAPACITY; i++)
		fds[i] = 5000 + (int)i;
	fd = move_image_open(&table_layout_own, &s.image, &other);
	assert_int_equal(table_move(&s.image, &other, fds), 0);
	for (uint32_t i = 0; i < MOVE_USED; i++) {
		const struct record *r = (const void *)(other.base +
		    table_record_at(MOVE_CAPACITY, i));

		if (r->body.state == RECORD_FREE ||
		    r->body.state == RECORD_DYING)
			assert_int_equal(r->body.fd, -1);
		else
			assert_int_equal(r->body.fd, 5000 + (int)i);
	}
	assert_int_equal(((struct slot_header *)other.base)->journal[0].body.fd,
	    5008);
	move_image_close(&other, fd);
	/* One that is served has no socket. */
	fds[2] = -1;
	fd = move_image_open(&table_layout_older, &s.image, &other);
	assert_int_equal(table_move(&s.image, &other, fds), -EPROTO);
	move_image_close(&other, fd);
	move_source_close(&s);
}

/* What the other layout does not have has a value that does no harm. */
static void
test_less_is_known(void **state)
{
	struct move_source s;
	struct table back;
	int fd;

	(void)state;
	move_source_open(&s);
	atomic_store(&s.table.header->kick_rec, RECORD_NONE);
	for (uint32_t i = 0; i < MOVE_USED; i++)
		s.table.records[i].body.expiry = 0;
	fd = move_there_and_back(&s, &move_primal, &back);
	assert_true(fd >= 0);
	for (uint32_t i = 0; i < MOVE_USED; i++) {
		const struct record_body *a = &s.table.records[i].body;
		const struct record_body *b = &back.records[i].body;
		char id_a[RECORD_ID_MAX + 1], id_b[RECORD_ID_MAX + 1];

		table_id(&s.table, i, id_a);
		table_id(&back, i, id_b);
		assert_string_equal(id_a, id_b);
		assert_int_equal(a->state, b->state);
		assert_true(a->taken == b->taken && a->given == b->given);
		assert_int_equal(b->ping_latency_us, 0);
		assert_int_equal(b->busy, 0);
	}
	assert_true(counter_get(&back.header->counters, COUNTER_ACCEPTED) ==
	    counter_get(&s.table.header->counters, COUNTER_ACCEPTED));
	assert_int_equal(counter_get(&back.header->counters,
			     COUNTER_HANDSHAKE_OK),
	    0);
	assert_int_equal(back.header->kick_rec, RECORD_NONE);
	assert_int_equal(back.header->death_rec, RECORD_NONE);
	assert_int_equal(back.header->step.kind, STEP_NONE);
	assert_int_equal(back.header->journal[1].rec, RECORD_NONE);
	assert_int_equal(back.header->generation, 44);
	drop_table(&back, fd);
	move_source_close(&s);
}

static void
expect_refusal(const struct move_source *s, const struct table_layout *layout)
{
	struct table back;
	uint64_t live = s->table.header->live;

	assert_int_equal(move_there_and_back(s, layout, &back), -ENOTSUP);
	assert_int_equal(s->table.header->live, live);
	drop_table(&back, back.fd);
}

static void
test_cannot_be_held(void **state)
{
	struct move_source s;

	(void)state;
	move_source_open(&s);
	s.table.records[2].body.messages_in = UINT64_C(1) << 32;
	expect_refusal(&s, &table_layout_older);
	s.table.records[2].body.messages_in = 1;
	move_put_step(&s, STEP_PARKED);
	s.table.header->journal[1].body.messages_out = UINT64_C(1) << 32;
	expect_refusal(&s, &table_layout_older);
	s.table.header->step.kind = STEP_NONE;

	/* The other one's: a kick, a token that ends, a step. */
	for (uint32_t i = 0; i < MOVE_USED; i++)
		s.table.records[i].body.expiry = 0;
	expect_refusal(&s, &move_primal);
	atomic_store(&s.table.header->kick_rec, RECORD_NONE);
	s.table.records[MOVE_USED - 1].body.expiry = 1;
	expect_refusal(&s, &move_primal);
	s.table.records[MOVE_USED - 1].body.expiry = 0;
	s.table.header->step.kind = STEP_WRITE;
	expect_refusal(&s, &move_primal);
	move_source_close(&s);
}

static void
test_bad_sources(void **state)
{
	struct table_image other, small;
	struct move_source s;
	int fd, small_fd;

	(void)state;
	move_source_open(&s);
	fd = move_image_open(&table_layout_older, &s.image, &other);
	s.table.header->high_water = MOVE_CAPACITY + 1;
	assert_int_equal(table_move(&s.image, &other, NULL), -EPROTO);
	s.table.header->high_water = MOVE_USED;
	s.table.records[5].body.state = RECORD_STATE_MAX;
	assert_int_equal(table_move(&s.image, &other, NULL), -EPROTO);
	s.table.records[5].body.state = RECORD_OPEN;
	s.table.records[5].body.fd = -1;
	assert_int_equal(table_move(&s.image, &other, NULL), -EPROTO);
	s.table.records[5].body.fd = 9;
	s.table.records[5].body.id_len = RECORD_ID_MAX + 1;
	assert_int_equal(table_move(&s.image, &other, NULL), -EPROTO);
	s.table.records[5].body.id_len = 1;
	assert_int_equal(table_move(&s.image, &other, NULL), 0);
	/* Its journal may be anything while no step is under way. */
	move_fill_random(s.table.header->journal,
	    sizeof(s.table.header->journal));
	for (int i = 0; i < 2; i++) {
		struct journal *j = &s.table.header->journal[i];

		j->body.messages_in = j->body.messages_out = 0;
	}
	assert_int_equal(table_move(&s.image, &other, NULL), 0);
	move_image_close(&other, fd);

	other = s.image;
	other.capacity = MOVE_USED - 1;
	small_fd = move_image_open(&table_layout_older, &other, &small);
	assert_int_equal(table_move(&s.image, &small, NULL), -ENOSPC);
	move_image_close(&small, small_fd);
	move_source_close(&s);
}

static void
test_unknown_layouts(void **state)
{
	struct table_image image;
	struct record_view view;
	struct table table;
	struct move_source s;
	uint32_t list[TABLE_LAYOUTS_MAX];
	int fd;

	(void)state;
	assert_null(table_layout_find(SLOT_LAYOUT + 1));
	assert_ptr_equal(table_layout_find(SLOT_LAYOUT), &table_layout_own);
	assert_true(table_layout_list(list) >= 1);
	assert_int_equal(list[0], SLOT_LAYOUT);

	move_source_open(&s);
	assert_int_equal(table_image_open(&image, s.fd, NULL, 0),
	    -EPROTONOSUPPORT);
	assert_int_equal(table_image_open(&image, s.fd, &table_layout_older, 0),
	    -EPROTO);
	fd = move_image_open(&table_layout_older, &s.image, &image);
	assert_int_equal(table_move(&s.image, &image, NULL), 0);
	table_image_close(&image);
	assert_int_equal(table_image_open(&image, fd, &table_layout_own, 0),
	    -EPROTO);
	/* Nobody takes it for one of ours. */
	assert_int_equal(table_attach(&table, fd, 0), -EPROTONOSUPPORT);
	assert_int_equal(table_attach_any(&table, fd, 0), 0);
	assert_true(table.is_foreign);
	assert_int_equal(table.header->nonce, 77);
	assert_int_equal(table.header->generation, 44);
	assert_int_equal(table.header->live, s.table.header->live);
	assert_int_equal(table_find(&table, "client-00000002", 15, &view),
	    -EAGAIN);
	for (uint32_t i = 0; i < MOVE_CAPACITY + 1; i++)
		assert_int_equal(table_read(&table, i, &view), -EAGAIN);
	table_detach(&table);
	/* Nor reads beyond what there is. */
	((struct slot_header *)s.table.header)->layout = 99;
	assert_int_equal(table_attach_any(&table, s.fd, 0), 0);
	table_detach(&table);
	s.table.header->table_bytes_hi = 1;
	assert_int_equal(table_attach_any(&table, s.fd, 0), -EPROTO);
	s.table.header->table_bytes_hi = 0;
	s.table.header->capacity = TABLE_MAX_CAPACITY + 1;
	assert_int_equal(table_attach_any(&table, s.fd, 0), -EPROTO);
	close(fd);
	move_source_close(&s);
}

/* A supervisor of another version has made it for us. */
static void
test_make_own(void **state)
{
	struct table_image image;
	struct slot_header *h;
	struct move_source s;
	struct table t;
	int fd;

	(void)state;
	move_source_open(&s);
	fd = move_image_open(&move_primal, &s.image, &image);
	assert_true(
	    move_primal.bytes(MOVE_CAPACITY) < table_bytes(MOVE_CAPACITY));
	h = (void *)image.base;
	h->epoch = 5;
	h->arena_limit_kib = 6;
	h->log_level = 2;
	h->log_format = 1;
	assert_int_equal(table_make_own(fd), 0);
	assert_int_equal(table_attach(&t, fd, 1), 0);
	assert_int_equal(t.capacity, MOVE_CAPACITY);
	assert_int_equal(t.header->nonce, 77);
	assert_int_equal(t.header->kind, SLOT_KIND_GATEWAY);
	assert_int_equal(t.header->epoch, 5);
	assert_int_equal(t.header->arena_limit_kib, 6);
	assert_int_equal(t.header->log_level, 2);
	assert_int_equal(t.header->log_format, 1);
	assert_int_equal(t.header->kick_rec, RECORD_NONE);
	assert_int_equal(table_adopt(&t, NULL, NULL), 0);
	(void)open_one(&t, "alice", 1);
	/* It is now, and stays. */
	assert_int_equal(table_make_own(fd), 0);
	assert_found(&t, "alice", 0);
	/* Another version serves from it. */
	t.header->layout = 99;
	t.header->generation = 1;
	assert_int_equal(table_make_own(fd), 0);
	assert_int_equal(t.header->layout, 99);
	t.header->generation = 0;
	t.header->capacity = TABLE_MAX_CAPACITY + 1;
	assert_int_equal(table_make_own(fd), -EPROTO);
	table_detach(&t);
	move_image_close(&image, fd);
	move_source_close(&s);
}

static void
test_meeting(void **state)
{
	const uint32_t ours[] = { 99, SLOT_LAYOUT }, others[] = { 99, 98 };

	(void)state;
	assert_true(table_layout_meets(SLOT_LAYOUT, NULL, 0));
	assert_true(table_layout_meets(99, ours, 2));
	assert_false(table_layout_meets(99, others, 2));
	assert_false(table_layout_meets(99, NULL, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_clients_are_found),
		cmocka_unit_test(test_id_in_the_journal),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_less_is_known),
		cmocka_unit_test(test_cannot_be_held),
		cmocka_unit_test(test_bad_sources),
		cmocka_unit_test(test_unknown_layouts),
		cmocka_unit_test(test_make_own),
		cmocka_unit_test(test_meeting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
