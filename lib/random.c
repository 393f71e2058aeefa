/* SPDX-License-Identifier: ISC */
/*
 * The random pool (see random.h). It is the second global of lib, beside the
 * log: like the kernel's, there is one per process and nothing to configure.
 */
#include "lib/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static struct {
	unsigned char bytes[256];
	size_t left; /* unused ones are at the end */
} pool;

static void
fetch(void *out, size_t len)
{
	unsigned char *p = out;
	ssize_t n;

	while (len > 0) {
		n = getrandom(p, len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			abort();
		p += n;
		len -= (size_t)n;
	}
}

void
random_bytes(void *out, size_t len)
{
	unsigned char *from;

	if (len > sizeof(pool.bytes) / 2) {
		fetch(out, len);
		return;
	}
	if (pool.left < len) {
		fetch(pool.bytes, sizeof(pool.bytes));
		pool.left = sizeof(pool.bytes);
	}
	from = pool.bytes + sizeof(pool.bytes) - pool.left;
	memcpy(out, from, len);
	explicit_bzero(from, len);
	pool.left -= len;
}

uint32_t
random_u32(void)
{
	uint32_t value;

	random_bytes(&value, sizeof(value));
	return value;
}

uint64_t
random_u64(void)
{
	uint64_t value;

	random_bytes(&value, sizeof(value));
	return value;
}

uint32_t
random_below(uint32_t bound)
{
	uint64_t product;
	uint32_t threshold;

	if (bound == 0)
		return 0;
	/* Lemire: the high half is even once the few low halves are refused. */
	threshold = -bound % bound;
	do
		product = (uint64_t)random_u32() * bound;
	while ((uint32_t)product < threshold);
	return (uint32_t)(product >> 32);
}

uint64_t
random_jitter(uint64_t value, unsigned percent)
{
	unsigned __int128 span = (unsigned __int128)value * percent / 100;
	unsigned __int128 offset;

	/* 0 .. 2 * span; the bias of scaling is no matter here. */
	offset = (unsigned __int128)(random_u64() >> 1) * (2 * span + 1) >> 63;
	return (uint64_t)(value - span + offset);
}

void
random_reset(void)
{
	explicit_bzero(&pool, sizeof(pool));
}
