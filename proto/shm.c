/* SPDX-License-Identifier: ISC */
/*
 * Mapping and page allocation of memfds (see shm.h).
 */
#include "proto/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

int
shm_map(int fd, uint64_t bytes, int writable, void **out)
{
	int prot = PROT_READ | (writable ? PROT_WRITE : 0);
	void *p;

	p = mmap(NULL, bytes, prot, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	/* Clients' bytes do not belong in a core file. */
	(void)madvise(p, bytes, MADV_DONTDUMP);
	*out = p;
	return 0;
}

int
shm_size(int fd, uint64_t *out_bytes)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -errno;
	*out_bytes = (uint64_t)st.st_size;
	return 0;
}

int
shm_reserve(int fd, uint64_t offset, uint64_t bytes)
{
	while (fallocate(fd, 0, (off_t)offset, (off_t)bytes) == -1)
		if (errno != EINTR)
			return -ENOMEM;
	return 0;
}

int
shm_punch(int fd, uint64_t offset, uint64_t bytes)
{
	while (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		   (off_t)offset, (off_t)bytes) == -1)
		if (errno != EINTR)
			return -errno;
	return 0;
}
