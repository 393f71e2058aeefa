/* SPDX-License-Identifier: ISC */
/*
 * The writer's side of a table's index (see table.h): an open-addressing table
 * of tags and record numbers with linear probing.  Every change is one store.
 * Live entries and tombstones fill three quarters at most; then the index is
 * built anew, in the size that suits its population, in the other half, and
 * one store of the geometry word switches readers over.
 */
#include "proto/table_index.h"

#include <errno.h>
#include <string.h>

#include "proto/shm.h"

static uint32_t
word_load(const struct table *t)
{
	return atomic_load_explicit(&t->header->index_word,
	    memory_order_relaxed);
}

static uint64_t
entry_load(const struct table_geometry *g, uint32_t at)
{
	return atomic_load_explicit(&g->entries[at], memory_order_relaxed);
}

static bool
is_live(uint64_t entry)
{
	return entry != INDEX_EMPTY && entry != INDEX_TOMBSTONE;
}

/* The writer's own geometry; valid once a table is adopted.  A journal is
 * applied before that: no entries then, if the header is damaged. */
static struct table_geometry
geometry(const struct table *t)
{
	struct table_geometry g;

	if (!table_geometry_parse(t, word_load(t), &g))
		memset(&g, 0, sizeof(g));
	return g;
}

/* A record's id, its length and tag. */
static uint32_t
own_tag(const struct table *t, uint32_t rec, char out[RECORD_ID_MAX + 1],
    size_t *out_len)
{
	size_t len = t->records[rec].body.id_len;

	table_id(t, rec, out);
	*out_len = len <= RECORD_ID_MAX ? len : RECORD_ID_MAX;
	return table_tag(t, out, *out_len);
}

static bool
has_id(const struct table *t, uint32_t rec, const char *id, size_t len)
{
	char own[RECORD_ID_MAX + 1];

	if (rec >= t->capacity || t->records[rec].body.id_len != len)
		return false;
	table_id(t, rec, own);
	return memcmp(own, id, len) == 0;
}

/* Where the entry of an id is, or INDEX_NOWHERE. */
static uint32_t
locate_id(const struct table *t, const struct table_geometry *g, uint32_t tag,
    const char *id, size_t len)
{
	for (uint32_t i = 0; i <= g->mask; i++) {
		uint32_t at = (tag + i) & g->mask;
		uint64_t entry = entry_load(g, at);

		if (entry == INDEX_EMPTY)
			break;
		if (is_live(entry) && entry >> 32 == tag &&
		    has_id(t, (uint32_t)entry - 1, id, len))
			return at;
	}
	return INDEX_NOWHERE;
}

/* The first place for a new entry in the chain of a tag. */
static uint32_t
locate_room(const struct table_geometry *g, uint32_t tag)
{
	for (uint32_t i = 0; i <= g->mask; i++) {
		uint32_t at = (tag + i) & g->mask;

		if (!is_live(entry_load(g, at)))
			return at;
	}
	return INDEX_NOWHERE;
}

static uint64_t
half_at(const struct table *t, uint32_t half)
{
	return (uint64_t)((uintptr_t)t->index[half] - (uintptr_t)t->header);
}

static int
half_punch(const struct table *t, uint32_t half)
{
	return shm_punch(t->fd, half_at(t, half),
	    UINT64_C(8) << t->max_index_log2);
}

/* Builds the half that nobody reads and switches to it. */
static int
rebuild(struct table *t, const struct table_geometry *old, uint32_t log2)
{
	struct table_geometry g;
	uint32_t word, switches, used = 0;
	int rc;

	switches = (word_load(t) >> 8) + 1;
	word = (old->half ^ 1) << 31 | (switches & 0x7fffff) << 8 | log2;
	if (!table_geometry_parse(t, word, &g))
		return -EINVAL;
	/* A predecessor may have died building it. */
	rc = half_punch(t, g.half);
	if (rc == 0)
		rc = shm_reserve(t->fd, half_at(t, g.half),
		    UINT64_C(8) << log2);
	if (rc != 0)
		return -ENOMEM;
	for (uint32_t i = 0; old->entries != NULL && i <= old->mask; i++) {
		uint64_t entry = entry_load(old, i);
		uint32_t at;

		if (!is_live(entry))
			continue;
		at = locate_room(&g, (uint32_t)(entry >> 32));
		if (at == INDEX_NOWHERE)
			return -ENOMEM;
		atomic_store_explicit(&g.entries[at], entry,
		    memory_order_relaxed);
		used++;
	}
	commit_store(&t->header->index_word, word);
	t->index_used = used;
	(void)half_punch(t, old->half);
	return 0;
}

static uint32_t
count_live(const struct table_geometry *g)
{
	uint32_t live = 0;

	for (uint32_t i = 0; i <= g->mask; i++)
		live += is_live(entry_load(g, i));
	return live;
}

/* Makes sure that one entry more fits.  When memory is short the index may get
 * fuller than it should before anybody is turned away. */
static int
make_room(struct table *t, struct table_geometry *g)
{
	uint64_t entries = (uint64_t)g->mask + 1;
	uint32_t live, log2 = INDEX_MIN_LOG2;
	int rc;

	if ((uint64_t)t->index_used + 1 <= entries - entries / 4)
		return 0;
	live = count_live(g);
	while (log2 < t->max_index_log2 &&
	    (UINT64_C(1) << log2) < 2 * ((uint64_t)live + 1))
		log2++;
	rc = rebuild(t, g, log2);
	if (rc == 0)
		*g = geometry(t);
	else if ((uint64_t)t->index_used + 1 <= entries - entries / 16)
		rc = 0;
	return rc;
}

static int
insert(struct table *t, struct table_geometry *g, uint32_t tag, uint32_t rec)
{
	uint32_t at;
	bool was_empty;
	int rc;

	rc = make_room(t, g);
	if (rc != 0)
		return rc;
	at = locate_room(g, tag);
	if (at == INDEX_NOWHERE)
		return -ENOMEM;
	was_empty = entry_load(g, at) == INDEX_EMPTY;
	commit_store(&g->entries[at], table_entry(tag, rec));
	t->index_used += was_empty;
	return 0;
}

int
table_index_put(struct table *t, uint32_t rec, uint32_t *out_old)
{
	struct table_geometry g = geometry(t);
	char id[RECORD_ID_MAX + 1];
	uint32_t tag, at, old;
	size_t len;
	int rc;

	if (g.entries == NULL)
		return -EINVAL;
	tag = own_tag(t, rec, id, &len);
	at = locate_id(t, &g, tag, id, len);
	if (at == INDEX_NOWHERE) {
		rc = insert(t, &g, tag, rec);
		if (rc == 0)
			*out_old = RECORD_NONE;
		return rc;
	}
	old = (uint32_t)entry_load(&g, at) - 1;
	if (old != rec)
		commit_store(&g.entries[at], table_entry(tag, rec));
	if (old == rec || (t->records[old].body.flags & RECORD_INDEXED) == 0)
		old = RECORD_NONE;
	*out_old = old;
	return 0;
}

/* At the end of a chain no tombstone is needed, nor are those before it. */
static void
remove_at(struct table *t, const struct table_geometry *g, uint32_t at)
{
	if (entry_load(g, (at + 1) & g->mask) != INDEX_EMPTY) {
		commit_store(&g->entries[at], INDEX_TOMBSTONE);
		return;
	}
	do {
		commit_store(&g->entries[at], INDEX_EMPTY);
		t->index_used--;
		at = (at - 1) & g->mask;
	} while (entry_load(g, at) == INDEX_TOMBSTONE);
}

void
table_index_drop(struct table *t, uint32_t rec)
{
	struct table_geometry g = geometry(t);
	char id[RECORD_ID_MAX + 1];
	uint32_t tag;
	size_t len;

	if (g.entries == NULL)
		return;
	tag = own_tag(t, rec, id, &len);
	for (uint32_t i = 0; i <= g.mask; i++) {
		uint32_t at = (tag + i) & g.mask;
		uint64_t entry = entry_load(&g, at);

		if (entry == INDEX_EMPTY)
			return;
		if (entry == table_entry(tag, rec)) {
			remove_at(t, &g, at);
			return;
		}
	}
}

uint32_t
table_index_get(const struct table *t, const char *id, size_t len)
{
	struct table_geometry g = geometry(t);
	uint32_t at;

	if (g.entries == NULL || len == 0 || len > RECORD_ID_MAX)
		return RECORD_NONE;
	at = locate_id(t, &g, table_tag(t, id, len), id, len);
	return at == INDEX_NOWHERE ? RECORD_NONE :
				     (uint32_t)entry_load(&g, at) - 1;
}

/* ---- adoption ----------------------------------------------------------- */

/* Is this entry the one that a lookup of its record's id comes to? */
static bool
is_entry_right(const struct table *t, const struct table_geometry *g,
    uint32_t at, uint32_t high_water)
{
	uint32_t rec = (uint32_t)entry_load(g, at) - 1;
	char id[RECORD_ID_MAX + 1];
	uint32_t tag;
	size_t len;

	if (rec >= high_water || !table_is_indexable(&t->records[rec].body))
		return false;
	tag = own_tag(t, rec, id, &len);
	return locate_id(t, g, tag, id, len) == at;
}

static int
enter_if_missing(struct table *t, uint32_t rec)
{
	const struct record_body *b = &t->records[rec].body;
	struct table_geometry g = geometry(t);
	char id[RECORD_ID_MAX + 1];
	uint32_t tag, at, other;
	size_t len;

	tag = own_tag(t, rec, id, &len);
	at = locate_id(t, &g, tag, id, len);
	if (at == INDEX_NOWHERE)
		return insert(t, &g, tag, rec);
	other = (uint32_t)entry_load(&g, at) - 1;
	if (b->established_us > t->records[other].body.established_us)
		commit_store(&g.entries[at], table_entry(tag, rec));
	return 0;
}

/* One that was moved has none yet: it gets its size at once, for all that there
 * are, not by and by. */
static int
make_room_for_all(struct table *t, const struct table_geometry *g,
    uint32_t high_water)
{
	uint32_t log2 = INDEX_MIN_LOG2, records = 0;

	if (count_live(g) > 0)
		return 0;
	for (uint32_t rec = 0; rec < high_water; rec++)
		records += table_is_indexable(&t->records[rec].body);
	while (log2 < t->max_index_log2 &&
	    (UINT64_C(1) << log2) < 2 * ((uint64_t)records + 1))
		log2++;
	return g->mask + 1 < UINT32_C(1) << log2 ? rebuild(t, g, log2) : 0;
}

int
table_index_repair(struct table *t, uint32_t high_water)
{
	struct table_geometry g = geometry(t);
	int rc;

	if (g.entries == NULL) {
		rc = rebuild(t, &g, INDEX_MIN_LOG2);
		if (rc != 0)
			return rc;
		g = geometry(t);
	}
	t->index_used = 0;
	for (uint32_t i = 0; i <= g.mask; i++)
		t->index_used += entry_load(&g, i) != INDEX_EMPTY;
	for (uint32_t i = 0; i <= g.mask; i++)
		if (is_live(entry_load(&g, i)) &&
		    !is_entry_right(t, &g, i, high_water))
			remove_at(t, &g, i);
	/* Without the memory for it, it is smaller, or the rest fails, too. */
	(void)make_room_for_all(t, &g, high_water);
	for (uint32_t rec = 0; rec < high_water; rec++) {
		if (!table_is_indexable(&t->records[rec].body))
			continue;
		rc = enter_if_missing(t, rec);
		if (rc != 0)
			return rc;
	}
	/* What a predecessor that died growing has left. */
	g = geometry(t);
	(void)half_punch(t, g.half ^ 1);
	return 0;
}
