/* SPDX-License-Identifier: ISC */
/*
 * What an entry of the stream inbox:NODE says: the fields that forward.c and
 * other programs write and inbox_entry.c reads, see holdfast-protocol(7).
 */
#ifndef HOLDFAST_RELAY_INBOX_FIELDS_H
#define HOLDFAST_RELAY_INBOX_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/record.h"
#include "proto/slot_inbox.h"
#include "worker/relay/route_claim.h"

#define INBOX_TOKEN_MAX 20u

struct redisReply;

enum inbox_kind {
	INBOX_DISPATCH,	 /* m: a document that says for whom it is */
	INBOX_TEXT,	 /* m: any text for client c */
	INBOX_KICK,	 /* client c is to be closed with code n, m: why */
	INBOX_BROADCAST, /* m: for every connection */
	INBOX_CANARY,	 /* t: its token */
	INBOX_WHERE,	 /* what is known of client c is to be told */
	INBOX_KIND_MAX
};

/* Field k; of a dispatch it may be left out. */
const char *inbox_kind_name(enum inbox_kind);

/* Texts are borrowed from the reply. */
struct inbox_fields {
	struct inbox_id id;
	enum inbox_kind kind; /* INBOX_KIND_MAX: one that is not known */
	const char *text;     /* NULL: none */
	size_t len;
	uint32_t wait_ms;
	uint16_t code; /* 0: none that may be */
	/* who is to be told, and under which number; "": nobody */
	char node[ROUTE_NODE_MAX + 1];
	char token[INBOX_TOKEN_MAX + 1];
	char client[RECORD_ID_MAX + 1]; /* "": none that may be */
};

/* {id, {field, value ...}}.  false: it is none. */
bool inbox_fields_parse(const struct redisReply *, struct inbox_fields *out);
/* Bytes of an entry, of fields that are not known as well. */
size_t inbox_fields_bytes(const struct redisReply *);
/* One that owns its text, for free(); NULL: no memory. */
struct inbox_fields *inbox_fields_copy(const struct inbox_fields *);

#endif
