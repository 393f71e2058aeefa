/* SPDX-License-Identifier: ISC */
/* Unit tests of the keyed hash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/hash.h"

static void
test_one_seed_is_one_key(void **state)
{
	unsigned char seed[HASH_SEED_BYTES];
	struct hash_key a, b, c;
	char text[300];
	size_t len;

	(void)state;
	memset(seed, 7, sizeof(seed));
	memset(text, 'x', sizeof(text));
	hash_key_init(&a, seed);
	hash_key_init(&b, seed);
	seed[31] ^= 1;
	hash_key_init(&c, seed);
	for (len = 0; len <= sizeof(text); len++) {
		assert_true(
		    hash_bytes(&a, text, len) == hash_bytes(&b, text, len));
		assert_true(
		    hash_bytes(&a, text, len) != hash_bytes(&c, text, len));
	}
}

/*
 * A table in shared memory outlives an upgrade: these values must never
 * change, whatever the version of the library.
 */
static void
test_values_are_for_ever(void **state)
{
	unsigned char seed[HASH_SEED_BYTES];
	struct hash_key key;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(seed); i++)
		seed[i] = (unsigned char)i;
	hash_key_init(&key, seed);
	assert_int_equal(hash_bytes(&key, "", 0), 0x6b228a5aabfad17au);
	assert_int_equal(hash_bytes(&key, "client-1", 8), 0xe0a30ea2e446850fu);
	assert_int_equal(hash_bytes(&key,
			     "a client id that is rather longer than "
			     "those that most people choose",
			     68),
	    0x747e9664764764fu);
}

static void
test_spreads(void **state)
{
	unsigned char seed[HASH_SEED_BYTES] = { 1 };
	unsigned counts[16] = { 0 };
	struct hash_key key;
	uint32_t i;

	(void)state;
	hash_key_init(&key, seed);
	for (i = 0; i < 16000; i++)
		counts[hash_bytes(&key, &i, sizeof(i)) % 16]++;
	for (i = 0; i < 16; i++)
		assert_in_range(counts[i], 850, 1150);
}

static void
test_buckets(void **state)
{
	uint32_t counts[17] = { 0 }, moved = 0, before, after;

	(void)state;
	for (uint64_t i = 0; i < 16000; i++) {
		before = hash_bucket(i * UINT64_C(0x9e3779b97f4a7c15), 16);
		after = hash_bucket(i * UINT64_C(0x9e3779b97f4a7c15), 17);
		assert_true(before < 16);
		assert_true(after == before || after == 16);
		moved += after != before;
		counts[before]++;
	}
	for (int i = 0; i < 16; i++)
		assert_in_range(counts[i], 850, 1150);
	assert_in_range(moved, 800, 1080);
	assert_int_equal(hash_bucket(12345, 1), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_seed_is_one_key),
		cmocka_unit_test(test_values_are_for_ever),
		cmocka_unit_test(test_spreads),
		cmocka_unit_test(test_buckets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
