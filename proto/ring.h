/* SPDX-License-Identifier: ISC */
/*
 * Single-producer single-consumer byte ring in a memfd, with an eventfd to
 * wake a sleeping consumer.  Entries are numbered from 1; a torn one is never
 * seen: the head moves by one release store after the bytes are there.  The
 * tail moves only when the consumer says so (ring_consume), after the entry's
 * effect is safe; what a dead consumer had read but not consumed is read again.
 * Both ends check every length: neither trusts the other.
 */
#ifndef HOLDFAST_PROTO_RING_H
#define HOLDFAST_PROTO_RING_H

#include <stddef.h>
#include <stdint.h>

struct ring_shared;

#define RING_MIN_BYTES (64u * 1024)
#define RING_MAX_BYTES (16u * 1024 * 1024)

struct ring {
	struct ring_shared *shared;
	uint8_t *data;
	uint32_t size; /* power of two */
	int event_fd;  /* borrowed; -1: none */
};

struct ring_entry {
	uint64_t seq;
	uint16_t kind;
	uint32_t len;
	const uint8_t *data; /* in the ring, contiguous; until consumed */
};

/* Size of the memfd of a ring of `size` data bytes (2^n, >= 64 KiB). */
uint64_t ring_bytes(uint32_t size);
int ring_format(int fd, uint32_t size);
/* The same behind other things in the memfd, from a page boundary on. */
int ring_format_at(int fd, uint64_t offset, uint32_t size);
/* Maps it; data is mapped twice in a row so that entries are contiguous. */
int ring_attach(struct ring *, int fd, int event_fd);
int ring_attach_at(struct ring *, int fd, uint64_t offset, int event_fd);
void ring_detach(struct ring *);

/* Producer.  ring_put: -ENOBUFS when full, -EMSGSIZE when it can never fit,
 * -EPROTO when the consumer wrote nonsense into the positions.  Several
 * iovec-like parts make one entry.  Does not wake. */
struct ring_part {
	const void *data;
	size_t len;
};
int ring_put(struct ring *, uint16_t kind, const struct ring_part *parts,
    int count, uint64_t *out_seq);
/* Wakes the consumer if it said that it sleeps; one write(2) at most. */
void ring_wake(struct ring *);
/* Wakes it whatever it said: after an attach, for a predecessor may have taken
 * the nap back and woken nobody, by an eventfd of another ring. */
void ring_wake_surely(struct ring *);
uint32_t ring_used(const struct ring *); /* bytes, headers included */
/* Length of the entry that just fits. */
uint32_t ring_free(const struct ring *);
uint64_t ring_head_seq(const struct ring *); /* last entry put */

/* Consumer.  ring_peek: the entry at the tail: 1, 0 when empty, -EPROTO when
 * the producer wrote nonsense (the caller resets or abandons the ring).
 * ring_peek_next: the one after `entry`, without consuming; likewise.
 * ring_consume: frees everything up to and including `entry`. */
int ring_peek(const struct ring *, struct ring_entry *out);
int ring_peek_next(const struct ring *, const struct ring_entry *entry,
    struct ring_entry *out);
void ring_consume(struct ring *, const struct ring_entry *);
/* Before sleeping: announces it; returns 1 if entries came meanwhile (do not
 * sleep).  ring_awake: drains the eventfd, takes the announcement back. */
int ring_sleep(struct ring *);
/* Likewise for a consumer that has peeked as far as `last`. */
int ring_sleep_behind(struct ring *, const struct ring_entry *last);
void ring_awake(struct ring *);
/* Consumer: skip everything (after -EPROTO).  A hostile producer can break the
 * ring again at once, or never stop: bound the work of one turn. */
void ring_skip_all(struct ring *);

#endif
