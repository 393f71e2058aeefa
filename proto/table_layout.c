/* SPDX-License-Identifier: ISC */
/*
 * This version's layout, and the list of those that it knows (see
 * table_layout.h).
 */
#include "proto/table_layout.h"

#include <string.h>

/* What is not named here stays as the new table was formatted. */
static int
copy_header(const struct slot_header *from, struct slot_header *to)
{
	to->death_rec = from->death_rec;
	to->death_gen = from->death_gen;
	to->death_kind = from->death_kind;
	to->death_count = from->death_count;
	atomic_store(&to->high_water, atomic_load(&from->high_water));
	atomic_store(&to->resync_wanted, atomic_load(&from->resync_wanted));
	to->broadcast_seq = from->broadcast_seq;
	atomic_store(&to->broadcast_next, atomic_load(&from->broadcast_next));
	atomic_store(&to->kick_rec, atomic_load(&from->kick_rec));
	to->kick_gen = from->kick_gen;
	atomic_store(&to->ring_applied, atomic_load(&from->ring_applied));
	memcpy(&to->step, &from->step, sizeof(to->step));
	memcpy(to->journal, from->journal, sizeof(to->journal));
	memcpy(&to->counters, &from->counters, sizeof(to->counters));
	memcpy(&to->redis, &from->redis, sizeof(to->redis));
	memcpy(&to->inbox, &from->inbox, sizeof(to->inbox));
	return 0;
}

static int
own_read_header(const void *from, struct slot_header *to)
{
	return copy_header(from, to);
}

static int
own_write_header(const struct slot_header *from, void *to)
{
	return copy_header(from, to);
}

static int
own_read_record(const void *from, struct record_body *to)
{
	memcpy(to, &((const struct record *)from)->body, sizeof(*to));
	return 0;
}

static int
own_write_record(const struct record_body *from, void *to)
{
	memcpy(&((struct record *)to)->body, from, sizeof(*from));
	return 0;
}

const struct table_layout table_layout_own = {
	.layout = SLOT_LAYOUT,
	.id_inline = RECORD_ID_INLINE,
	.scratch_in = SLOT_SCRATCH_IN,
	.scratch_out = SLOT_SCRATCH_OUT,
	.scratch_at = TABLE_SCRATCH_AT,
	.bytes = table_bytes,
	.record_at = table_record_at,
	.rest_at = table_rest_at,
	.read_header = own_read_header,
	.write_header = own_write_header,
	.read_record = own_read_record,
	.write_record = own_write_record,
};

/* Own first.  A version that changes the layout adds that of the version
 * before it: tests/layout has an example. */
static const struct table_layout *const layouts[] = {
	&table_layout_own,
#ifdef HOLDFAST_KNOWS_OLDER
	&table_layout_older,
#endif
};

#define LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))
_Static_assert(LAYOUTS <= TABLE_LAYOUTS_MAX, "a list has room for all");

const struct table_layout *
table_layout_find(uint32_t layout)
{
	for (size_t i = 0; i < LAYOUTS; i++)
		if (layouts[i]->layout == layout)
			return layouts[i];
	return NULL;
}

int
table_layout_list(uint32_t *out)
{
	for (size_t i = 0; i < LAYOUTS; i++)
		out[i] = layouts[i]->layout;
	return (int)LAYOUTS;
}

bool
table_layout_meets(uint32_t theirs, const uint32_t *known, size_t count)
{
	if (table_layout_find(theirs) != NULL)
		return true;
	for (size_t i = 0; i < count; i++)
		if (known[i] == SLOT_LAYOUT)
			return true;
	return false;
}
