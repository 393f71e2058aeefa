/* SPDX-License-Identifier: ISC */
/*
 * The ring's two ends (see ring.h).  Positions are byte counts that only grow.
 * An entry is a header and its bytes, padded to eight; behind the last one, at
 * the head, there is always a header that holds nothing but the number of the
 * next entry.  So one store, of the head, publishes an entry together with its
 * number, and a producer that takes over knows where to go on.
 */
#include "proto/ring.h"

#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proto/shm.h"
#include "proto/slot.h"

#define RING_MAGIC  UINT64_C(0x31474e5244464c48) /* "HLFDRNG1" */
#define RING_LAYOUT 1u
#define ENTRY_MAGIC 0x5a17u
#define ENTRY_ALIGN 8u
#define DATA_AT	    SHM_PAGE

struct ring_shared {
	uint64_t magic;
	uint32_t layout;
	uint32_t size;
	/* producer's */
	alignas(64) _Atomic uint64_t head;
	/* consumer's */
	alignas(64) _Atomic uint64_t tail;
	_Atomic uint32_t naps; /* how often it went to sleep */
	/* the number of the nap in which the consumer wants to be woken, 0:
	 * none; the consumer sets it, both clear it */
	alignas(64) _Atomic uint32_t sleeping;
};

struct entry_header {
	uint32_t len;
	uint16_t kind;
	uint16_t magic;
	uint64_t seq;
};

_Static_assert(sizeof(struct ring_shared) <= DATA_AT,
    "the first page holds it");
_Static_assert(sizeof(struct entry_header) % ENTRY_ALIGN == 0, "alignment");

#define HEADER sizeof(struct entry_header)

static bool
is_size_valid(uint32_t size)
{
	return size >= RING_MIN_BYTES && size <= RING_MAX_BYTES &&
	    (size & (size - 1)) == 0;
}

/* Room that an entry takes. */
static uint64_t
entry_bytes(uint64_t len)
{
	return HEADER +
	    ((len + ENTRY_ALIGN - 1) & ~(uint64_t)(ENTRY_ALIGN - 1));
}

static uint8_t *
at(const struct ring *r, uint64_t position)
{
	return r->data + (position & (r->size - 1));
}

uint64_t
ring_bytes(uint32_t size)
{
	return DATA_AT + (uint64_t)size;
}

int
ring_format_at(int fd, uint64_t offset, uint32_t size)
{
	struct entry_header first = { .magic = ENTRY_MAGIC, .seq = 1 };
	struct ring_shared *shared;
	uint64_t have;
	void *p;
	int rc;

	if (!is_size_valid(size) || offset % SHM_PAGE != 0)
		return -EINVAL;
	rc = shm_size(fd, &have);
	if (rc != 0)
		return rc;
	if (have < offset + ring_bytes(size))
		return -EINVAL;
	/* Its positions run through all of it before long anyway. */
	rc = shm_reserve(fd, offset, ring_bytes(size));
	if (rc != 0)
		return rc;
	p = mmap(NULL, DATA_AT + SHM_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, (off_t)offset);
	if (p == MAP_FAILED)
		return -errno;
	memset(p, 0, DATA_AT);
	memcpy((uint8_t *)p + DATA_AT, &first, sizeof(first));
	shared = p;
	shared->layout = RING_LAYOUT;
	shared->size = size;
	/* The other end may look for it already. */
	commit_store((_Atomic uint64_t *)&shared->magic, RING_MAGIC);
	munmap(p, DATA_AT + SHM_PAGE);
	return 0;
}

int
ring_format(int fd, uint32_t size)
{
	return ring_format_at(fd, 0, size);
}

/* What the other end may have written must be checked before it is used. */
static int
read_size(int fd, uint64_t offset, uint32_t *out_size)
{
	struct ring_shared head;
	uint64_t have;
	ssize_t n;
	int rc;

	rc = shm_size(fd, &have);
	if (rc != 0)
		return rc;
	n = pread(fd, &head, sizeof(head), (off_t)offset);
	if (n == -1)
		return -errno;
	if ((size_t)n != sizeof(head) || head.magic != RING_MAGIC ||
	    head.layout != RING_LAYOUT || !is_size_valid(head.size) ||
	    have < offset + ring_bytes(head.size))
		return -EPROTO;
	*out_size = head.size;
	return 0;
}

int
ring_attach_at(struct ring *r, int fd, uint64_t offset, int event_fd)
{
	const int prot = PROT_READ | PROT_WRITE;
	const int flags = MAP_SHARED | MAP_FIXED | MAP_POPULATE;
	uint64_t bytes;
	uint8_t *base;
	uint32_t size = 0;
	int rc;

	rc = read_size(fd, offset, &size);
	if (rc != 0)
		return rc;
	bytes = DATA_AT + 2 * (uint64_t)size;
	base = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED)
		return -errno;
	/* The pages exist since ring_format(): map them now, so that memory
	 * figures show them from the start and traffic finds them there. */
	if (mmap(base, DATA_AT + size, prot, flags, fd, (off_t)offset) ==
		MAP_FAILED ||
	    mmap(base + DATA_AT + size, size, prot, flags, fd,
		(off_t)offset + DATA_AT) == MAP_FAILED) {
		rc = -errno;
		munmap(base, bytes);
		return rc;
	}
	(void)madvise(base, bytes, MADV_DONTDUMP);
	r->shared = (struct ring_shared *)(void *)base;
	r->data = base + DATA_AT;
	r->size = size;
	r->event_fd = event_fd;
	return 0;
}

int
ring_attach(struct ring *r, int fd, int event_fd)
{
	return ring_attach_at(r, fd, 0, event_fd);
}

void
ring_detach(struct ring *r)
{
	if (r->shared != NULL)
		munmap(r->shared, DATA_AT + 2 * (uint64_t)r->size);
	r->shared = NULL;
	r->data = NULL;
	r->size = 0;
	r->event_fd = -1;
}

/* ---- producer ----------------------------------------------------------- */

/* Both positions, as far as they make sense. */
static int
positions(const struct ring *r, uint64_t *out_head, uint64_t *out_tail)
{
	uint64_t head, tail;

	/* Tail first: whichever end asks, its own position does not move. */
	tail = atomic_load_explicit(&r->shared->tail, memory_order_acquire);
	head = atomic_load_explicit(&r->shared->head, memory_order_acquire);
	if (head - tail > r->size || (head - tail) % ENTRY_ALIGN != 0)
		return -EPROTO;
	*out_head = head;
	*out_tail = tail;
	return 0;
}

int
ring_put(struct ring *r, uint16_t kind, const struct ring_part *parts,
    int count, uint64_t *out_seq)
{
	struct entry_header h, next;
	uint64_t head, tail, len = 0;
	uint8_t *to;
	int rc;

	for (int i = 0; i < count; i++) {
		if (parts[i].len > r->size)
			return -EMSGSIZE;
		len += parts[i].len;
	}
	if (entry_bytes(len) + HEADER > r->size)
		return -EMSGSIZE;
	rc = positions(r, &head, &tail);
	if (rc != 0)
		return rc;
	if (entry_bytes(len) + HEADER > r->size - (head - tail))
		return -ENOBUFS;
	to = at(r, head);
	memcpy(&h, to, sizeof(h));
	h.len = (uint32_t)len;
	h.kind = kind;
	h.magic = ENTRY_MAGIC;
	memcpy(to, &h, sizeof(h));
	to += sizeof(h);
	for (int i = 0; i < count; i++) {
		if (parts[i].len > 0)
			memcpy(to, parts[i].data, parts[i].len);
		to += parts[i].len;
	}
	memset(&next, 0, sizeof(next));
	next.magic = ENTRY_MAGIC;
	next.seq = h.seq + 1;
	memcpy(at(r, head + entry_bytes(len)), &next, sizeof(next));
	commit_store(&r->shared->head, head + entry_bytes(len));
	if (out_seq != NULL)
		*out_seq = h.seq;
	return 0;
}

/*
 * The write comes before the flag is taken back: a producer that dies in
 * between wakes once too often, never once too few.  By then the consumer may
 * sleep again, and that nap is not the one to be taken back.
 */
void
ring_wake(struct ring *r)
{
	const uint64_t one = 1;
	uint32_t nap;

	atomic_thread_fence(memory_order_seq_cst);
	nap = atomic_load_explicit(&r->shared->sleeping, memory_order_relaxed);
	if (nap == 0)
		return;
	crash_mark();
	/* EAGAIN, a full counter, wakes as well. */
	if (r->event_fd != -1 && write(r->event_fd, &one, sizeof(one)) == -1 &&
	    errno != EAGAIN)
		return;
	crash_mark();
	atomic_compare_exchange_strong(&r->shared->sleeping, &nap, 0);
}

void
ring_wake_surely(struct ring *r)
{
	const uint64_t one = 1;

	/* EAGAIN, a full counter, wakes as well. */
	if (r->event_fd != -1 && write(r->event_fd, &one, sizeof(one)) == -1)
		return;
}

uint32_t
ring_used(const struct ring *r)
{
	uint64_t head, tail;

	if (positions(r, &head, &tail) != 0)
		return r->size;
	return (uint32_t)(head - tail);
}

uint32_t
ring_free(const struct ring *r)
{
	uint32_t room = r->size - ring_used(r);

	return room < 2 * HEADER ?
	    0 :
	    (room - 2 * (uint32_t)HEADER) / ENTRY_ALIGN * ENTRY_ALIGN;
}

uint64_t
ring_head_seq(const struct ring *r)
{
	struct entry_header next;

	memcpy(&next,
	    at(r, atomic_load_explicit(&r->shared->head, memory_order_acquire)),
	    sizeof(next));
	return next.seq - 1;
}

/* ---- consumer ----------------------------------------------------------- */

static int
peek_at(const struct ring *r, uint64_t position, uint64_t head,
    struct ring_entry *out)
{
	struct entry_header h;

	if (position == head)
		return 0;
	if (head - position < HEADER)
		return -EPROTO;
	memcpy(&h, at(r, position), sizeof(h));
	if (h.magic != ENTRY_MAGIC || entry_bytes(h.len) > head - position)
		return -EPROTO;
	out->seq = h.seq;
	out->kind = h.kind;
	out->len = h.len;
	out->data = at(r, position) + HEADER;
	return 1;
}

int
ring_peek(const struct ring *r, struct ring_entry *out)
{
	uint64_t head, tail;
	int rc;

	rc = positions(r, &head, &tail);
	return rc != 0 ? rc : peek_at(r, tail, head, out);
}

/* Where an entry ends that was peeked at and not consumed yet. */
static int
entry_end(const struct ring *r, const struct ring_entry *entry,
    uint64_t *out_end, uint64_t *out_head)
{
	uint64_t head, tail, offset;
	int rc;

	rc = positions(r, &head, &tail);
	if (rc != 0)
		return rc;
	offset = (uint64_t)(entry->data - HEADER - r->data);
	offset = ((offset - tail) & (r->size - 1)) + entry_bytes(entry->len);
	if (offset > head - tail)
		return -EPROTO;
	*out_end = tail + offset;
	*out_head = head;
	return 0;
}

int
ring_peek_next(const struct ring *r, const struct ring_entry *entry,
    struct ring_entry *out)
{
	uint64_t end, head;
	int rc;

	rc = entry_end(r, entry, &end, &head);
	return rc != 0 ? rc : peek_at(r, end, head, out);
}

void
ring_consume(struct ring *r, const struct ring_entry *entry)
{
	uint64_t end, head;

	/* Consumed already, or the producer broke the positions: the next
	 * peek tells. */
	if (entry_end(r, entry, &end, &head) != 0)
		return;
	commit_store(&r->shared->tail, end);
}

/* Where the next entry to be looked at begins. */
static int
unread(const struct ring *r, const struct ring_entry *last, uint64_t *out_at,
    uint64_t *out_head)
{
	return last != NULL ? entry_end(r, last, out_at, out_head) :
			      positions(r, out_head, out_at);
}

int
ring_sleep_behind(struct ring *r, const struct ring_entry *last)
{
	uint64_t head, at;
	uint32_t nap;

	nap = atomic_load_explicit(&r->shared->naps, memory_order_relaxed) + 1;
	if (nap == 0)
		nap = 1;
	atomic_store_explicit(&r->shared->naps, nap, memory_order_relaxed);
	atomic_store_explicit(&r->shared->sleeping, nap, memory_order_relaxed);
	/* With the fence in ring_wake(): either the producer sees the nap, or
	 * its entry is seen here. */
	atomic_thread_fence(memory_order_seq_cst);
	if (unread(r, last, &at, &head) == 0 && head == at)
		return 0;
	atomic_store_explicit(&r->shared->sleeping, 0, memory_order_relaxed);
	return 1;
}

int
ring_sleep(struct ring *r)
{
	return ring_sleep_behind(r, NULL);
}

void
ring_awake(struct ring *r)
{
	uint64_t count;

	atomic_store_explicit(&r->shared->sleeping, 0, memory_order_relaxed);
	/* EAGAIN: woken by something else. */
	crash_mark();
	if (r->event_fd != -1 && read(r->event_fd, &count, sizeof(count)) == -1)
		return;
}

void
ring_skip_all(struct ring *r)
{
	uint64_t head;

	head = atomic_load_explicit(&r->shared->head, memory_order_acquire);
	commit_store(&r->shared->tail, head);
}
