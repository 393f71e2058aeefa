/* SPDX-License-Identifier: ISC */
/*
 * Writes and reads the list of slots (see slots_file.h).
 */
#include "supervisor/slot/slots_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/parse.h"

#define FIRST_LINE "holdfast-slots 1"
#define WORDS_MAX  8

/* The words of a line: separated by single blanks, none of them empty. */
struct words {
	const char *at[WORDS_MAX];
	size_t len[WORDS_MAX];
	uint32_t count;
};

void
slots_file_format(const struct slots_file *file, struct textbuf *out)
{
	uint32_t i;

	textbuf_printf(out, FIRST_LINE "\nnode %s %u ", file->build,
	    file->protocol);
	for (i = 0; i < file->layout_count; i++)
		textbuf_printf(out, "%s%u", i == 0 ? "" : ",",
		    file->layouts[i]);
	textbuf_printf(out, " %llu %u\n", (unsigned long long)file->node_inode,
	    file->gateways);
	for (i = 0; i < file->count; i++) {
		const struct slots_entry *entry = &file->entries[i];

		textbuf_printf(out, "slot %u %s %llu %d %llu\n", entry->number,
		    slot_kind_name((uint32_t)entry->kind),
		    (unsigned long long)entry->nonce, (int)entry->keeper,
		    (unsigned long long)entry->start_time);
	}
	textbuf_puts(out, "end\n");
}

static int
split(const char *line, size_t len, struct words *out)
{
	const char *end = line + len;

	out->count = 0;
	for (;;) {
		const char *blank = memchr(line, ' ', (size_t)(end - line));
		const char *stop = blank == NULL ? end : blank;

		if (stop == line || out->count == WORDS_MAX)
			return -EPROTO;
		out->at[out->count] = line;
		out->len[out->count++] = (size_t)(stop - line);
		if (blank == NULL)
			return 0;
		line = blank + 1;
	}
}

static bool
is_word(const struct words *words, uint32_t i, const char *text)
{
	return words->len[i] == strlen(text) &&
	    memcmp(words->at[i], text, words->len[i]) == 0;
}

static int
number(const struct words *words, uint32_t i, uint64_t min, uint64_t max,
    uint64_t *out)
{
	return parse_u64_n(words->at[i], words->len[i], min, max, out) == 0 ?
	    0 :
	    -EPROTO;
}

static int
parse_layouts(const struct words *words, uint32_t i, struct slots_file *file)
{
	const char *at = words->at[i], *end = at + words->len[i];
	uint64_t layout;

	while (file->layout_count < TABLE_LAYOUTS_MAX) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		const char *stop = comma == NULL ? end : comma;

		if (parse_u64_n(at, (size_t)(stop - at), 0, UINT32_MAX,
			&layout) != 0)
			return -EPROTO;
		file->layouts[file->layout_count++] = (uint32_t)layout;
		if (comma == NULL)
			return 0;
		at = comma + 1;
	}
	return -EPROTO;
}

static int
parse_node(const struct words *words, struct slots_file *file)
{
	uint64_t protocol, gateways;

	if (words->count != 6 || !is_word(words, 0, "node") ||
	    words->len[1] >= sizeof(file->build) ||
	    number(words, 2, 0, UINT32_MAX, &protocol) != 0 ||
	    parse_layouts(words, 3, file) != 0 ||
	    number(words, 4, 0, UINT64_MAX, &file->node_inode) != 0 ||
	    number(words, 5, 1, SLOT_MAX_WORKERS, &gateways) != 0)
		return -EPROTO;
	memcpy(file->build, words->at[1], words->len[1]);
	file->build[words->len[1]] = '\0';
	file->protocol = (uint32_t)protocol;
	file->gateways = (uint32_t)gateways;
	return 0;
}

static int
parse_kind(const struct words *words, uint32_t i, enum slot_kind *out)
{
	uint32_t kind;

	for (kind = SLOT_KIND_GATEWAY; kind <= SLOT_KIND_AUDIT; kind++) {
		if (!is_word(words, i, slot_kind_name(kind)))
			continue;
		*out = (enum slot_kind)kind;
		return 0;
	}
	return -EPROTO;
}

static int
parse_slot(const struct words *words, struct slots_file *file)
{
	struct slots_entry entry = { 0 };
	uint64_t slot, pid;

	if (words->count != 6 || !is_word(words, 0, "slot") ||
	    file->count == SLOTS_FILE_MAX ||
	    number(words, 1, 0, SLOT_MAX_WORKERS, &slot) != 0 ||
	    parse_kind(words, 2, &entry.kind) != 0 ||
	    number(words, 3, 1, UINT64_MAX, &entry.nonce) != 0 ||
	    number(words, 4, 2, INT32_MAX, &pid) != 0 ||
	    number(words, 5, 0, UINT64_MAX, &entry.start_time) != 0)
		return -EPROTO;
	entry.number = (uint32_t)slot;
	entry.keeper = (pid_t)pid;
	file->entries[file->count++] = entry;
	return 0;
}

/* 0: go on; 1: that was the last line. */
static int
parse_line(const char *line, size_t len, uint32_t n, struct slots_file *file)
{
	struct words words;

	if (n == 0)
		return len == strlen(FIRST_LINE) &&
			memcmp(line, FIRST_LINE, len) == 0 ?
		    0 :
		    -EPROTO;
	if (split(line, len, &words) != 0)
		return -EPROTO;
	if (n == 1)
		return parse_node(&words, file);
	if (words.count == 1 && is_word(&words, 0, "end"))
		return 1;
	return parse_slot(&words, file);
}

int
slots_file_parse(const char *text, struct slots_file *out)
{
	struct slots_file *file = calloc(1, sizeof(*file));
	const char *end;
	uint32_t n = 0;
	int rc = 0;

	if (file == NULL)
		return -ENOMEM;
	while (rc == 0) {
		end = strchr(text, '\n');
		if (end == NULL) {
			rc = -EPROTO;
			break;
		}
		rc = parse_line(text, (size_t)(end - text), n++, file);
		text = end + 1;
	}
	if (rc == 1 && *text != '\0')
		rc = -EPROTO;
	if (rc == 1)
		*out = *file;
	free(file);
	return rc == 1 ? 0 : rc;
}
