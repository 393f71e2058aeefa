/* SPDX-License-Identifier: ISC */
/*
 * The consumer of inbox:NODE, see inbox.h.  inbox_entry.c takes the entries,
 * here is the reading.
 *
 * What Redis does not tell by itself is asked for each second, see inbox_gap.h.
 * An entry that cannot be taken yet is kept here, and nothing is read behind
 * it: the same would be read again and again.
 */
#include "worker/relay/inbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "worker/relay/inbox_entry.h"
#include "worker/relay/inbox_pace.h"
#include "worker/relay/relay.h"

#define BLOCK_MAX_MS 1000u
#define FAULT_MS     500
/* So much is taken before it is written down and the gateways are woken. */
#define NOTE_BYTES   (256u * 1024)
#define NOTE_ENTRIES 32u

/* A stream that is not there is no error here.  XINFO would bring the whole
 * first and last entry. */
static const char info_script[] =
    "if redis.call('EXISTS',KEYS[1])==0 then return {0,0,'0-0','0-0'} end "
    "local info,has=redis.call('XINFO','STREAM',KEYS[1]),{} "
    "for i=1,#info,2 do has[info[i]]=info[i+1] end "
    "local first=has['first-entry'] "
    "return {has['length'],has['entries-added'],has['last-generated-id'],"
    "first and first[1] or '0-0'}";

static struct slot_inbox *
stored(const struct inbox *inbox)
{
	return &inbox->relay->worker->slot->inbox;
}

static void ask(struct inbox *);
static void read_on(struct inbox *);

/* ---- reading */

static void
trim(struct inbox *inbox)
{
	struct inbox_id next = inbox->state.done;
	char id[INBOX_ID_SIZE];
	const char *const words[] = { "XTRIM", inbox->key, "MINID", id, NULL };

	if (inbox_id_compare(&inbox->trimmed, &inbox->state.done) >= 0)
		return;
	inbox->trimmed = inbox->state.done;
	if (++next.seq == 0)
		next.ms++;
	inbox_id_format(&next, id);
	backplane_tell(&inbox->relay->backplane, words);
}

static void
wait_ms(struct inbox *inbox, uint32_t ms)
{
	const struct timeval delay = { 0, ms * 1000 };

	(void)evtimer_add(inbox->resume, &delay);
}

static void
note(struct inbox *inbox)
{
	worker_beat(inbox->relay->worker);
	slot_inbox_put(stored(inbox), &inbox->state);
	shards_wake(&inbox->relay->shards);
}

/* Without memory it is read again. */
static void
keep(struct inbox *inbox, const struct inbox_fields *entry)
{
	if (inbox->stuck == NULL)
		inbox->stuck = inbox_fields_copy(entry);
	inbox->read_count = 1;
	counter_add(relay_counters(inbox->relay), COUNTER_INBOX_PAUSES, 1);
	wait_ms(inbox, inbox_pace_pause_ms(entry->len));
}

static void
forget_stuck(struct inbox *inbox)
{
	free(inbox->stuck);
	inbox->stuck = NULL;
}

static void
take_stuck(struct inbox *inbox)
{
	const struct inbox_fields *entry = inbox->stuck;

	if (entry == NULL || !inbox->is_bound || inbox->is_parting)
		return;
	worker_beat(inbox->relay->worker);
	/* It was, and nothing is read until there is room. */
	canary_heard(&inbox->relay->canary, SLOT_PATH_INBOX);
	if (!inbox_entry_take(inbox, entry)) {
		keep(inbox, entry);
		return;
	}
	forget_stuck(inbox);
	note(inbox);
	trim(inbox);
	read_on(inbox);
}

/* true: all of them. */
static bool
take_all(struct inbox *inbox, const struct redisReply *entries)
{
	size_t i, count = redis_reply_count(entries);
	size_t bytes = 0, noted = 0;
	struct inbox_fields entry;

	for (i = 0; i < count; i++) {
		bytes += inbox_fields_bytes(redis_reply_at(entries, i));
		if (inbox_fields_parse(redis_reply_at(entries, i), &entry) &&
		    !inbox_entry_take(inbox, &entry)) {
			keep(inbox, &entry);
			return false;
		}
		if (bytes - noted >= NOTE_BYTES ||
		    (i + 1) % NOTE_ENTRIES == 0) {
			note(inbox);
			noted = bytes;
		}
	}
	inbox->read_count = inbox_pace_next(inbox->read_count, count, bytes);
	return true;
}

static void
on_read(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct inbox *inbox = arg;
	const struct redisReply *entries;
	bool is_all;

	inbox->is_reading = false;
	worker_beat(inbox->relay->worker);
	if (!inbox->can_read || inbox->is_parting || fault == REDIS_FAULT_LOST)
		return;
	if (fault != REDIS_FAULT_NONE) {
		wait_ms(inbox, FAULT_MS);
		return;
	}
	/* one stream: its name, its entries */
	entries = redis_reply_at(redis_reply_at(reply, 0), 1);
	is_all = take_all(inbox, entries);
	if (redis_reply_count(entries) > 0) {
		canary_heard(&inbox->relay->canary, SLOT_PATH_INBOX);
		note(inbox);
		trim(inbox);
	}
	if (is_all)
		event_active(inbox->resume, EV_TIMEOUT, 0);
}

/* Shorter than the deadline of commands, of which it is one. */
static uint32_t
block_ms(const struct inbox *inbox)
{
	uint64_t ms;

	ms = inbox->relay->worker->settings.redis.command_timeout_ms / 4;
	if (ms > BLOCK_MAX_MS)
		ms = BLOCK_MAX_MS;
	return ms > 0 ? (uint32_t)ms : 1;
}

static void
read_on(struct inbox *inbox)
{
	char id[INBOX_ID_SIZE], block[16], count[16];
	const char *const words[] = { "XREAD", "COUNT", count, "BLOCK", block,
		"STREAMS", inbox->key, id, NULL };

	if (!inbox->can_read || !inbox->is_bound || inbox->is_reading ||
	    inbox->is_parting)
		return;
	inbox_id_format(&inbox->state.done, id);
	snprintf(count, sizeof(count), "%u", inbox->read_count);
	snprintf(block, sizeof(block), "%u", block_ms(inbox));
	if (backplane_stream_command(&inbox->relay->backplane, on_read, inbox,
		words) == 0)
		inbox->is_reading = true;
	else
		wait_ms(inbox, FAULT_MS);
}

static void
go_on(struct inbox *inbox)
{
	if (inbox->stuck != NULL)
		take_stuck(inbox);
	else
		read_on(inbox);
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct inbox *inbox = arg;

	(void)fd;
	(void)what;
	if (inbox->is_up && !inbox->is_bound)
		ask(inbox);
	else
		go_on(inbox);
}

/* ---- is it the stream that we know? */

static int
read_id(const struct redisReply *reply, struct inbox_id *out)
{
	const char *text;
	size_t len;

	text = redis_reply_text(reply, &len);
	return text == NULL ? -EPROTO : inbox_id_parse(text, len, out);
}

static int
read_stream(const struct redisReply *reply, struct inbox_stream *out)
{
	struct inbox_stream stream;

	if (redis_reply_count(reply) != 4)
		return -EPROTO;
	stream.length = (uint64_t)redis_reply_integer(redis_reply_at(reply, 0),
	    0);
	stream.added = (uint64_t)redis_reply_integer(redis_reply_at(reply, 1),
	    0);
	if (read_id(redis_reply_at(reply, 2), &stream.last) != 0 ||
	    read_id(redis_reply_at(reply, 3), &stream.first) != 0 ||
	    stream.added < stream.length)
		return -EPROTO;
	*out = stream;
	return 0;
}

static void
lost(struct inbox *inbox, uint64_t entries)
{
	counter_add(relay_counters(inbox->relay), COUNTER_INBOX_LOST, entries);
	log_warn("inbox_gap", "somebody else has trimmed the stream",
	    log_uint("entries", entries));
}

static void
skipped(struct inbox *inbox, uint64_t entries)
{
	counter_add(relay_counters(inbox->relay), COUNTER_INBOX_SKIPPED,
	    entries);
	log_warn("inbox_skipped",
	    "these were read before Redis forgot, or are lost",
	    log_uint("entries", entries));
}

static void
forgotten(struct inbox *inbox, const struct inbox_stream *stream)
{
	counter_add(relay_counters(inbox->relay), COUNTER_INBOX_RESETS, 1);
	log_warn("inbox_reset",
	    "Redis has forgotten entries that were read: messages may be lost",
	    log_uint("entries_added", stream->added));
	memset(&inbox->trimmed, 0, sizeof(inbox->trimmed));
	forget_stuck(inbox);
}

static void
check(struct inbox *inbox, const struct inbox_stream *stream)
{
	struct inbox_gap gap;

	inbox_gap_check(&inbox->state, &inbox->tally, &inbox->asked, stream,
	    &gap);
	if (gap.is_reset)
		forgotten(inbox, stream);
	if (gap.lost > 0)
		lost(inbox, gap.lost);
	if (gap.skipped > 0)
		skipped(inbox, gap.skipped);
	if (gap.is_changed)
		slot_inbox_put(stored(inbox), &inbox->state);
}

static void
begin_at(struct inbox *inbox, const struct inbox_stream *stream)
{
	inbox->is_bound = true;
	if (slot_inbox_get(stored(inbox)) != NULL) {
		inbox_gap_begin(&inbox->state, &inbox->tally, stream);
		check(inbox, stream);
		return;
	}
	/* What is in there was not meant for this life of the node. */
	inbox->state.old = stream->last;
	inbox->state.count = stream->added - stream->length;
	slot_inbox_put(stored(inbox), &inbox->state);
}

static void
on_info(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct inbox *inbox = arg;
	struct inbox_stream stream;

	inbox->is_asking = false;
	if (!inbox->is_up || fault == REDIS_FAULT_LOST)
		return;
	if (fault != REDIS_FAULT_NONE || read_stream(reply, &stream) != 0) {
		log_debug("inbox_not_checked", NULL,
		    log_text("fault", redis_fault_name(fault)));
		if (!inbox->is_bound)
			wait_ms(inbox, FAULT_MS);
		return;
	}
	if (inbox->is_bound)
		check(inbox, &stream);
	else
		begin_at(inbox, &stream);
	go_on(inbox);
}

static void
ask(struct inbox *inbox)
{
	const char *const words[] = { "EVAL", info_script, "1", inbox->key,
		NULL };

	if (inbox->is_asking)
		return;
	inbox->asked = (struct inbox_question){ inbox->state.done,
		inbox->state.count };
	inbox->is_asking = backplane_command(&inbox->relay->backplane, on_info,
			       inbox, words) == 0;
	if (!inbox->is_asking && !inbox->is_bound)
		wait_ms(inbox, FAULT_MS);
}

/* ---- what others call */

void
inbox_link(struct inbox *inbox, bool is_up)
{
	if (inbox->resume == NULL)
		return;
	inbox->is_up = is_up;
	inbox->is_bound = false;
	inbox->is_asking = false;
	if (is_up)
		ask(inbox);
}

void
inbox_streams_link(struct inbox *inbox, bool is_up)
{
	if (inbox->resume == NULL)
		return;
	inbox->can_read = is_up;
	inbox->is_reading = false;
	inbox->read_count = 1;
	go_on(inbox);
}

void
inbox_part(struct inbox *inbox)
{
	inbox->is_parting = true;
}

void
inbox_resume(struct inbox *inbox)
{
	inbox->is_parting = false;
	go_on(inbox);
}

void
inbox_tick(struct inbox *inbox)
{
	if (inbox->is_up && inbox->is_bound && !inbox->is_parting)
		ask(inbox);
}

/* A broadcast goes on with the first slot that does not have it. */
static void
settle_broadcast(struct inbox *inbox, const struct shard *shard)
{
	struct inbox_state *state = &inbox->state;

	if (state->ring_seq != UINT64_MAX &&
	    (shard == NULL || ring_head_seq(&shard->down) >= state->ring_seq)) {
		if (shard == NULL)
			counter_add(relay_counters(inbox->relay),
			    COUNTER_INBOX_UNKNOWN, 1);
		state->slot++;
	}
	state->ring_seq = UINT64_MAX;
	slot_inbox_put(stored(inbox), state);
}

/* Did the last tenant carry out what it was about to do? */
static void
settle(struct inbox *inbox)
{
	struct inbox_state *state = &inbox->state;
	const struct shard *shard = NULL;

	if (inbox_id_compare(&state->intent, &state->done) <= 0)
		return;
	if (state->slot < SLOT_MAX_WORKERS)
		shard = &inbox->relay->shards.items[state->slot];
	if (shard != NULL &&
	    (!shard->attached || shard->table.header->nonce != state->nonce))
		shard = NULL;
	if (state->rec == RECORD_NONE) {
		settle_broadcast(inbox, shard);
		return;
	}
	if (shard == NULL) {
		/* That memory is gone, and its clients with it. */
		counter_add(relay_counters(inbox->relay), COUNTER_INBOX_UNKNOWN,
		    1);
	} else if (ring_head_seq(&shard->down) < state->ring_seq) {
		/* It was not; others will put their entries in its place, and
		 * whom it is for is looked up anew. */
		state->intent = state->done;
		slot_inbox_put(stored(inbox), state);
		return;
	}
	state->done = state->intent;
	state->count++;
	slot_inbox_put(stored(inbox), state);
}

int
inbox_start(struct inbox *inbox, struct relay *relay)
{
	const struct settings *settings = &relay->worker->settings;
	const struct inbox_state *state;

	memset(inbox, 0, sizeof(*inbox));
	inbox->relay = relay;
	inbox->read_count = 1;
	if (settings->redis.url[0] == '\0')
		return 0;
	redis_names_inbox(&settings->redis, settings->node.id, inbox->key);
	state = slot_inbox_get(stored(inbox));
	if (state != NULL) {
		inbox->state = *state;
		settle(inbox);
	}
	inbox->resume = evtimer_new(relay->worker->base, on_resume, inbox);
	return inbox->resume == NULL ? -ENOMEM : 0;
}
