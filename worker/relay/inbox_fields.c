/* SPDX-License-Identifier: ISC */
/*
 * Reads entries, see inbox_fields.h.  Whoever can write to Redis may have
 * written them: what makes no sense is as if it was not there.
 */
#include "worker/relay/inbox_fields.h"

#include <stdlib.h>
#include <string.h>

#include "lib/parse.h"
#include "lib/redis_link.h"
#include "worker/relay/api.h"

static const char *const kind_names[INBOX_KIND_MAX] = {
	[INBOX_DISPATCH] = "dispatch",
	[INBOX_TEXT] = "text",
	[INBOX_KICK] = "kick",
	[INBOX_BROADCAST] = "broadcast",
	[INBOX_CANARY] = "canary",
	[INBOX_WHERE] = "where",
};

const char *
inbox_kind_name(enum inbox_kind kind)
{
	return kind < INBOX_KIND_MAX ? kind_names[kind] : "?";
}

/* A text that fits, or "". */
static void
copy_text(const struct redisReply *reply, char *out, size_t max)
{
	size_t len = 0;
	const char *text = redis_reply_text(reply, &len);

	if (text == NULL || len > max || strlen(text) != len)
		len = 0;
	if (len > 0)
		memcpy(out, text, len);
	out[len] = '\0';
}

static uint64_t
number(const struct redisReply *reply, uint64_t max)
{
	char text[INBOX_TOKEN_MAX + 1];
	uint64_t value;

	copy_text(reply, text, INBOX_TOKEN_MAX);
	return parse_u64(text, 0, max, &value) == 0 ? value : 0;
}

static enum inbox_kind
parse_kind(const struct redisReply *reply)
{
	int kind;

	for (kind = 0; kind < INBOX_KIND_MAX; kind++) {
		if (redis_reply_is(reply, kind_names[kind]))
			break;
	}
	return (enum inbox_kind)kind;
}

static void
parse_field(struct inbox_fields *out, char name, const struct redisReply *value)
{
	switch (name) {
	case 'k':
		out->kind = parse_kind(value);
		break;
	case 'm':
		out->text = redis_reply_text(value, &out->len);
		break;
	case 'c':
		copy_text(value, out->client, RECORD_ID_MAX);
		if (!api_client_id_ok(out->client, strlen(out->client)))
			out->client[0] = '\0';
		break;
	case 'n':
		out->code = (uint16_t)number(value, UINT16_MAX);
		if (!api_close_code_ok(out->code))
			out->code = 0;
		break;
	case 'r':
		copy_text(value, out->node, ROUTE_NODE_MAX);
		break;
	case 't':
		copy_text(value, out->token, INBOX_TOKEN_MAX);
		break;
	case 'w':
		out->wait_ms = (uint32_t)number(value, API_MAX_WAIT_MS);
		break;
	default:
		break;
	}
}

bool
inbox_fields_parse(const struct redisReply *reply, struct inbox_fields *out)
{
	const struct redisReply *fields = redis_reply_at(reply, 1);
	const char *text;
	size_t i, len;

	memset(out, 0, sizeof(*out));
	text = redis_reply_text(redis_reply_at(reply, 0), &len);
	if (text == NULL || inbox_id_parse(text, len, &out->id) != 0)
		return false;
	for (i = 0; i + 1 < redis_reply_count(fields); i += 2) {
		text = redis_reply_text(redis_reply_at(fields, i), &len);
		if (text != NULL && len == 1)
			parse_field(out, text[0],
			    redis_reply_at(fields, i + 1));
	}
	return true;
}

size_t
inbox_fields_bytes(const struct redisReply *reply)
{
	const struct redisReply *fields = redis_reply_at(reply, 1);
	size_t i, len, bytes = 0;

	for (i = 0; i < redis_reply_count(fields); i++)
		if (redis_reply_text(redis_reply_at(fields, i), &len) != NULL)
			bytes += len;
	return bytes;
}

struct inbox_fields *
inbox_fields_copy(const struct inbox_fields *from)
{
	struct inbox_fields *copy = malloc(sizeof(*copy) + from->len + 1);
	char *text;

	if (copy == NULL)
		return NULL;
	*copy = *from;
	if (from->text == NULL)
		return copy;
	text = (char *)(copy + 1);
	memcpy(text, from->text, from->len);
	text[from->len] = '\0';
	copy->text = text;
	return copy;
}
