/* SPDX-License-Identifier: ISC */
/*
 * A reader of a table whose tenant is hostile: geometry, index, records and
 * ids are whatever the input says.  Lookups must end, stay inside the mapping
 * and return nothing that is not fit to be logged.
 *
 * Input: index word, high water (4 bytes each), then chunks of: where (2
 * bytes), count of repetitions (1), length (1), bytes.  At 0xffff the bytes are
 * pairs of an id and a record: entries that a lookup really comes to.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fd.h"
#include "proto/table.h"
#include "proto/table_index.h"
#include "tests/fuzz/fuzz.h"

#define CAPACITY 64u

#define IDS 4u

static const char *const ids[IDS] = { "a", "client-1",
	"an id that is so long that it does not fit a record", "" };
static const uint8_t key[32] = { 1, 2, 3 };
static struct table table;
static struct table writer;

static void
open_table(void)
{
	uint64_t bytes = table_bytes(CAPACITY);
	int fd = -1;

	if (fd_memfd_create("table", bytes, &fd) != 0 ||
	    table_format(fd, 0, CAPACITY, 1, key) != 0 ||
	    table_attach(&table, fd, 0) != 0 ||
	    table_attach(&writer, fd, 1) != 0)
		abort();
}

/* Index halves, records and ids, one behind the other. */
static uint8_t *
memory(size_t *out_size)
{
	uint8_t *begin = (uint8_t *)(uintptr_t)writer.index[0];

	*out_size = writer.bytes - (size_t)(begin - (uint8_t *)writer.header);
	return begin;
}

static void
enter(const uint8_t *pairs, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2) {
		const char *id = ids[pairs[i] % IDS];
		uint32_t tag = table_tag(&writer, id, strlen(id));
		uint32_t at = (tag + pairs[i] / IDS) & 511;

		writer.index[0][at] = table_entry(tag, pairs[i + 1]);
	}
}

static void
scribble(const uint8_t *data, size_t size)
{
	size_t room, at;
	uint8_t *to = memory(&room);

	memset(to, 0, room);
	while (size > 4) {
		size_t times = 1 + data[2], len = data[3];

		at = (size_t)data[0] | (size_t)data[1] << 8;
		data += 4;
		size -= 4;
		if (len > size)
			len = size;
		if (at == 0xffff)
			enter(data, len);
		at = at * 8 % room;
		for (; times > 0 && at + len <= room; times--, at += len)
			memcpy(to + at, data, len);
		data += len;
		size -= len;
	}
}

static void
check(int rc, const struct record_view *v)
{
	if (rc != 0) {
		if (rc != -ENOENT && rc != -EAGAIN)
			abort();
		return;
	}
	if (v->index >= CAPACITY || v->body.state >= RECORD_STATE_MAX ||
	    strlen(v->id) != v->body.id_len || v->body.id_len > RECORD_ID_MAX)
		abort();
	for (const char *p = v->id; *p != '\0'; p++)
		if (*p < 0x20 || *p > 0x7e)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record_view v;
	uint32_t words[2];

	if (table.header == NULL)
		open_table();
	if (size < sizeof(words))
		return 0;
	memcpy(words, data, sizeof(words));
	atomic_store(&writer.header->index_word, words[0]);
	atomic_store(&writer.header->high_water, words[1]);
	scribble(data + sizeof(words), size - sizeof(words));
	for (size_t i = 0; i < IDS; i++) {
		int rc = table_find(&table, ids[i], strlen(ids[i]), &v);

		check(rc, &v);
		if (rc == 0 &&
		    (strcmp(v.id, ids[i]) != 0 || v.body.state != RECORD_OPEN))
			abort();
	}
	for (uint32_t i = 0; i < CAPACITY + 2; i++)
		check(table_read(&table, i, &v), &v);
	check(table_read(&table, RECORD_NONE, &v), &v);
	return 0;
}
