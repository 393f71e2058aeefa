/* SPDX-License-Identifier: ISC */
/*
 * What is in an entry (see inbox_entry.h): field m is a dispatch document; r
 * and t are the node that wants to know what became of it and its number for
 * it; w is for how many milliseconds a queued message is followed.  One with a
 * field c in place of m is a canary.
 */
#include "worker/relay/inbox_entry.h"

#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/parse.h"
#include "worker/relay/dispatch_body.h"
#include "worker/relay/inbox.h"
#include "worker/relay/relay.h"

#define RECEIPT_MAX 512u
#define TOKEN_MAX   20u

/* Who is to be told; "" in r: nobody. */
struct asker {
	struct relay *relay;
	char node[ROUTE_NODE_MAX + 1];
	char token[TOKEN_MAX + 1];
};

struct entry {
	struct inbox_id id;
	const char *doc; /* NULL: none */
	size_t doc_len;
	uint32_t wait_ms;
	struct asker asker;
	char canary[CANARY_TOKEN_MAX + 1]; /* "": none */
};

static void
tell(const struct asker *asker, enum delivery_status status)
{
	char channel[REDIS_NAMES_MAX];
	const char *words[] = { "PUBLISH", channel, NULL, NULL };
	struct textbuf json;

	if (asker->node[0] == '\0' || asker->token[0] == '\0')
		return;
	textbuf_init(&json, RECEIPT_MAX);
	textbuf_puts(&json, "{\"holdfast\":\"receipt\",\"token\":");
	textbuf_json(&json, asker->token, strlen(asker->token));
	textbuf_printf(&json, ",\"status\":\"%s\"}",
	    delivery_status_name(status));
	redis_names_channel(&asker->relay->worker->settings.redis, asker->node,
	    channel);
	words[2] = textbuf_text(&json);
	if (textbuf_error(&json) == 0)
		backplane_tell(&asker->relay->backplane, words);
	textbuf_clear(&json);
}

static void
on_done(void *owner, uint32_t item, enum delivery_status status,
    uint64_t position)
{
	struct asker *asker = owner;

	(void)item;
	(void)position;
	if (asker != NULL)
		tell(asker, status);
	free(asker);
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

static bool
parse(struct inbox *inbox, const struct redisReply *reply, struct entry *out)
{
	const struct redisReply *fields = redis_reply_at(reply, 1), *value;
	char number[TOKEN_MAX + 1];
	uint64_t wait_ms;
	const char *id;
	size_t i, len;

	memset(out, 0, sizeof(*out));
	out->asker.relay = inbox->relay;
	id = redis_reply_text(redis_reply_at(reply, 0), &len);
	if (id == NULL || inbox_id_parse(id, len, &out->id) != 0)
		return false;
	for (i = 0; i + 1 < redis_reply_count(fields); i += 2) {
		value = redis_reply_at(fields, i + 1);
		if (redis_reply_is(redis_reply_at(fields, i), "m")) {
			out->doc = redis_reply_text(value, &out->doc_len);
		} else if (redis_reply_is(redis_reply_at(fields, i), "r")) {
			copy_text(value, out->asker.node, ROUTE_NODE_MAX);
		} else if (redis_reply_is(redis_reply_at(fields, i), "t")) {
			copy_text(value, out->asker.token, TOKEN_MAX);
		} else if (redis_reply_is(redis_reply_at(fields, i), "c")) {
			copy_text(value, out->canary, CANARY_TOKEN_MAX);
		} else if (redis_reply_is(redis_reply_at(fields, i), "w")) {
			copy_text(value, number, TOKEN_MAX);
			if (parse_u64(number, 0, API_MAX_WAIT_MS, &wait_ms) ==
			    0)
				out->wait_ms = (uint32_t)wait_ms;
		}
	}
	return true;
}

/* Writes down what is about to be put in which ring. */
static void
intend(struct inbox *inbox, const struct entry *entry,
    const struct shard_target *target)
{
	const struct shard *shard = &inbox->relay->shards.items[target->slot];
	struct inbox_state *state = &inbox->state;

	state->intent = entry->id;
	state->ring_seq = ring_head_seq(&shard->down) + 1;
	state->nonce = shard->table.header->nonce;
	state->slot = target->slot;
	state->rec = target->rec;
	state->gen = target->gen;
	slot_inbox_put(&inbox->relay->worker->slot->inbox, state);
}

static enum delivery_status
send_to(struct inbox *inbox, const struct entry *entry,
    const struct dispatch_doc *doc, const struct shard_target *target)
{
	struct delivery_order order = { on_done, NULL, 0, entry->wait_ms };
	struct asker *asker = NULL;
	enum delivery_status status;

	if (entry->asker.node[0] != '\0') {
		asker = malloc(sizeof(*asker));
		if (asker == NULL)
			return DELIVERY_BUSY;
		*asker = entry->asker;
	}
	order.owner = asker;
	intend(inbox, entry, target);
	status = delivery_send_to(&inbox->relay->delivery, target, doc->target,
	    doc->target_len, doc->bytes, doc->len, &order);
	crash_mark();
	if (status != DELIVERY_PENDING) {
		free(asker);
		/* Others may put their entry in its place. */
		inbox->state.intent = inbox->state.done;
		slot_inbox_put(&inbox->relay->worker->slot->inbox,
		    &inbox->state);
	}
	return status;
}

/* To whom?  As it was written down, if that was before the last death. */
static enum delivery_status
find(struct inbox *inbox, const struct entry *entry,
    const struct dispatch_doc *doc, struct shard_target *out)
{
	const struct inbox_state *state = &inbox->state;

	if (inbox->redo && inbox_id_compare(&state->intent, &entry->id) == 0 &&
	    inbox->relay->shards.items[state->slot].attached) {
		*out = (struct shard_target){ state->slot, state->rec,
			state->gen };
		return DELIVERY_PENDING;
	}
	return delivery_find(&inbox->relay->delivery, doc->target,
	    doc->target_len, out);
}

static enum delivery_status
deliver(struct inbox *inbox, const struct entry *entry,
    const struct dispatch_doc *doc)
{
	struct relay *relay = inbox->relay;
	struct shard_target target;
	enum delivery_status status;

	status = find(inbox, entry, doc, &target);
	if (inbox_id_compare(&entry->id, &inbox->state.old) <= 0) {
		/* An earlier life's, for whoever was connected then. */
		counter_add(relay_counters(relay), COUNTER_INBOX_OLD, 1);
		return status == DELIVERY_NOT_CONNECTED ? status :
							  DELIVERY_UNKNOWN;
	}
	if (status == DELIVERY_PENDING)
		status = send_to(inbox, entry, doc, &target);
	if (status == DELIVERY_NOT_CONNECTED && !inbox->redo)
		/* whoever sent it here has found a route that is stale */
		routes_touch(&relay->routes, doc->target, doc->target_len);
	return status;
}

static void
taken(struct inbox *inbox, const struct entry *entry)
{
	inbox->state.done = entry->id;
	inbox->state.count++;
	inbox->redo = false;
}

bool
inbox_entry_take(struct inbox *inbox, const struct redisReply *reply)
{
	struct relay *relay = inbox->relay;
	enum delivery_status status = DELIVERY_NOT_CONNECTED;
	struct dispatch_body body;
	struct api_fault fault;
	struct entry entry;

	if (!parse(inbox, reply, &entry) ||
	    inbox_id_compare(&entry.id, &inbox->state.done) <= 0)
		return true;
	if (entry.doc == NULL && entry.canary[0] != '\0') {
		canary_returned(&relay->canary, SLOT_PATH_INBOX, entry.canary);
		taken(inbox, &entry);
		return true;
	}
	if (entry.doc == NULL ||
	    dispatch_body_parse(entry.doc, entry.doc_len, &body, &fault) != 0) {
		counter_add(relay_counters(relay), COUNTER_INBOX_BAD, 1);
		log_debug("inbox_refused",
		    entry.doc != NULL ? fault.text : "no field m");
	} else {
		if (body.count == 1)
			status = deliver(inbox, &entry, &body.docs[0]);
		else
			counter_add(relay_counters(relay), COUNTER_INBOX_BAD,
			    1);
		dispatch_body_clear(&body);
	}
	if (status == DELIVERY_BUSY)
		return false;
	if (status != DELIVERY_PENDING)
		tell(&entry.asker, status);
	counter_add(relay_counters(relay), COUNTER_INBOX_ENTRIES, 1);
	taken(inbox, &entry);
	return true;
}
