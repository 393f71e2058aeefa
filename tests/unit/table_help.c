/* SPDX-License-Identifier: ISC */
/*
 * What the tests of a slot's table share (see table_help.h).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fd.h"
#include "tests/unit/table_help.h"

const uint8_t table_help_key[32] = "a key of thirty-two bytes, not 1";

int
make_table(struct table *t, uint32_t capacity)
{
	int fd = -1;

	assert_int_equal(fd_memfd_create("table", table_bytes(capacity), &fd),
	    0);
	assert_int_equal(table_format(fd, 3, capacity, 77, table_help_key), 0);
	assert_int_equal(table_attach(t, fd, 1), 0);
	assert_int_equal(table_adopt(t, NULL, NULL), 0);
	return fd;
}

void
drop_table(struct table *t, int fd)
{
	table_detach(t);
	close(fd);
}

/* What a tenant's death and its successor do to the private state. */
void
adopt_again(struct table *t, int fd)
{
	table_detach(t);
	assert_int_equal(table_attach(t, fd, 1), 0);
	assert_int_equal(table_adopt(t, NULL, NULL), 0);
}

uint64_t
file_pages(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

/* Ids of all lengths; n % 4 == 3 makes one that does not fit the record. */
size_t
make_id(uint32_t n, char out[RECORD_ID_MAX + 1])
{
	int len = snprintf(out, RECORD_ID_MAX + 1, "client-%08u", n);
	int width = n % 4 == 3 ? (int)(41 + n % 60) : len;

	memset(out + len, '.', (size_t)(width - len));
	out[width] = '\0';
	return (size_t)width;
}

/* A body with that id; established_us tells which of several is newest. */
void
write_open(struct table *t, uint32_t rec, const char *id, uint64_t since)
{
	struct record_body body = t->records[rec].body;
	size_t len = strlen(id);

	assert_int_equal(table_set_id_rest(t, rec, id, len), 0);
	memset(body.id, 0, sizeof(body.id));
	memcpy(body.id, id, len < RECORD_ID_INLINE ? len : RECORD_ID_INLINE);
	body.id_len = (uint8_t)len;
	body.state = RECORD_OPEN;
	body.flags = RECORD_INDEXED;
	body.fd = 9;
	body.gen++;
	body.established_us = since;
	table_write(t, rec, &body);
}

uint32_t
open_one(struct table *t, const char *id, uint64_t since)
{
	uint32_t rec, old = 5;

	assert_int_equal(table_take_free(t, &rec), 0);
	assert_int_equal(t->records[rec].body.state, RECORD_FREE);
	write_open(t, rec, id, since);
	assert_int_equal(table_index_put(t, rec, &old), 0);
	assert_int_equal(old, RECORD_NONE);
	return rec;
}

void
write_free(struct table *t, uint32_t rec)
{
	struct record_body body;

	memset(&body, 0, sizeof(body));
	body.gen = t->records[rec].body.gen;
	body.fd = -1;
	table_write(t, rec, &body);
}

void
close_one(struct table *t, uint32_t rec)
{
	table_index_drop(t, rec);
	write_free(t, rec);
	table_give_back(t, rec);
}

void
assert_found(const struct table *t, const char *id, uint32_t rec)
{
	struct record_view v;

	assert_int_equal(table_find(t, id, strlen(id), &v), 0);
	assert_int_equal(v.index, rec);
	assert_string_equal(v.id, id);
	assert_int_equal(v.body.state, RECORD_OPEN);
	assert_int_equal(table_index_get(t, id, strlen(id)), rec);
}

void
assert_absent(const struct table *t, const char *id)
{
	struct record_view v;

	assert_int_equal(table_find(t, id, strlen(id), &v), -ENOENT);
}
