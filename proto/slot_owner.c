/* SPDX-License-Identifier: ISC */
/*
 * The owner word (see slot_owner.h): moved, giving, 16 bits of attempt, 32 of
 * generation.
 */
#include "proto/slot_owner.h"

#include <errno.h>

#define OWNER_MOVED   (UINT64_C(1) << 63)
#define OWNER_GIVING  (UINT64_C(1) << 62)
#define OWNER_ATTEMPT (UINT64_C(0xffff) << 32)
#define OWNER_ONE     (UINT64_C(1) << 32)

int
slot_owner_claim(_Atomic uint64_t *owner, uint32_t generation)
{
	uint64_t word = atomic_load(owner);

	do {
		if ((word & OWNER_MOVED) != 0)
			return -ESTALE;
	} while (!atomic_compare_exchange_weak(owner, &word,
	    (word & OWNER_ATTEMPT) | generation));
	return 0;
}

int
slot_owner_give(_Atomic uint64_t *owner, uint32_t generation,
    uint64_t *out_token)
{
	uint64_t word = atomic_load(owner);
	uint64_t token;

	if ((word & (OWNER_MOVED | OWNER_GIVING)) != 0 ||
	    (uint32_t)word != generation)
		return -ESTALE;
	token = ((word + OWNER_ONE) & OWNER_ATTEMPT) | OWNER_GIVING |
	    generation;
	if (!atomic_compare_exchange_strong(owner, &word, token))
		return -ESTALE;
	*out_token = token;
	return 0;
}

bool
slot_owner_take_back(_Atomic uint64_t *owner, uint64_t token)
{
	return atomic_compare_exchange_strong(owner, &token,
	    token & ~OWNER_GIVING);
}

bool
slot_owner_commit(_Atomic uint64_t *owner, uint64_t token)
{
	if ((token & OWNER_GIVING) == 0)
		return false;
	return atomic_compare_exchange_strong(owner, &token,
	    (token & OWNER_ATTEMPT) | OWNER_MOVED);
}

bool
slot_owner_revoke(_Atomic uint64_t *owner)
{
	uint64_t word = atomic_load(owner);

	do {
		if ((word & OWNER_MOVED) != 0)
			return false;
	} while ((word & OWNER_GIVING) != 0 &&
	    !atomic_compare_exchange_weak(owner, &word, word & ~OWNER_GIVING));
	return true;
}

bool
slot_owner_has_moved(const _Atomic uint64_t *owner)
{
	return (atomic_load(owner) & OWNER_MOVED) != 0;
}

bool
slot_owner_was_committed(const _Atomic uint64_t *owner, uint64_t token)
{
	return atomic_load(owner) == ((token & OWNER_ATTEMPT) | OWNER_MOVED);
}
