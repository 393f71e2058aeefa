/* SPDX-License-Identifier: ISC */
/* Unit tests of unmasking against the plain loop of the RFC. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/gateway/ws_mask.h"

#define LEN_MAX	  200
#define ALIGN_MAX 16
#define GUARD	  0xa5

static const uint8_t key_bytes[4] = { 0x37, 0xfa, 0x21, 0x3d };

static uint32_t
key(void)
{
	uint32_t word;

	memcpy(&word, key_bytes, sizeof(word));
	return (word);
}

/* The masked "Hello" of RFC 6455 section 5.7. */
static void
test_rfc_example(void **state)
{
	static const uint8_t masked[] = { 0x7f, 0x9f, 0x4d, 0x51, 0x58 };
	uint8_t out[sizeof(masked)];

	(void)state;
	ws_unmask(out, masked, sizeof(masked), key(), 0);
	assert_memory_equal(out, "Hello", 5);
}

static void
check(const uint8_t *src, size_t n, size_t src_off, size_t dst_off,
    uint32_t phase)
{
	uint8_t out[LEN_MAX + 2 * ALIGN_MAX];
	size_t i;

	memset(out, GUARD, sizeof(out));
	ws_unmask(out + dst_off, src + src_off, n, key(), phase);
	for (i = 0; i < sizeof(out); i++) {
		uint8_t want = GUARD;

		if (i >= dst_off && i < dst_off + n)
			want = src[src_off + i - dst_off] ^
			    key_bytes[(i - dst_off + phase) % 4];
		if (out[i] != want)
			fail_msg("byte %zu of %zu, offsets %zu %zu, phase %u",
			    i, n, src_off, dst_off, phase);
	}
}

static void
test_every_length_alignment_and_phase(void **state)
{
	uint8_t src[LEN_MAX + ALIGN_MAX], before[sizeof(src)];
	size_t n, src_off, dst_off, i;
	uint32_t phase;

	(void)state;
	for (i = 0; i < sizeof(src); i++)
		src[i] = (uint8_t)(i * 151 + 7);
	memcpy(before, src, sizeof(src));
	for (n = 0; n <= 70; n++) {
		for (src_off = 0; src_off < ALIGN_MAX; src_off++) {
			for (dst_off = 0; dst_off < ALIGN_MAX; dst_off++) {
				for (phase = 0; phase < 4; phase++)
					check(src, n, src_off, dst_off, phase);
			}
		}
	}
	for (n = 71; n <= LEN_MAX; n++)
		check(src, n, n % ALIGN_MAX, n * 7 % ALIGN_MAX, (uint32_t)n);
	assert_memory_equal(src, before, sizeof(src));
}

/* A payload that comes in two pieces is unmasked as in one. */
static void
test_every_split(void **state)
{
	uint8_t src[LEN_MAX], whole[LEN_MAX], parts[LEN_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < LEN_MAX; i++)
		src[i] = (uint8_t)(i ^ 0x5c);
	ws_unmask(whole, src, LEN_MAX, key(), 0);
	for (i = 0; i <= LEN_MAX; i++) {
		memset(parts, 0, sizeof(parts));
		ws_unmask(parts, src, i, key(), 0);
		ws_unmask(parts + i, src + i, LEN_MAX - i, key(), (uint32_t)i);
		assert_memory_equal(parts, whole, LEN_MAX);
	}
}

/* ASan sees a read or write beyond either end. */
static void
test_exact_memory(void **state)
{
	uint8_t *src, *dst;
	size_t n;

	(void)state;
	for (n = 1; n <= 130; n++) {
		src = malloc(n);
		dst = malloc(n);
		assert_non_null(src);
		assert_non_null(dst);
		memset(src, 0, n);
		ws_unmask(dst, src, n, key(), 1);
		assert_int_equal(dst[n - 1], key_bytes[n % 4]);
		free(src);
		free(dst);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc_example),
		cmocka_unit_test(test_every_length_alignment_and_phase),
		cmocka_unit_test(test_every_split),
		cmocka_unit_test(test_exact_memory),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
