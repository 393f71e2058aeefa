/* SPDX-License-Identifier: ISC */
/*
 * See ingress_batch.h.  A script, so that a batch is added as a whole or, when
 * Redis refuses, not at all: messages that failed must not be overtaken.
 */
#include "worker/relay/ingress_batch.h"

#include <stdio.h>
#include <string.h>

#include "proto/redis_names.h"
#include "worker/relay/relay.h"
#include "worker/relay/up_entry.h"

#define FIELDS	   6u /* arguments for each message */
#define WORDS	   5u /* in front of them */
#define NUMBER	   21u
#define UUID_CHARS 37u

static const char script[] =
    "local max=tonumber(ARGV[1]) "
    "if max>0 and redis.call('XLEN',KEYS[1])>=max then return -1 end "
    "for i=3,#ARGV,6 do redis.call('XADD',KEYS[1],'*','client_id',ARGV[i],"
    "'node',ARGV[2],'connection',ARGV[i+1],'seq',ARGV[i+2],'type',ARGV[i+3],"
    "'received_at',ARGV[i+4],'data',ARGV[i+5]) end return #ARGV";

struct batch {
	int argc;
	const char *argv[WORDS + 1 + FIELDS * INGRESS_BATCH];
	size_t lens[WORDS + 1 + FIELDS * INGRESS_BATCH];
	char numbers[INGRESS_BATCH][2][NUMBER];
	char uuids[INGRESS_BATCH][UUID_CHARS];
};

static void
add(struct batch *batch, const char *text, size_t len)
{
	batch->argv[batch->argc] = text;
	batch->lens[batch->argc++] = len;
}

static void
format_uuid(const uint8_t uuid[16], char out[UUID_CHARS])
{
	static const char digits[] = "0123456789abcdef";
	uint32_t at = 0;

	for (uint32_t i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[at++] = '-';
		out[at++] = digits[uuid[i] >> 4];
		out[at++] = digits[uuid[i] & 15];
	}
	out[at] = '\0';
}

static void
add_number(struct batch *batch, char out[NUMBER], uint64_t number)
{
	int len = snprintf(out, NUMBER, "%llu", (unsigned long long)number);

	add(batch, out, (size_t)len);
}

/* What the gateway may change meanwhile was checked when it was copied; the
 * bytes go out as they are. */
static void
add_message(struct batch *batch, uint32_t i, const struct ring_entry *entry,
    const struct ring_message *message)
{
	const char *id = (const char *)entry->data + sizeof(*message);
	size_t rest = entry->len - sizeof(*message);

	format_uuid(message->uuid, batch->uuids[i]);
	add(batch, id, message->id_len);
	add(batch, batch->uuids[i], UUID_CHARS - 1);
	add_number(batch, batch->numbers[i][0], message->seq);
	if (message->opcode == 2)
		add(batch, "binary", 6);
	else
		add(batch, "text", 4);
	add_number(batch, batch->numbers[i][1], message->received_ms);
	add(batch, id + message->id_len, rest - message->id_len);
}

int
ingress_batch_send(struct ingress_queue *queue, uint64_t end,
    redis_link_cb *on_reply)
{
	struct ingress_source *source = queue->source;
	const struct settings *settings = &source->relay->worker->settings;
	char key[REDIS_NAMES_MAX], partition[16], max[16];
	struct ring_message message;
	struct batch batch;
	const struct ingress_item *item;
	uint32_t at, count = 0;
	uint64_t last = 0;
	size_t bytes = 0;
	int rc;

	snprintf(partition, sizeof(partition), "%u", queue->partition);
	redis_names_ingress(&settings->redis, partition, key);
	snprintf(max, sizeof(max), "%u", settings->upstream.max_length);
	batch.argc = 0;
	add(&batch, "EVAL", 4);
	add(&batch, script, sizeof(script) - 1);
	add(&batch, "1", 1);
	add(&batch, key, strlen(key));
	add(&batch, max, strlen(max));
	add(&batch, settings->node.id, strlen(settings->node.id));
	for (at = queue->first; at != INGRESS_NONE && count < INGRESS_BATCH;
	     at = item->next) {
		item = &source->items[at];
		/* It may have been changed after it was looked at. */
		if (item->number >= end ||
		    !up_entry_message(&item->entry, &message))
			break;
		bytes += item->entry.len;
		if (count > 0 && bytes > INGRESS_BATCH_BYTES)
			break;
		add_message(&batch, count, &item->entry, &message);
		count++;
		last = item->number;
	}
	if (count == 0)
		return -EPROTO;
	rc = backplane_ingress_command(&source->relay->backplane, on_reply,
	    queue, batch.argc, batch.argv, batch.lens);
	if (rc != 0)
		return rc;
	queue->flying = count;
	if (source->sent_end <= last)
		source->sent_end = last + 1;
	return 0;
}
