/* SPDX-License-Identifier: ISC */
/*
 * The keyed hash (see hash.h). The only module that includes xxhash.h.
 */
#include "lib/hash.h"

#include <endian.h>
#include <string.h>
#include <xxhash.h>

void
hash_key_init(struct hash_key *key, const unsigned char seed[HASH_SEED_BYTES])
{
	uint64_t word;
	size_t i;

	/*
	 * Not XXH3_generateSecret(), which may change between versions of the
	 * library: two builds must agree on the keys of a table they share.
	 */
	for (i = 0; i < HASH_SECRET_BYTES / sizeof(word); i++) {
		word = htole64(
		    XXH3_64bits_withSeed(seed, HASH_SEED_BYTES, i + 1));
		memcpy(key->secret + i * sizeof(word), &word, sizeof(word));
	}
	key->whitening = XXH3_64bits_withSeed(seed, HASH_SEED_BYTES, 0);
}

uint64_t
hash_bytes(const struct hash_key *key, const void *bytes, size_t len)
{
	/*
	 * Short inputs meet only a few bytes of the secret, so some of the key
	 * goes over the result as well: it hides the differences that would
	 * tell an observer of table order about the secret.
	 */
	return XXH3_64bits_withSecret(bytes, len, key->secret,
		   sizeof(key->secret)) ^
	    key->whitening;
}

uint32_t
hash_bucket(uint64_t hash, uint32_t buckets)
{
	int64_t bucket = 0, next = 0;

	while (next < (int64_t)buckets) {
		bucket = next;
		hash = hash * UINT64_C(2862933555777941757) + 1;
		next = (int64_t)((double)(bucket + 1) *
		    ((double)(INT64_C(1) << 31) / (double)((hash >> 33) + 1)));
	}
	return (uint32_t)bucket;
}
