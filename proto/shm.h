/* SPDX-License-Identifier: ISC */
/*
 * What table, arena, ring and node memfd have in common: mapping, and pages
 * that exist before they are written.  A store to a page of a sparse memfd
 * that the kernel cannot allocate is SIGBUS; the same lack of memory met in
 * shm_reserve() is an error return.
 */
#ifndef HOLDFAST_PROTO_SHM_H
#define HOLDFAST_PROTO_SHM_H

#include <stddef.h>
#include <stdint.h>

#define SHM_PAGE 4096u

/* Rounds up to whole pages. */
static inline uint64_t
shm_round(uint64_t bytes)
{
	return (bytes + SHM_PAGE - 1) & ~(uint64_t)(SHM_PAGE - 1);
}

/* Maps the first `bytes` of a memfd, left out of core dumps.  -errno. */
int shm_map(int fd, uint64_t bytes, int writable, void **out);
/* Size of the file behind fd, or -errno. */
int shm_size(int fd, uint64_t *out_bytes);

/* Allocates the pages of a range: 0 or -ENOMEM, whatever the reason was. */
int shm_reserve(int fd, uint64_t offset, uint64_t bytes);
/* Gives the pages of a range back; it reads as zeros then.  Failure (which
 * costs memory, nothing else) is -errno. */
int shm_punch(int fd, uint64_t offset, uint64_t bytes);

#endif
