/* SPDX-License-Identifier: ISC */
/*
 * A ring whose other end writes what it likes: positions, headers, bytes, also
 * between two calls of this end.  Whatever it is, peeking must stay inside the
 * mapping and a consumer must come to an end.
 *
 * Input: head, tail (8 bytes each), count of bytes changed between calls (1),
 * then the ring's first bytes.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fd.h"
#include "proto/ring.h"
#include "tests/fuzz/fuzz.h"

#define FIXED	  17u
#define POSITIONS 64u /* where head and tail are in the first page */

static struct ring ring;

static void
open_ring(void)
{
	int fd = -1;

	if (fd_memfd_create("ring", ring_bytes(RING_MIN_BYTES), &fd) != 0 ||
	    ring_format(fd, RING_MIN_BYTES) != 0 ||
	    ring_attach(&ring, fd, -1) != 0)
		abort();
}

static uint32_t
sum(const struct ring_entry *e)
{
	uint32_t total = 0;

	for (uint32_t i = 0; i < e->len; i++)
		total += e->data[i];
	return total;
}

static void
set_position(uint32_t which, const uint8_t *from)
{
	memcpy((uint8_t *)ring.shared + POSITIONS * (1 + which), from, 8);
}

/* The other end at work in the middle of this end's turn. */
static void
meddle(const uint8_t *data, size_t size, uint32_t turn, uint8_t rate)
{
	uint8_t *shared = (uint8_t *)ring.shared;

	if (rate == 0 || turn % rate != 0 || size == 0)
		return;
	shared[POSITIONS + turn % 72] ^= data[turn % size];
	ring.data[turn * 31 % RING_MIN_BYTES] ^= data[turn * 7 % size];
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	volatile uint32_t total = 0;
	struct ring_entry e, next;
	struct ring_part part;
	uint32_t turn;
	uint8_t rate;

	if (ring.shared == NULL)
		open_ring();
	if (size < FIXED)
		return 0;
	rate = data[16];
	set_position(0, data);
	set_position(1, data + 8);
	data += FIXED;
	size -= FIXED;
	if (size > RING_MIN_BYTES)
		size = RING_MIN_BYTES;
	memset(ring.data, 0, RING_MIN_BYTES);
	memcpy(ring.data, data, size);
	for (turn = 0; turn < RING_MIN_BYTES; turn++) {
		if (ring_peek(&ring, &e) != 1)
			break;
		total += sum(&e);
		meddle(data, size, turn, rate);
		if (ring_peek_next(&ring, &e, &next) == 1)
			total += sum(&next);
		ring_consume(&ring, &e);
	}
	/* Without meddling every turn frees a header at least. */
	if (rate == 0 && turn > RING_MIN_BYTES / 16)
		abort();
	part.data = data;
	part.len = size;
	(void)ring_put(&ring, 1, &part, 1, NULL);
	(void)total;
	(void)ring_sleep(&ring);
	ring_wake(&ring);
	ring_awake(&ring);
	if (ring_used(&ring) > RING_MIN_BYTES ||
	    ring_free(&ring) > RING_MIN_BYTES)
		abort();
	ring_skip_all(&ring);
	if (ring_peek(&ring, &e) != 0)
		abort();
	return 0;
}
