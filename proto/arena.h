/* SPDX-License-Identifier: ISC */
/*
 * The arena: bytes in flight of a slot's connections, in a sparse memfd.
 * Which blocks are in use is known only from the records (busy, in_ref,
 * out_ref); the allocator's own state is private to the tenant and rebuilt
 * with arena_mark() on adoption, so a crash can neither leak nor corrupt it.
 * Pages are allocated with fallocate() before use: exhaustion is an error
 * return, never SIGBUS.  Blocks of up to 32 KiB come from 64 KiB chunks of one
 * size class; larger ones are runs of whole chunks.  ref 0 is never valid: a
 * ref is the block's offset in units, plus one.
 */
#ifndef HOLDFAST_PROTO_ARENA_H
#define HOLDFAST_PROTO_ARENA_H

#include <stddef.h>
#include <stdint.h>

#define ARENA_CHUNK (64u * 1024)
#define ARENA_UNIT  64u /* refs count units of 64 bytes */

struct arena;

/* fd: a memfd of `bytes` bytes (multiple of ARENA_CHUNK), borrowed.  limit:
 * bytes of pages that may be allocated at a time.  NULL: out of memory. */
struct arena *arena_new(int fd, uint64_t bytes, uint64_t limit);
void arena_free(struct arena *);

/* A block of at least `bytes`; *out_cap is what it really holds.
 * -ENOMEM: limit reached, no pages, or no run long enough. */
int arena_alloc(struct arena *, uint32_t bytes, uint32_t *out_ref,
    uint32_t *out_cap);
/* cap: the out_cap of the allocation.  A block that is not in use: abort(). */
void arena_release(struct arena *, uint32_t ref, uint32_t cap);

/* Adoption: block (ref, cap) is in use.  -EINVAL: no such block can exist, or
 * it overlaps one already marked.  -ENOMEM.  The limit does not count here. */
int arena_mark(struct arena *, uint32_t ref, uint32_t cap);
/* After the last mark: give pages of unused chunks back. */
void arena_trim(struct arena *);

void *arena_at(const struct arena *, uint32_t ref);
/* Bytes of chunks in use.  Up to eight free chunks keep their pages beside
 * them, within the limit. */
uint64_t arena_used(const struct arena *);
uint64_t arena_limit(const struct arena *);
void arena_set_limit(struct arena *, uint64_t limit);

#endif
