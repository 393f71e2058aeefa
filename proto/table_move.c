/* SPDX-License-Identifier: ISC */
/*
 * Copies a table between two layouts (see table_move.h).  The source may be
 * that of a tenant that was killed at any instant: what is copied is checked
 * before it is used, and the step that was interrupted moves along.
 */
#include "proto/table_move.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "proto/shm.h"
#include "proto/table_index.h"

/* ---- images ------------------------------------------------------------- */

int
table_image_open(struct table_image *image, int fd,
    const struct table_layout *layout, int writable)
{
	struct table_image opened = { .layout = layout, .fd = fd };
	const struct slot_header *h;
	void *p;
	int rc;

	if (layout == NULL)
		return -EPROTONOSUPPORT;
	rc = shm_size(fd, &opened.bytes);
	if (rc != 0)
		return rc;
	if (opened.bytes < layout->bytes(0))
		return -EPROTO;
	rc = shm_map(fd, opened.bytes, writable, &p);
	if (rc != 0)
		return rc;
	h = p;
	opened.base = p;
	opened.capacity = h->capacity;
	if (h->magic != SLOT_MAGIC || h->layout != layout->layout ||
	    opened.capacity > TABLE_MAX_CAPACITY ||
	    layout->bytes(opened.capacity) > opened.bytes) {
		munmap(p, opened.bytes);
		return -EPROTO;
	}
	*image = opened;
	return 0;
}

int
table_image_format(int fd, const struct table_layout *layout,
    const struct table_image *like, struct table_image *out)
{
	const struct slot_header *was = (const void *)like->base;
	uint64_t bytes = layout->bytes(like->capacity);
	uint64_t used = layout->scratch_at + layout->scratch_in +
	    layout->scratch_out;
	struct slot_header *h;
	void *p;
	int rc = shm_reserve(fd, 0, used);

	if (rc == 0)
		rc = shm_map(fd, SHM_PAGE, 1, &p);
	if (rc != 0)
		return rc;
	h = p;
	h->layout = layout->layout;
	h->kind = was->kind;
	h->slot = was->slot;
	h->table_bytes_hi = (uint32_t)(bytes >> 32);
	h->table_bytes_lo = (uint32_t)bytes;
	h->capacity = like->capacity;
	h->nonce = was->nonce;
	memcpy(h->hash_key, was->hash_key, sizeof(h->hash_key));
	h->magic = SLOT_MAGIC;
	munmap(p, SHM_PAGE);
	return table_image_open(out, fd, layout, 1);
}

void
table_image_close(struct table_image *image)
{
	if (image->base != NULL)
		munmap(image->base, image->bytes);
	memset(image, 0, sizeof(*image));
}

static uint8_t *
record_at(const struct table_image *image, uint32_t rec)
{
	return image->base + image->layout->record_at(image->capacity, rec);
}

/* ---- client ids --------------------------------------------------------- */

/* A long id is in two parts, which are not cut at the same place in all
 * layouts: what else of it is in the source's record goes into the body. */
static void
read_id(const struct table_image *from, uint32_t rec, struct record_body *body)
{
	uint32_t inl = from->layout->id_inline;
	uint32_t end = body->id_len < RECORD_ID_INLINE ? body->id_len :
							 RECORD_ID_INLINE;

	if (end > inl)
		memcpy(body->id + inl,
		    from->base + from->layout->rest_at(from->capacity, rec),
		    end - inl);
}

/* The part beyond the record. */
static int
move_rest(const struct table_image *from, const struct table_image *to,
    uint32_t rec, const struct record_body *body)
{
	uint32_t inl = to->layout->id_inline, had = from->layout->id_inline;
	uint64_t at = to->layout->rest_at(to->capacity, rec);
	uint32_t len = body->id_len, i;
	const uint8_t *rest;
	int rc;

	if (len <= inl)
		return 0;
	rc = shm_reserve(to->fd, at, len - inl);
	if (rc != 0)
		return rc;
	rest = from->base + from->layout->rest_at(from->capacity, rec);
	for (i = inl; i < len; i++)
		to->base[at + i - inl] = i < RECORD_ID_INLINE ? body->id[i] :
								rest[i - had];
	return 0;
}

/* ---- the copy ----------------------------------------------------------- */

/* Pages of the records, before they are written. */
static int
reserve(const struct table_image *to, uint32_t records)
{
	uint64_t from = to->layout->record_at(to->capacity, 0);
	uint64_t end = to->layout->record_at(to->capacity, records);
	uint64_t last = to->layout->record_at(to->capacity, to->capacity);

	if (records == 0)
		return 0;
	end = from +
	    (end - from + TABLE_RESERVE_STEP - 1) / TABLE_RESERVE_STEP *
		TABLE_RESERVE_STEP;
	return shm_reserve(to->fd, from, (end < last ? end : last) - from);
}

/* One call for all page faults there will be. */
static void
populate(const struct table_image *image, uint32_t records, int how)
{
	uint64_t from = image->layout->record_at(image->capacity, 0);
	uint64_t end = image->layout->record_at(image->capacity, records);

	from = from / SHM_PAGE * SHM_PAGE;
	if (end > from)
		(void)madvise(image->base + from, end - from, how);
}

void
table_image_prepare(const struct table_image *to, uint32_t records)
{
	if (records <= to->capacity && reserve(to, records) == 0)
		populate(to, records, MADV_POPULATE_WRITE);
}

static int
move_record(const struct table_image *from, const struct table_image *to,
    const int *fds, uint32_t rec)
{
	struct record_body body = { 0 };
	int rc = from->layout->read_record(record_at(from, rec), &body);

	if (rc != 0)
		return rc;
	if (!table_is_sane(&body))
		return -EPROTO;
	read_id(from, rec, &body);
	if (body.state == RECORD_FREE)
		body.fd = -1;
	else if (fds != NULL && body.fd >= 0)
		body.fd = fds[rec];
	/* A dying one may have been closed already. */
	if (body.fd < 0 && body.state != RECORD_FREE &&
	    body.state != RECORD_DYING)
		return -EPROTO;
	rc = to->layout->write_record(&body, record_at(to, rec));
	return rc != 0 ? rc : move_rest(from, to, rec, &body);
}

/* The journal in force, or NULL. */
static struct journal *
journal_of(struct slot_header *h)
{
	if (atomic_load(&h->step.kind) == STEP_NONE ||
	    atomic_load(&h->step.phase) == STEP_ANNOUNCED)
		return NULL;
	return &h->journal[atomic_load(&h->step.phase) == STEP_PARKED];
}

/* The journals name sockets, too, and what the one in force says of a record's
 * client id counts for more than the record itself. */
static int
move_journals(const struct table_image *from, const struct table_image *to,
    struct slot_header *h, const int *fds)
{
	uint32_t records = atomic_load(&h->high_water);
	const struct journal *in_force = journal_of(h);

	for (int i = 0; i < 2; i++) {
		struct journal *j = &h->journal[i];

		if (fds != NULL && j->body.fd >= 0)
			j->body.fd = j->rec < records ? fds[j->rec] : -1;
		if (j->rec < records && j->body.id_len <= RECORD_ID_MAX)
			read_id(from, j->rec, &j->body);
	}
	if (in_force == NULL || in_force->rec >= records ||
	    in_force->body.id_len > RECORD_ID_MAX)
		return 0;
	return move_rest(from, to, in_force->rec, &in_force->body);
}

/* An interrupted step may have left bytes that are nowhere else. */
static int
move_scratch(const struct table_image *from, const struct table_image *to)
{
	const struct table_layout *was = from->layout, *is = to->layout;
	const uint8_t *source = from->base + was->scratch_at;
	uint8_t *target = to->base + is->scratch_at;

	if (is->scratch_in < was->scratch_in ||
	    is->scratch_out < was->scratch_out)
		return -ENOTSUP;
	memcpy(target, source, was->scratch_in);
	memcpy(target + is->scratch_in, source + was->scratch_in,
	    was->scratch_out);
	return 0;
}

static void
copy_common(const struct slot_header *from, struct slot_header *to)
{
	atomic_store(&to->killed_for_stall,
	    atomic_load(&from->killed_for_stall));
	to->generation = from->generation;
	to->last_exit = from->last_exit;
	to->unattributed = from->unattributed;
	to->died_ns = from->died_ns;
	to->epoch = from->epoch;
	atomic_store(&to->live, atomic_load(&from->live));
}

/* The values of a table that nobody has served from. */
static struct slot_header *
header_new(void)
{
	struct slot_header *header = aligned_alloc(_Alignof(struct slot_header),
	    sizeof(*header));

	if (header == NULL)
		return NULL;
	memset(header, 0, sizeof(*header));
	header->death_rec = header->step.rec = RECORD_NONE;
	atomic_store(&header->kick_rec, RECORD_NONE);
	for (int i = 0; i < 2; i++) {
		header->journal[i].rec = RECORD_NONE;
		header->journal[i].kick = RECORD_NONE;
	}
	return header;
}

int
table_move(const struct table_image *from, const struct table_image *to,
    const int *fds)
{
	struct slot_header *header = header_new();
	uint32_t records;
	int rc;

	if (header == NULL)
		return -ENOMEM;
	rc = from->layout->read_header(from->base, header);
	records = atomic_load(&header->high_water);
	if (rc == 0 && records > from->capacity)
		rc = -EPROTO;
	else if (rc == 0 && records > to->capacity)
		rc = -ENOSPC;
	if (rc == 0)
		rc = reserve(to, records);
	if (rc == 0) {
		populate(from, records, MADV_POPULATE_READ);
		populate(to, records, MADV_POPULATE_WRITE);
	}
	for (uint32_t rec = 0; rc == 0 && rec < records; rec++)
		rc = move_record(from, to, fds, rec);
	if (rc == 0)
		rc = move_journals(from, to, header, fds);
	if (rc == 0 && atomic_load(&header->step.kind) != STEP_NONE)
		rc = move_scratch(from, to);
	if (rc == 0)
		rc = to->layout->write_header(header, to->base);
	if (rc == 0)
		copy_common((const void *)from->base, (void *)to->base);
	free(header);
	return rc;
}
