/* SPDX-License-Identifier: ISC */
/*
 * Takes entries (see inbox_entry.h).  What is for one client goes into the ring
 * of its slot; inbox_broadcast.c has what is for all, inbox_where.c what only
 * asks.
 */
#include "worker/relay/inbox_entry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/escape.h"
#include "lib/log.h"
#include "worker/relay/dispatch_body.h"
#include "worker/relay/inbox.h"
#include "worker/relay/operator.h"
#include "worker/relay/relay.h"

#define RECEIPT_MAX 4096u
#define KEPT_MAX    (64u * 1024 * 1024) /* of texts, until their receipts */

/* Whom an entry is for, and what that client gets. */
struct letter {
	const struct inbox_fields *entry;
	const char *client;
	size_t client_len;
	const char *text;
	size_t len;
};

/* One that waits for its receipt. */
struct sent {
	struct inbox_asker asker;
	size_t len; /* 0: not kept */
	char text[];
};

void
inbox_asker_init(struct inbox_asker *asker, struct relay *relay,
    const struct inbox_fields *entry)
{
	asker->relay = relay;
	memcpy(asker->node, entry->node, sizeof(asker->node));
	memcpy(asker->token, entry->token, sizeof(asker->token));
}

void
inbox_asker_tell(const struct inbox_asker *asker, enum delivery_status status,
    const char *name, const char *value)
{
	char channel[REDIS_NAMES_MAX];
	const char *words[] = { "PUBLISH", channel, NULL, NULL };
	struct textbuf json;

	if (asker->node[0] == '\0' || asker->token[0] == '\0')
		return;
	textbuf_init(&json, RECEIPT_MAX);
	textbuf_puts(&json, "{\"holdfast\":\"receipt\",\"token\":");
	textbuf_json(&json, asker->token, strlen(asker->token));
	textbuf_printf(&json, ",\"status\":\"%s\"",
	    delivery_status_name(status));
	if (name != NULL)
		textbuf_printf(&json, ",\"%s\":%s", name, value);
	textbuf_putc(&json, '}');
	redis_names_channel(&asker->relay->worker->settings.redis, asker->node,
	    channel);
	words[2] = textbuf_text(&json);
	if (textbuf_error(&json) == 0)
		backplane_tell(&asker->relay->backplane, words);
	textbuf_clear(&json);
}

static void
forget(struct inbox *inbox, struct sent *sent)
{
	inbox->kept_bytes -= sent->len;
	free(sent);
}

static void
on_done(void *owner, uint32_t item, enum delivery_status status,
    uint64_t position)
{
	struct sent *sent = owner;

	(void)item;
	(void)position;
	inbox_asker_tell(&sent->asker, status, NULL, NULL);
	forget(&sent->asker.relay->inbox, sent);
}

/* Beyond the limit the text is not kept: if its connection ends before it has
 * it, the receipt says so. */
static struct sent *
remember(struct inbox *inbox, const struct letter *letter)
{
	size_t len = letter->entry->kind == INBOX_KICK ? 0 : letter->len;
	struct sent *sent;

	if (inbox->kept_bytes + len > KEPT_MAX)
		len = 0;
	sent = malloc(sizeof(*sent) + len);
	if (sent == NULL)
		return NULL;
	inbox_asker_init(&sent->asker, inbox->relay, letter->entry);
	if (len > 0)
		memcpy(sent->text, letter->text, len);
	sent->len = len;
	inbox->kept_bytes += len;
	return sent;
}

void
inbox_intend(struct inbox *inbox, const struct inbox_id *id,
    const struct shard_target *target)
{
	const struct shard *shard = &inbox->relay->shards.items[target->slot];
	struct inbox_state *state = &inbox->state;

	state->intent = *id;
	state->ring_seq = ring_head_seq(&shard->down) + 1;
	state->nonce = shard->table.header->nonce;
	state->slot = target->slot;
	state->rec = target->rec;
	state->gen = target->gen;
	slot_inbox_put(&inbox->relay->worker->slot->inbox, state);
}

static enum delivery_status
put(struct inbox *inbox, const struct letter *letter,
    const struct shard_target *target, const struct delivery_order *order)
{
	struct delivery *delivery = &inbox->relay->delivery;
	const struct inbox_fields *entry = letter->entry;
	const struct sent *sent = order->owner;
	char reason[OPERATOR_REASON_MAX + 1];

	if (sent->len > 0)
		return delivery_send_kept_to(delivery, target, letter->client,
		    letter->client_len, sent->text, sent->len, order);
	if (entry->kind != INBOX_KICK)
		return delivery_send_to(delivery, target, letter->client,
		    letter->client_len, letter->text, letter->len, order);
	memcpy(reason, letter->text, letter->len);
	reason[letter->len] = '\0';
	return delivery_kick_to(delivery, target, letter->client,
	    letter->client_len,
	    entry->code != 0 ? entry->code : OPERATOR_KICK_CODE, reason, order);
}

static enum delivery_status
send_to(struct inbox *inbox, const struct letter *letter,
    const struct shard_target *target)
{
	const struct inbox_fields *entry = letter->entry;
	struct delivery_order order = { on_done, NULL, 0, entry->wait_ms };
	struct sent *sent = remember(inbox, letter);
	enum delivery_status status;

	if (sent == NULL)
		return DELIVERY_BUSY;
	order.owner = sent;
	inbox_intend(inbox, &entry->id, target);
	status = put(inbox, letter, target, &order);
	crash_mark();
	if (status != DELIVERY_PENDING) {
		forget(inbox, sent);
		/* Others may put their entry in its place. */
		inbox->state.intent = inbox->state.done;
		slot_inbox_put(&inbox->relay->worker->slot->inbox,
		    &inbox->state);
	}
	return status;
}

/* An earlier life's, for whoever was connected then.  Whether that client has
 * come back is only for the receipt: as named beside the document. */
static bool
is_old(const struct inbox *inbox, const struct inbox_fields *entry,
    enum delivery_status *out_status)
{
	struct shard_target target;

	if (inbox_id_compare(&entry->id, &inbox->state.old) > 0)
		return false;
	counter_add(relay_counters(inbox->relay), COUNTER_INBOX_OLD, 1);
	*out_status = entry->client[0] != '\0' &&
		delivery_find(&inbox->relay->delivery, entry->client,
		    strlen(entry->client), &target) != DELIVERY_NOT_CONNECTED ?
	    DELIVERY_UNKNOWN :
	    DELIVERY_NOT_CONNECTED;
	return true;
}

static enum delivery_status
deliver(struct inbox *inbox, const struct letter *letter)
{
	struct shard_target target;
	enum delivery_status status;

	status = delivery_find(&inbox->relay->delivery, letter->client,
	    letter->client_len, &target);
	if (status == DELIVERY_PENDING)
		status = send_to(inbox, letter, &target);
	if (status == DELIVERY_NOT_CONNECTED)
		/* whoever sent it here has found a route that is stale */
		routes_touch(&inbox->relay->routes, letter->client,
		    letter->client_len);
	return status;
}

static enum delivery_status
bad(const struct inbox *inbox, const char *why)
{
	counter_add(relay_counters(inbox->relay), COUNTER_INBOX_BAD, 1);
	log_debug("inbox_refused", why);
	return DELIVERY_NOT_CONNECTED;
}

static enum delivery_status
take_dispatch(struct inbox *inbox, const struct inbox_fields *entry)
{
	struct dispatch_body body;
	enum delivery_status status;
	struct api_fault fault;
	struct letter letter;
	int rc;

	rc = dispatch_body_parse(entry->text, entry->len, &body, &fault);
	if (rc == -ENOMEM)
		return DELIVERY_BUSY;
	if (rc != 0)
		return bad(inbox, fault.text);
	if (body.count == 1) {
		letter = (struct letter){ entry, body.docs[0].target,
			body.docs[0].target_len, body.docs[0].bytes,
			body.docs[0].len };
		status = deliver(inbox, &letter);
	} else {
		status = bad(inbox, "more than one document");
	}
	dispatch_body_clear(&body);
	return status;
}

static enum delivery_status
take_other(struct inbox *inbox, const struct inbox_fields *entry)
{
	const struct letter letter = { entry, entry->client,
		strlen(entry->client), entry->text, entry->len };

	if (!escape_is_utf8(entry->text, entry->len))
		return bad(inbox, "field m is not UTF-8");
	if (entry->kind == INBOX_BROADCAST)
		return inbox_broadcast_take(inbox, entry);
	if (entry->client[0] == '\0')
		return bad(inbox, "field c is no client id");
	if (entry->kind == INBOX_WHERE)
		return inbox_where_take(inbox, entry);
	if (entry->kind == INBOX_KICK &&
	    (entry->len > OPERATOR_REASON_MAX ||
		memchr(entry->text, '\0', entry->len) != NULL))
		return bad(inbox, "field m is no reason to close");
	return deliver(inbox, &letter);
}

static enum delivery_status
take(struct inbox *inbox, const struct inbox_fields *entry)
{
	enum delivery_status status;

	if (entry->text == NULL)
		return bad(inbox, "no field m");
	if (entry->kind != INBOX_WHERE && is_old(inbox, entry, &status))
		return status;
	switch (entry->kind) {
	case INBOX_DISPATCH:
		return take_dispatch(inbox, entry);
	case INBOX_TEXT:
	case INBOX_KICK:
	case INBOX_BROADCAST:
	case INBOX_WHERE:
		return take_other(inbox, entry);
	default:
		return bad(inbox, "field k is not known");
	}
}

static void
taken(struct inbox *inbox, const struct inbox_fields *entry)
{
	inbox->state.done = entry->id;
	inbox->state.count++;
}

bool
inbox_entry_take(struct inbox *inbox, const struct inbox_fields *entry)
{
	struct inbox_asker asker;
	enum delivery_status status;

	if (inbox_id_compare(&entry->id, &inbox->state.done) <= 0)
		return true;
	if (entry->kind == INBOX_CANARY) {
		canary_returned(&inbox->relay->canary, SLOT_PATH_INBOX,
		    entry->token);
		taken(inbox, entry);
		return true;
	}
	status = take(inbox, entry);
	if (status == DELIVERY_BUSY)
		return false;
	if (status != DELIVERY_PENDING) {
		inbox_asker_init(&asker, inbox->relay, entry);
		inbox_asker_tell(&asker, status, NULL, NULL);
	}
	counter_add(relay_counters(inbox->relay), COUNTER_INBOX_ENTRIES, 1);
	taken(inbox, entry);
	return true;
}
