/* SPDX-License-Identifier: ISC */
/*
 * Reads pushed messages (see pushes.h).  Whoever can publish may have written
 * them.
 */
#include "worker/relay/pushes.h"

#include <errno.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "worker/relay/api_json.h"
#include "worker/relay/delivery_items.h"
#include "worker/relay/dispatch_body.h"
#include "worker/relay/forward.h"
#include "worker/relay/relay.h"

#define QUEUE_BYTES (64u * 1024 * 1024)
#define AGAIN_MS    2u
#define AT_ONCE	    256 /* messages of the queue in one turn */

/* Documents of ours begin with it. */
static const char word_begin[] = "{\"holdfast\":";

typedef void word_handler(struct relay *, const json_t *);

static word_handler on_replaced, on_receipt, on_canary, on_mark;

#define MAX_FIELDS 5u

static const struct word {
	const char *name;
	word_handler *handler;
	struct api_field fields[MAX_FIELDS];
	size_t field_count;
} words[] = {
	{ "replaced", on_replaced,
	    { { "holdfast", API_TEXT, true, 32 },
		{ "client_id", API_CLIENT_ID, true, 0 },
		{ "gateway_node_id", API_TEXT, true, ROUTE_NODE_MAX },
		{ "established_at", API_WHOLE, true, UINT64_C(1) << 53 } },
	    4 },
	{ "receipt", on_receipt,
	    { { "holdfast", API_TEXT, true, 32 },
		{ "token", API_TEXT, true, 20 },
		{ "status", API_TEXT, true, 32 },
		{ "connections", API_WHOLE, false, UINT32_MAX },
		{ "row", API_ANY, false, 0 } },
	    5 },
	{ "canary", on_canary,
	    { { "holdfast", API_TEXT, true, 32 },
		{ "token", API_TEXT, true, CANARY_TOKEN_MAX } },
	    2 },
	{ "mark", on_mark,
	    { { "holdfast", API_TEXT, true, 32 },
		{ "token", API_TEXT, true, 20 },
		{ "number", API_WHOLE, true, UINT32_MAX } },
	    3 },
};

static const char *
text_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static void
bad(struct relay *relay, const struct api_fault *fault)
{
	counter_add(relay_counters(relay), COUNTER_PUSHES_BAD, 1);
	log_debug("push_refused", fault->text);
}

static void
on_replaced(struct relay *relay, const json_t *word)
{
	const char *client = text_of(word, "client_id");

	routes_replaced(&relay->routes, client, strlen(client),
	    text_of(word, "gateway_node_id"),
	    (uint64_t)json_number_value(
		json_object_get(word, "established_at")));
}

static void
on_receipt(struct relay *relay, const json_t *word)
{
	relay->receipt_row = text_of(word, "row");
	forward_receipt(relay, text_of(word, "token"), text_of(word, "status"),
	    (uint64_t)json_number_value(json_object_get(word, "connections")));
	relay->receipt_row = NULL;
}

static void
on_canary(struct relay *relay, const json_t *word)
{
	canary_returned(&relay->canary, SLOT_PATH_CHANNEL,
	    text_of(word, "token"));
}

static void
on_mark(struct relay *relay, const json_t *word)
{
	changeover_mark(&relay->changeover, text_of(word, "token"),
	    (uint32_t)json_number_value(json_object_get(word, "number")));
}

/* Beside another relay there is nobody yet who could act on the others. */
static bool
is_for_us(const struct relay *relay, const struct word *word)
{
	return !changeover_is_beside(&relay->changeover) ||
	    word->handler == on_mark;
}

static void
take_word(struct relay *relay, const char *bytes, size_t len)
{
	struct api_fault fault;
	const char *name;
	json_t *json;
	size_t i;

	if (api_json_parse(bytes, len, &json, &fault) != 0) {
		bad(relay, &fault);
		return;
	}
	/* One that is not known is of a later version. */
	name = text_of(json, "holdfast");
	for (i = 0; name != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].name, name) != 0 ||
		    !is_for_us(relay, &words[i]))
			continue;
		if (api_json_check(json, words[i].fields, words[i].field_count,
			-1, &fault) == 0)
			words[i].handler(relay, json);
		else
			bad(relay, &fault);
	}
	json_decref(json);
}

/* ---- messages */

static void
deliver(struct pushes *pushes, const char *bytes, size_t len)
{
	struct dispatch_body body;
	struct api_fault fault;
	int rc;

	rc = dispatch_body_parse(bytes, len, &body, &fault);
	if (rc == -ENOMEM)
		delivery_count(&pushes->relay->delivery, DELIVERY_BUSY);
	else if (rc != 0)
		bad(pushes->relay, &fault);
	if (rc != 0)
		return;
	for (size_t i = 0; i < body.count; i++)
		push_wait_deliver(&pushes->wait, &body.docs[i]);
	dispatch_body_clear(&body);
	backplane_wake_later(&pushes->relay->backplane);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval soon = { 0, AGAIN_MS * 1000 };
	struct pushes *pushes = arg;
	struct push_queue *queue = &pushes->queue;
	bool has_more;

	(void)fd;
	(void)what;
	worker_beat(pushes->relay->worker);
	has_more = push_wait_go_on(&pushes->wait, clock_mono_ms());
	for (int i = 0; i < AT_ONCE && !push_queue_is_empty(queue); i++) {
		if (queue->first->mark == 0)
			deliver(pushes, queue->first->bytes, queue->first->len);
		push_queue_drop(queue);
	}
	backplane_wake_later(&pushes->relay->backplane);
	if (has_more || !push_queue_is_empty(queue))
		event_active(pushes->again, EV_TIMEOUT, 0);
	else if (!push_wait_is_empty(&pushes->wait))
		(void)evtimer_add(pushes->again, &soon);
}

/* Beside a relay that takes long to leave what came first is in vain: that one
 * has delivered it, most likely. */
static void
put_by(struct relay *relay, struct push_queue *queue, const char *bytes,
    size_t len)
{
	struct changeover *over = &relay->changeover;
	size_t dropped = 1;
	int rc;

	while ((rc = push_queue_add(queue, bytes, len)) == -ENOBUFS &&
	    changeover_is_beside(over) && dropped > 0) {
		dropped = push_queue_cut(queue);
		over->cut += dropped;
	}
	if (rc != 0)
		over->missed++;
}

static void
take_message(struct relay *relay, const char *bytes, size_t len)
{
	struct pushes *pushes = &relay->pushes;
	struct push_queue *later = NULL;
	bool was_idle;

	switch (changeover_fate(&relay->changeover)) {
	case CHANGEOVER_SKIP:
		return;
	case CHANGEOVER_QUEUE:
		later = &pushes->queue;
		break;
	case CHANGEOVER_HOLD:
		later = &pushes->held;
		break;
	case CHANGEOVER_TAKE:
		break;
	}
	if (later != NULL) {
		put_by(relay, later, bytes, len);
		return;
	}
	counter_add(relay_counters(relay), COUNTER_PUSHES, 1);
	/* Behind what the changeover has left. */
	if (!push_queue_is_empty(&pushes->queue)) {
		if (push_queue_add(&pushes->queue, bytes, len) != 0)
			delivery_count(&relay->delivery, DELIVERY_BUSY);
		return;
	}
	was_idle = pushes_are_idle(pushes);
	deliver(pushes, bytes, len);
	if (was_idle && !pushes_are_idle(pushes))
		pushes_go_on(pushes);
}

/* ---- what others call */

/* They are ours now. */
static void
count_all(const struct pushes *pushes, const struct push_queue *queue)
{
	const struct push_item *item;

	for (item = queue->first; item != NULL; item = item->next)
		if (item->mark == 0)
			counter_add(relay_counters(pushes->relay),
			    COUNTER_PUSHES, 1);
}

void
pushes_begin_at(struct pushes *pushes, uint32_t mark)
{
	push_queue_begin_at(&pushes->queue, mark);
	count_all(pushes, &pushes->queue);
}

void
pushes_play_held(struct pushes *pushes)
{
	count_all(pushes, &pushes->held);
	push_queue_move(&pushes->queue, &pushes->held);
	pushes_go_on(pushes);
}

void
pushes_go_on(struct pushes *pushes)
{
	event_active(pushes->again, EV_TIMEOUT, 0);
}

void
pushes_drop(struct pushes *pushes)
{
	push_queue_clear(&pushes->queue);
}

int
pushes_start(struct pushes *pushes, struct relay *relay)
{
	if (pushes->again != NULL)
		return 0;
	pushes->relay = relay;
	push_queue_init(&pushes->queue, QUEUE_BYTES);
	push_queue_init(&pushes->held, QUEUE_BYTES);
	push_wait_init(&pushes->wait, relay, QUEUE_BYTES);
	pushes->again = evtimer_new(relay->worker->base, on_again, pushes);
	return pushes->again == NULL ? -ENOMEM : 0;
}

void
pushes_take(struct relay *relay, const char *bytes, size_t len)
{
	worker_beat(relay->worker);
	canary_heard(&relay->canary, SLOT_PATH_CHANNEL);
	if (len >= strlen(word_begin) &&
	    memcmp(bytes, word_begin, strlen(word_begin)) == 0)
		take_word(relay, bytes, len);
	else
		take_message(relay, bytes, len);
}
