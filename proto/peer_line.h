/* SPDX-License-Identifier: ISC */
/*
 * What a node says on its peer port, to whoever connects, before it closes: one
 * line,
 *
 *	holdfast-peer 1 <incarnation> <Redis' age in ms, or -> <state> <node id>
 *	    <fleet>
 *
 * of words, to which more may be added; older nodes do not tell the fleet.  It
 * is read from the network, so nothing of it is believed that cannot be
 * checked.  Pure.
 */
#ifndef HOLDFAST_PROTO_PEER_LINE_H
#define HOLDFAST_PROTO_PEER_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With its newline and NUL; a longer one is none. */
#define PEER_LINE_MAX 320

struct peer_line {
	uint64_t incarnation;
	uint64_t redis_age_ms; /* UINT64_MAX: it never answered */
	char state[16];
	char node[128];
	char fleet[64]; /* "": it does not tell */
};

/* The length. */
size_t peer_line_format(const struct peer_line *line, char out[PEER_LINE_MAX]);

/* -EAGAIN: no newline yet; -EPROTO: not such a line. */
int peer_line_parse(const char *bytes, size_t len, struct peer_line *out);

/* Is it the line of that node?  An address may be another's by now. */
bool peer_line_is_of(const struct peer_line *line, const char *node,
    const char *fleet);

#endif
