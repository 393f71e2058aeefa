/* SPDX-License-Identifier: ISC */
/*
 * The ring between two processes: contents and numbers of a million entries
 * while producer and consumer are killed and replaced, wake-ups that must not
 * get lost, and ends that do not trust each other.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fd.h"
#include "proto/ring.h"

#define SIZE   RING_MIN_BYTES
#define HEADER 16u

static int
make_ring(struct ring *r, uint32_t size, int event_fd)
{
	int fd = -1;

	assert_int_equal(fd_memfd_create("ring", ring_bytes(size), &fd), 0);
	assert_int_equal(ring_format(fd, size), 0);
	assert_int_equal(ring_attach(r, fd, event_fd), 0);
	return fd;
}

static int
put(struct ring *r, uint16_t kind, const void *data, size_t len)
{
	struct ring_part part = { data, len };

	return ring_put(r, kind, &part, 1, NULL);
}

/* Head and tail are words behind the fixed fields; tests play the evil end. */
static _Atomic uint64_t *
head_of(struct ring *r)
{
	return (_Atomic uint64_t *)(void *)((uint8_t *)r->shared + 64);
}

static _Atomic uint64_t *
tail_of(struct ring *r)
{
	return (_Atomic uint64_t *)(void *)((uint8_t *)r->shared + 128);
}

static void
test_entries(void **state)
{
	struct ring_part parts[3] = { { "abc", 3 }, { NULL, 0 },
		{ "defgh", 5 } };
	struct ring_entry e, next;
	struct ring r;
	int fd = make_ring(&r, SIZE, -1);
	uint64_t seq = 0;

	(void)state;
	assert_int_equal(ring_peek(&r, &e), 0);
	assert_int_equal(ring_head_seq(&r), 0);
	assert_int_equal(ring_put(&r, 7, parts, 3, &seq), 0);
	assert_int_equal(seq, 1);
	assert_int_equal(ring_put(&r, 8, NULL, 0, &seq), 0);
	assert_int_equal(seq, 2);
	assert_int_equal(ring_head_seq(&r), 2);
	assert_int_equal(ring_used(&r), 2 * HEADER + 8);
	assert_int_equal(ring_peek(&r, &e), 1);
	assert_int_equal(e.seq, 1);
	assert_int_equal(e.kind, 7);
	assert_int_equal(e.len, 8);
	assert_memory_equal(e.data, "abcdefgh", 8);
	assert_int_equal(ring_peek_next(&r, &e, &next), 1);
	assert_int_equal(next.seq, 2);
	assert_int_equal(next.len, 0);
	assert_int_equal(ring_peek_next(&r, &next, &next), 0);
	/* not consumed: a new consumer sees it again */
	ring_detach(&r);
	assert_int_equal(ring_attach(&r, fd, -1), 0);
	assert_int_equal(ring_peek(&r, &e), 1);
	assert_int_equal(e.seq, 1);
	ring_consume(&r, &e);
	ring_consume(&r, &e);
	assert_int_equal(ring_peek(&r, &next), 1);
	assert_int_equal(next.seq, 2);
	ring_consume(&r, &next);
	assert_int_equal(ring_peek(&r, &e), 0);
	assert_int_equal(ring_used(&r), 0);
	assert_int_equal(ring_head_seq(&r), 2);
	ring_detach(&r);
	close(fd);
}

static void
test_consume_several(void **state)
{
	struct ring_entry e;
	struct ring r;
	int fd = make_ring(&r, SIZE, -1);

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(put(&r, 1, "x", 1), 0);
	assert_int_equal(ring_peek(&r, &e), 1);
	for (int i = 0; i < 2; i++)
		assert_int_equal(ring_peek_next(&r, &e, &e), 1);
	ring_consume(&r, &e);
	assert_int_equal(ring_peek(&r, &e), 1);
	assert_int_equal(e.seq, 4);
	ring_skip_all(&r);
	assert_int_equal(ring_peek(&r, &e), 0);
	ring_detach(&r);
	close(fd);
}

static void
test_full_and_wrap(void **state)
{
	static uint8_t data[SIZE];
	struct ring_entry e;
	struct ring r;
	int fd = make_ring(&r, SIZE, -1);

	(void)state;
	for (uint32_t i = 0; i < SIZE; i++)
		data[i] = (uint8_t)(i * 7);
	assert_int_equal(ring_free(&r), SIZE - 2 * HEADER);
	assert_int_equal(put(&r, 1, data, SIZE - 2 * HEADER + 1), -EMSGSIZE);
	assert_int_equal(put(&r, 1, data, SIZE), -EMSGSIZE);
	assert_int_equal(put(&r, 1, data, SIZE_MAX), -EMSGSIZE);
	for (uint32_t turn = 0; turn < 500; turn++) {
		uint32_t len = 1 + turn * 991 % (SIZE - 2 * HEADER);

		assert_int_equal(put(&r, 2, data, len), 0);
		while (put(&r, 3, data, ring_free(&r)) == 0)
			continue;
		assert_int_equal(put(&r, 1, data, 1), -ENOBUFS);
		assert_int_equal(ring_free(&r), 0);
		assert_int_equal(ring_peek(&r, &e), 1);
		assert_int_equal(e.len, len);
		assert_memory_equal(e.data, data, len);
		do {
			assert_memory_equal(e.data, data, e.len);
			ring_consume(&r, &e);
		} while (ring_peek(&r, &e) == 1);
		assert_int_equal(e.seq, ring_head_seq(&r));
	}
	/* exactly the whole ring */
	assert_int_equal(put(&r, 1, data, ring_free(&r)), 0);
	assert_int_equal(ring_peek(&r, &e), 1);
	assert_memory_equal(e.data, data, e.len);
	ring_detach(&r);
	close(fd);
}

static void
test_ends_do_not_trust(void **state)
{
	struct ring_entry e;
	struct ring r;
	int fd = make_ring(&r, SIZE, -1);

	(void)state;
	/* a consumer that frees what was never there */
	atomic_store(tail_of(&r), 8);
	assert_int_equal(put(&r, 1, "x", 1), -EPROTO);
	assert_int_equal(ring_free(&r), 0);
	atomic_store(tail_of(&r), 0);
	assert_int_equal(put(&r, 1, "x", 1), 0);
	/* a producer that claims too much, or an odd amount */
	atomic_store(head_of(&r), SIZE + 8);
	assert_int_equal(ring_peek(&r, &e), -EPROTO);
	assert_int_equal(ring_sleep(&r), 1);
	atomic_store(head_of(&r), 23);
	assert_int_equal(ring_peek(&r, &e), -EPROTO);
	ring_skip_all(&r);
	assert_int_equal(ring_peek(&r, &e), 0);
	/* a header without magic, a length beyond the head */
	atomic_store(head_of(&r), 1024);
	atomic_store(tail_of(&r), 512);
	assert_int_equal(ring_peek(&r, &e), -EPROTO);
	atomic_store(tail_of(&r), 0);
	assert_int_equal(ring_peek(&r, &e), 1);
	memset(r.data, 0xff, 4);
	assert_int_equal(ring_peek(&r, &e), -EPROTO);
	atomic_store(head_of(&r), 8);
	assert_int_equal(ring_peek(&r, &e), -EPROTO);
	ring_detach(&r);
	close(fd);
}

/* A ring behind another in one memfd; a consumer that has read ahead sleeps
 * until there is something that it has not seen. */
static void
test_second_ring(void **state)
{
	struct ring_entry first, second, third;
	struct ring one, two;
	int fd = make_ring(&one, SIZE, -1);

	(void)state;
	assert_int_equal(ring_format_at(fd, ring_bytes(SIZE), SIZE), -EINVAL);
	assert_int_equal(ring_attach_at(&two, fd, ring_bytes(SIZE), -1),
	    -EPROTO);
	assert_int_equal(ftruncate(fd, (off_t)(2 * ring_bytes(SIZE))), 0);
	assert_int_equal(ring_format_at(fd, ring_bytes(SIZE) + 8, SIZE),
	    -EINVAL);
	assert_int_equal(ring_format_at(fd, ring_bytes(SIZE), SIZE), 0);
	assert_int_equal(ring_attach_at(&two, fd, ring_bytes(SIZE), -1), 0);
	assert_int_equal(put(&two, 1, "a", 1), 0);
	assert_int_equal(put(&two, 2, "b", 1), 0);
	assert_int_equal(ring_peek(&one, &first), 0);
	assert_int_equal(ring_peek(&two, &first), 1);
	assert_int_equal(ring_sleep_behind(&two, &first), 1);
	assert_int_equal(ring_peek_next(&two, &first, &second), 1);
	assert_int_equal(ring_sleep_behind(&two, &second), 0);
	assert_int_equal(ring_sleep(&two), 1);
	assert_int_equal(put(&two, 3, "c", 1), 0);
	assert_int_equal(ring_peek_next(&two, &second, &third), 1);
	assert_int_equal(third.kind, 3);
	ring_consume(&two, &second);
	assert_int_equal(ring_peek(&two, &first), 1);
	assert_int_equal(first.seq, 3);
	ring_detach(&two);
	ring_detach(&one);
	close(fd);
}

static void
test_format_and_attach_refuse(void **state)
{
	struct ring r;
	int fd = -1;

	(void)state;
	assert_int_equal(fd_memfd_create("ring", ring_bytes(SIZE), &fd), 0);
	assert_int_equal(ring_attach(&r, fd, -1), -EPROTO);
	assert_int_equal(ring_attach(&r, -1, -1), -EBADF);
	assert_int_equal(ring_format(fd, SIZE + 4096), -EINVAL);
	assert_int_equal(ring_format(fd, SIZE / 2), -EINVAL);
	assert_int_equal(ring_format(fd, SIZE * 2), -EINVAL);
	assert_int_equal(ring_format(fd, RING_MAX_BYTES * 2), -EINVAL);
	assert_int_equal(ring_format(fd, SIZE), 0);
	assert_int_equal(pwrite(fd, "\0\0\2", 3, 12), 3);
	assert_int_equal(ring_attach(&r, fd, -1), -EPROTO);
	close(fd);
}

static uint64_t
event_count(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static void
test_wakes(void **state)
{
	int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct ring_entry e;
	struct ring r;
	int fd = make_ring(&r, SIZE, event);

	(void)state;
	/* nobody sleeps: no wake */
	assert_int_equal(put(&r, 1, "x", 1), 0);
	ring_wake(&r);
	assert_int_equal(event_count(event), 0);
	assert_int_equal(ring_sleep(&r), 1);
	assert_int_equal(ring_peek(&r, &e), 1);
	ring_consume(&r, &e);
	assert_int_equal(ring_sleep(&r), 0);
	/* one wake for several entries */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(put(&r, 1, "x", 1), 0);
		ring_wake(&r);
	}
	assert_int_equal(event_count(event), 1);
	ring_awake(&r);
	ring_skip_all(&r);
	/* awake again: no wake, and the eventfd is drained */
	assert_int_equal(ring_sleep(&r), 0);
	ring_wake(&r);
	ring_awake(&r);
	assert_int_equal(event_count(event), 0);
	assert_int_equal(ring_sleep(&r), 0);
	ring_awake(&r);
	ring_wake(&r);
	assert_int_equal(event_count(event), 0);
	ring_detach(&r);
	close(fd);
	close(event);
}

/* ---- two processes, killed and replaced ---------------------------------- */

#define ENTRIES 1000000u

struct shared {
	_Atomic uint64_t seen;	   /* highest number ever processed */
	_Atomic uint64_t consumed; /* highest number known to be consumed */
	_Atomic uint64_t repeated;
	_Atomic uint64_t naps;
};

static uint32_t
length_of(uint64_t seq)
{
	return (uint32_t)(seq * 2654435761u >> 7) %
	    (seq % 50 == 0 ? 9000 : 200);
}

static void
fill(uint8_t *out, uint64_t seq)
{
	memset(out, (int)(seq & 0xff), length_of(seq));
	if (length_of(seq) >= 8)
		memcpy(out, &seq, 8);
}

static int
produce(int fd, int event)
{
	static uint8_t data[9000];
	struct ring r;

	if (ring_attach(&r, fd, event) != 0)
		return 10;
	ring_wake(&r);
	for (;;) {
		uint64_t seq = ring_head_seq(&r) + 1, got = 0;
		struct ring_part part[2] = { { data, length_of(seq) / 3 },
			{ data + length_of(seq) / 3,
			    length_of(seq) - length_of(seq) / 3 } };
		int rc;

		if (seq > ENTRIES)
			return 0;
		fill(data, seq);
		rc = ring_put(&r, (uint16_t)seq, part, 2, &got);
		if (rc == 0 && got != seq)
			return 11;
		if (rc == -ENOBUFS)
			sched_yield();
		else if (rc != 0)
			return 12;
		if (seq % 8 == 0 || rc != 0)
			ring_wake(&r);
		if (seq == ENTRIES)
			ring_wake(&r);
	}
}

static int
check_entry(const struct ring_entry *e)
{
	static uint8_t data[9000];

	fill(data, e->seq);
	return e->kind == (uint16_t)e->seq && e->len == length_of(e->seq) &&
	    memcmp(e->data, data, e->len) == 0;
}

static int
consume(int fd, int event, struct shared *s)
{
	struct pollfd p = { .fd = event, .events = POLLIN };
	uint64_t last = 0, seen, consumed;
	struct ring_entry e;
	struct ring r;
	int rc;

	if (ring_attach(&r, fd, event) != 0)
		return 20;
	while ((seen = atomic_load(&s->seen)) < ENTRIES) {
		rc = ring_peek(&r, &e);
		if (rc < 0)
			return 21;
		if (rc == 0) {
			if (ring_sleep(&r) != 0)
				continue;
			atomic_fetch_add(&s->naps, 1);
			if (poll(&p, 1, 20000) == 0)
				return 22; /* a wake-up was lost */
			ring_awake(&r);
			continue;
		}
		consumed = atomic_load(&s->consumed);
		if (e.seq > seen + 1 || e.seq <= consumed)
			return 23; /* lost, or consumed and here again */
		if (last != 0 && e.seq != last + 1)
			return 24;
		if (!check_entry(&e))
			return 25;
		last = e.seq;
		if (e.seq <= seen)
			atomic_fetch_add(&s->repeated, 1);
		atomic_store(&s->seen, e.seq);
		ring_consume(&r, &e);
		atomic_store(&s->consumed, e.seq);
	}
	return 0;
}

static pid_t
start(int is_producer, int fd, int event, struct shared *s)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(is_producer ? produce(fd, event) : consume(fd, event, s));
	return pid;
}

static int
reap(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
test_killed_and_replaced(void **state)
{
	int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), status;
	struct shared *s;
	struct ring r;
	int fd = make_ring(&r, SIZE, event), kills = 0;
	pid_t pid[2];

	(void)state;
	s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	    -1, 0);
	assert_true(s != MAP_FAILED);
	for (int i = 0; i < 2; i++)
		pid[i] = start(i, fd, event, s);
	while (atomic_load(&s->seen) < ENTRIES) {
		const struct timespec a_while = { .tv_nsec = 3000000 };
		int who = kills++ % 2;

		nanosleep(&a_while, NULL);
		kill(pid[who], SIGKILL);
		status = reap(pid[who]);
		if (!WIFSIGNALED(status) && status != 0)
			fail_msg("end %d failed with %d", who,
			    WEXITSTATUS(status));
		pid[who] = start(who, fd, event, s);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(reap(pid[i]), 0);
	assert_int_equal(atomic_load(&s->seen), ENTRIES);
	assert_int_equal(ring_head_seq(&r), ENTRIES);
	/* the last may have been killed before it consumed */
	assert_true(ring_used(&r) <= HEADER + 9000);
	print_message("%d kills, %ju entries repeated, %ju naps\n", kills,
	    (uintmax_t)atomic_load(&s->repeated),
	    (uintmax_t)atomic_load(&s->naps));
	assert_true(atomic_load(&s->repeated) <= (uint64_t)kills);
	munmap(s, 4096);
	ring_detach(&r);
	close(fd);
	close(event);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_consume_several),
		cmocka_unit_test(test_full_and_wrap),
		cmocka_unit_test(test_ends_do_not_trust),
		cmocka_unit_test(test_format_and_attach_refuse),
		cmocka_unit_test(test_second_ring),
		cmocka_unit_test(test_wakes),
		cmocka_unit_test(test_killed_and_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
