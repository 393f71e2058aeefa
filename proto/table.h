/* SPDX-License-Identifier: ISC */
/*
 * A gateway slot's table: header, scratch areas, index and records in one
 * memfd.  It is one shard of the node's registry.  The tenant that owns the
 * slot opens it for writing; relay and supervisor attach it and look clients
 * up without a lock, retrying a bounded number of times.
 *
 * Layout: header | scratch in, out | index half 0, 1 | records | rest of long
 * client ids.  All behind the header is sparse: it grows with the population.
 */
#ifndef HOLDFAST_PROTO_TABLE_H
#define HOLDFAST_PROTO_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/hash.h"
#include "proto/slot.h"

struct table {
	struct slot_header *header;
	size_t bytes;
	int fd; /* borrowed */
	uint32_t capacity;
	uint32_t max_index_log2;
	int writable;
	bool is_foreign;
	struct hash_key key;
	uint8_t *scratch_in;
	uint8_t *scratch_out;
	_Atomic uint64_t *index[2];
	struct record *records;
	uint8_t (*id_rest)[RECORD_ID_REST];
	/* writer's private state, rebuilt by table_adopt() */
	uint32_t *free_list; /* owned; heap of free records, lowest first */
	uint32_t free_count;
	uint32_t free_room;  /* entries that free_list can hold */
	uint32_t index_used; /* live entries and tombstones */
	uint32_t reserved;   /* records whose pages are allocated */
};

struct record_view {
	uint32_t index;
	struct record_body body;
	char id[RECORD_ID_MAX + 1];
};

#define TABLE_MAX_CAPACITY  (1u << 24)
#define TABLE_SCRATCH_AT    SLOT_HEADER_BYTES
#define TABLE_SCRATCH_BYTES (SLOT_SCRATCH_IN + SLOT_SCRATCH_OUT)
/* Records get their pages in steps, of which a begun one counts as whole. */
#define TABLE_RESERVE_STEP (64u * 1024)

/* With `capacity` records: the size of the memfd in bytes, and where in it a
 * record, and the rest of its long id, lie. */
uint64_t table_bytes(uint32_t capacity);
uint64_t table_record_at(uint32_t capacity, uint32_t rec);
uint64_t table_rest_at(uint32_t capacity, uint32_t rec);

/* Formats a fresh memfd as an empty table: of a gateway, or with capacity 0 of
 * a relay (the supervisor may store another kind).  -EINVAL: too small a file
 * or too many records; -errno. */
int table_format(int fd, uint32_t slot, uint32_t capacity, uint64_t nonce,
    const uint8_t hash_key[32]);
/* A fresh table of another version's supervisor becomes one of our layout. */
int table_make_own(int fd);

/* Maps a table.  writable: as its slot's tenant, keeper, or supervisor (for the
 * header).  Validates magic, layout and geometry against the size of the file:
 * -EPROTO, -EPROTONOSUPPORT.  any: a table of another layout is taken, too, and
 * is_foreign: nothing but the common part of its header may be looked at, and
 * its records read as busy. */
int table_attach(struct table *, int fd, int writable);
int table_attach_any(struct table *, int fd, int writable);
void table_detach(struct table *);

/* Reader side.  table_find: newest open record of a client id: 0, -ENOENT, or
 * -EAGAIN when the shard stayed busy.  table_read: copy of one record, whatever
 * its state; -EAGAIN likewise, -ENOENT: never used so far.  A view has a
 * known state, an id of printable ASCII and id_len = strlen(id): a record that
 * makes no sense reads as RECORD_FREE.  A foreign table is always busy. */
int table_find(const struct table *, const char *id, size_t len,
    struct record_view *out);
int table_read(const struct table *, uint32_t index, struct record_view *out);

/* Writer side: rebuilds the private state, repairs odd sequence words,
 * drops index entries that point at nothing and enters open records that are
 * missing.  To be called after a journal was applied (table_write needs no
 * private state) and before anything else.  At the end `on_bad` is told of
 * records that make no sense: not free, not indexed; it may write and give
 * them back.  -ENOMEM. */
int table_adopt(struct table *, void (*on_bad)(uint32_t rec, void *arg),
    void *arg);

/* The lowest free record, pages allocated; -ENOSPC, -ENOMEM.  It stays
 * RECORD_FREE, and free to a successor, until a body is written.  give_back:
 * its body must say RECORD_FREE; its gen must survive. */
int table_take_free(struct table *, uint32_t *out_rec);
void table_give_back(struct table *, uint32_t rec);

/* Copies body into the record under its sequence word. */
void table_write(struct table *, uint32_t rec, const struct record_body *body);

/* Client id of a record, NUL-terminated into out. */
void table_id(const struct table *, uint32_t rec, char out[RECORD_ID_MAX + 1]);
/* Stores the part of an id beyond RECORD_ID_INLINE, if there is any; before the
 * body with that id commits, while the record has none.  -ENOMEM. */
int table_set_id_rest(struct table *, uint32_t rec, const char *id, size_t len);

/* Index: put makes `rec` the one found for its id and tells the record that
 * was found before (RECORD_NONE if none, or if it is not RECORD_INDEXED any
 * more); idempotent.  drop removes the entry if it still points at rec, and
 * needs the record's id: before the body is freed.  put: -ENOMEM when the
 * index cannot grow; -EINVAL: not adopted, and the header is damaged. */
int table_index_put(struct table *, uint32_t rec, uint32_t *out_old);
void table_index_drop(struct table *, uint32_t rec);
/* Writer's lookup; RECORD_NONE if absent. */
uint32_t table_index_get(const struct table *, const char *id, size_t len);

#endif
