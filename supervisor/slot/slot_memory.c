/* SPDX-License-Identifier: ISC */
/*
 * Makes and maps the memory of a slot (see slot_memory.h).
 */
#include "supervisor/slot/slot_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>

#include "lib/fd.h"
#include "proto/ring_messages.h"

void
slot_memory_init(struct slot_memory *memory)
{
	memset(memory, 0, sizeof(*memory));
	memory->table_fd = memory->arena_fd = -1;
	memory->ring_up_fd = memory->ring_up_event = -1;
	memory->ring_down_fd = memory->ring_down_event = -1;
}

static int
open_table(struct slot_memory *memory, const struct slot_memory_spec *spec)
{
	struct slot_header *header;
	int rc;

	rc = fd_memfd_create("holdfast-table", table_bytes(spec->capacity),
	    &memory->table_fd);
	if (rc == 0)
		rc = table_format(memory->table_fd, spec->slot, spec->capacity,
		    spec->nonce, spec->hash_key);
	if (rc == 0)
		rc = table_attach(&memory->table, memory->table_fd, 1);
	if (rc != 0)
		return rc;
	header = memory->table.header;
	header->kind = spec->kind;
	header->epoch = spec->epoch;
	atomic_store(&header->arena_limit_kib,
	    (uint32_t)(spec->arena_limit / 1024));
	return 0;
}

static int
open_ring(const char *name, uint32_t size, int *out_fd, int *out_event,
    struct ring *ring)
{
	int rc = fd_memfd_create(name, ring_bytes(size), out_fd);

	if (rc == 0)
		rc = ring_format(*out_fd, size);
	if (rc != 0)
		return rc;
	*out_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (*out_event == -1)
		return -errno;
	return ring_attach(ring, *out_fd, *out_event);
}

int
slot_memory_open(struct slot_memory *memory,
    const struct slot_memory_spec *spec)
{
	int rc;

	slot_memory_init(memory);
	rc = open_table(memory, spec);
	if (rc == 0 && spec->kind == SLOT_KIND_GATEWAY)
		rc = fd_memfd_create("holdfast-arena", spec->arena_file,
		    &memory->arena_fd);
	if (rc == 0 && spec->kind == SLOT_KIND_GATEWAY)
		rc = open_ring("holdfast-ring-up", RING_UP_BYTES,
		    &memory->ring_up_fd, &memory->ring_up_event,
		    &memory->ring_up);
	if (rc == 0 && spec->kind == SLOT_KIND_GATEWAY)
		rc = open_ring("holdfast-ring-down", RING_DOWN_BYTES,
		    &memory->ring_down_fd, &memory->ring_down_event,
		    &memory->ring_down);
	if (rc != 0)
		slot_memory_close(memory);
	return rc;
}

static int
copy_fd(int fd, int *out)
{
	*out = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return *out == -1 ? -errno : 0;
}

static int
copy_rings(struct slot_memory *memory, const struct slot_memory *from)
{
	int rc = copy_fd(from->arena_fd, &memory->arena_fd);

	if (rc == 0)
		rc = copy_fd(from->ring_up_fd, &memory->ring_up_fd);
	if (rc == 0)
		rc = copy_fd(from->ring_up_event, &memory->ring_up_event);
	if (rc == 0)
		rc = copy_fd(from->ring_down_fd, &memory->ring_down_fd);
	if (rc == 0)
		rc = copy_fd(from->ring_down_event, &memory->ring_down_event);
	if (rc == 0)
		rc = ring_attach(&memory->ring_up, memory->ring_up_fd,
		    memory->ring_up_event);
	if (rc == 0)
		rc = ring_attach(&memory->ring_down, memory->ring_down_fd,
		    memory->ring_down_event);
	return rc;
}

int
slot_memory_succeed(struct slot_memory *memory, const struct slot_memory *from,
    const struct slot_memory_spec *spec)
{
	int rc;

	slot_memory_init(memory);
	rc = open_table(memory, spec);
	if (rc == 0 && spec->kind == SLOT_KIND_GATEWAY)
		rc = copy_rings(memory, from);
	if (rc != 0)
		slot_memory_close(memory);
	return rc;
}

const struct counters *
slot_memory_counters(const struct slot_memory *memory)
{
	const struct table *table = &memory->table;

	return table->header == NULL || table->is_foreign ?
	    NULL :
	    &table->header->counters;
}

uint32_t
slot_memory_records(const struct slot_memory *memory)
{
	const struct table *table = &memory->table;
	uint32_t high;

	if (table->header == NULL || table->is_foreign)
		return 0;
	high = atomic_load(&table->header->high_water);
	return high < table->capacity ? high : table->capacity;
}

void
slot_memory_close(struct slot_memory *memory)
{
	if (memory->table.header != NULL)
		table_detach(&memory->table);
	if (memory->ring_up.shared != NULL)
		ring_detach(&memory->ring_up);
	if (memory->ring_down.shared != NULL)
		ring_detach(&memory->ring_down);
	fd_close(&memory->table_fd);
	fd_close(&memory->arena_fd);
	fd_close(&memory->ring_up_fd);
	fd_close(&memory->ring_up_event);
	fd_close(&memory->ring_down_fd);
	fd_close(&memory->ring_down_event);
	slot_memory_init(memory);
}
