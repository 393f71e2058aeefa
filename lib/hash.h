/* SPDX-License-Identifier: ISC */
/*
 * A keyed hash of bytes, for tables that untrusted names go into: without the
 * key nobody can choose names that collide. XXH3 with a secret that is derived
 * from 32 random bytes, so processes that share those agree. Not a MAC. Pure.
 */
#ifndef HOLDFAST_LIB_HASH_H
#define HOLDFAST_LIB_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_SEED_BYTES	  32
#define HASH_SECRET_BYTES 192

struct hash_key {
	unsigned char secret[HASH_SECRET_BYTES];
	uint64_t whitening;
};

/* The same seed gives the same key on every host. */
void hash_key_init(struct hash_key *key,
    const unsigned char seed[HASH_SEED_BYTES]);

uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t len);

/*
 * One of `buckets` (at least 1) for a hash value: when their number grows from
 * n to m, only (m - n) of m values move, all of them to new buckets.  Lamping
 * and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014.
 */
uint32_t hash_bucket(uint64_t hash, uint32_t buckets);

#endif
