/* SPDX-License-Identifier: ISC */
/*
 * The line of a peer port (see peer_line.h).
 */
#include "proto/peer_line.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/parse.h"

#define OPENING "holdfast-peer 1 "

size_t
peer_line_format(const struct peer_line *line, char out[PEER_LINE_MAX])
{
	char age[24] = "-";

	if (line->redis_age_ms != UINT64_MAX)
		(void)snprintf(age, sizeof(age), "%" PRIu64,
		    line->redis_age_ms);
	(void)snprintf(out, PEER_LINE_MAX,
	    OPENING "%016" PRIx64 " %s %s %s%s%s\n", line->incarnation, age,
	    line->state, line->node, line->fleet[0] == '\0' ? "" : " ",
	    line->fleet);
	return strlen(out);
}

/* Cuts off the next word; NULL: there is none. */
static char *
word(char **rest)
{
	char *begin = *rest, *blank = strchr(begin, ' ');

	if (blank == NULL || blank == begin)
		return NULL;
	*blank = '\0';
	*rest = blank + 1;
	return begin;
}

static int
parse_hex(const char *text, uint64_t *out)
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < 16; i++) {
		const char *digits = "0123456789abcdef";
		const char *at = text[i] == '\0' ? NULL :
						   strchr(digits, text[i]);

		if (at == NULL)
			return -EPROTO;
		value = value << 4 | (uint64_t)(at - digits);
	}
	if (text[16] != '\0')
		return -EPROTO;
	*out = value;
	return 0;
}

/* The node's id, and its fleet if there is a word more. */
static int
parse_names(char *rest, struct peer_line *line)
{
	char *node = word(&rest);

	if (node == NULL) {
		node = rest;
	} else {
		rest[strcspn(rest, " ")] = '\0';
		if (rest[0] == '\0' || strlen(rest) >= sizeof(line->fleet))
			return -EPROTO;
		memcpy(line->fleet, rest, strlen(rest) + 1);
	}
	if (node[0] == '\0' || node[0] == ' ' ||
	    strlen(node) >= sizeof(line->node))
		return -EPROTO;
	memcpy(line->node, node, strlen(node) + 1);
	return 0;
}

int
peer_line_parse(const char *bytes, size_t len, struct peer_line *out)
{
	const char *end = memchr(bytes, '\n', len);
	char copy[PEER_LINE_MAX], *rest = copy, *id, *age, *state;
	struct peer_line line = { .redis_age_ms = UINT64_MAX };
	size_t size;

	if (end == NULL)
		return len < PEER_LINE_MAX - 1 ? -EAGAIN : -EPROTO;
	size = (size_t)(end - bytes);
	if (size >= sizeof(copy) || memchr(bytes, '\0', size) != NULL)
		return -EPROTO;
	memcpy(copy, bytes, size);
	copy[size] = '\0';
	if (strncmp(copy, OPENING, strlen(OPENING)) != 0)
		return -EPROTO;
	rest += strlen(OPENING);
	id = word(&rest);
	age = word(&rest);
	state = word(&rest);
	if (id == NULL || age == NULL || state == NULL ||
	    strlen(state) >= sizeof(line.state) ||
	    parse_names(rest, &line) != 0 ||
	    parse_hex(id, &line.incarnation) != 0)
		return -EPROTO;
	if (strcmp(age, "-") != 0 &&
	    parse_u64(age, 0, UINT64_MAX - 1, &line.redis_age_ms) != 0)
		return -EPROTO;
	memcpy(line.state, state, strlen(state) + 1);
	*out = line;
	return 0;
}

bool
peer_line_is_of(const struct peer_line *line, const char *node,
    const char *fleet)
{
	return strcmp(line->node, node) == 0 &&
	    (line->fleet[0] == '\0' || strcmp(line->fleet, fleet) == 0);
}
