/* SPDX-License-Identifier: ISC */
/*
 * The table of what is under way.  An item is found by the low bits of its
 * token and recognised by the whole of it, so receipts that come twice, late or
 * for a relay that has died meet a free or another item and are ignored.
 */
#include "worker/relay/delivery_items.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/random.h"
#include "worker/relay/relay.h"

#define FIRES_AT_ONCE 4096
#define POLL_MS	      5u
#define POLL_AT_ONCE  1000u /* more of them are looked at less often */
#define MAX_MOVES     4

static void on_deadline(uint32_t, void *);

static const struct timeval tick_time = { 0, TIMER_WHEEL_TICK_MS * 1000 };

static const enum counter counters_by_status[DELIVERY_STATUS_MAX] = {
	[DELIVERY_DELIVERED] = COUNTER_DISPATCH_DELIVERED,
	[DELIVERY_QUEUED] = COUNTER_DISPATCH_QUEUED,
	[DELIVERY_NOT_CONNECTED] = COUNTER_DISPATCH_NOT_CONNECTED,
	[DELIVERY_UNKNOWN] = COUNTER_DISPATCH_UNKNOWN,
	[DELIVERY_BUSY] = COUNTER_DISPATCH_BUSY,
	[DELIVERY_TOO_BIG] = COUNTER_DISPATCH_BUSY,
};

void
delivery_count(struct delivery *delivery, enum delivery_status status)
{
	counter_add(relay_counters(delivery->relay), counters_by_status[status],
	    1);
}

struct delivery_item *
delivery_item_take(struct delivery *delivery, const struct shard_target *target,
    const struct delivery_order *order)
{
	struct delivery_item *item;
	uint32_t index = delivery->first_free;

	if (index != DELIVERY_NONE) {
		delivery->first_free = delivery->items[index].next_free;
	} else {
		if (delivery->used == DELIVERY_MAX_PENDING)
			return NULL;
		index = delivery->used++;
	}
	item = &delivery->items[index];
	memset(item, 0, sizeof(*item));
	timer_wheel_reset(&delivery->wheel, index);
	delivery->next_token += DELIVERY_MAX_PENDING;
	item->token = delivery->next_token | index;
	item->target = *target;
	item->order = *order;
	item->started_us = clock_mono_us();
	if (delivery->pending++ == 0) {
		/* the wheel stood still while nothing was under way */
		timer_wheel_advance(&delivery->wheel, (uint32_t)clock_mono_ms(),
		    on_deadline, delivery, 1);
		evtimer_add(delivery->tick, &tick_time);
	}
	return item;
}

static uint32_t
item_index(const struct delivery *delivery, const struct delivery_item *item)
{
	return (uint32_t)(item - delivery->items);
}

void
delivery_item_expect(struct delivery *delivery, struct delivery_item *item,
    uint64_t ms)
{
	timer_wheel_set(&delivery->wheel, item_index(delivery, item),
	    (uint32_t)(clock_mono_ms() + ms));
}

static void
item_unpoll(struct delivery *delivery, struct delivery_item *item)
{
	if (!item->polled)
		return;
	item->polled = false;
	if (item->prev_polled == DELIVERY_NONE)
		delivery->first_polled = item->next_polled;
	else
		delivery->items[item->prev_polled].next_polled =
		    item->next_polled;
	if (item->next_polled != DELIVERY_NONE)
		delivery->items[item->next_polled].prev_polled =
		    item->prev_polled;
	if (--delivery->polled == 0)
		event_del(delivery->poll);
}

/* Its callback looks at all of them: the more there are, the later. */
static void
poll_later(struct delivery *delivery)
{
	uint32_t ms = POLL_MS * (1 + delivery->polled / POLL_AT_ONCE);
	const struct timeval delay = { ms / 1000, (ms % 1000) * 1000 };

	(void)evtimer_add(delivery->poll, &delay);
}

static void
item_poll(struct delivery *delivery, struct delivery_item *item)
{
	uint32_t index = item_index(delivery, item);

	if (delivery->polled++ == 0)
		poll_later(delivery);
	else
		delivery->items[delivery->first_polled].prev_polled = index;
	item->polled = true;
	item->prev_polled = DELIVERY_NONE;
	item->next_polled = delivery->first_polled;
	delivery->first_polled = index;
}

void
delivery_item_free(struct delivery *delivery, struct delivery_item *item)
{
	uint32_t index = item_index(delivery, item);

	item_unpoll(delivery, item);
	timer_wheel_cancel(&delivery->wheel, index);
	item->token = 0;
	item->next_free = delivery->first_free;
	delivery->first_free = index;
	if (--delivery->pending == 0)
		event_del(delivery->tick);
}

static void
finish(struct delivery *delivery, struct delivery_item *item,
    enum delivery_status status, uint64_t position)
{
	struct delivery_order order = item->order;

	if (item->is_message)
		delivery_count(delivery, status);
	delivery_item_free(delivery, item);
	crash_mark();
	order.on_done(order.owner, order.item, status, position);
}

static void
queued(struct delivery *delivery, struct delivery_item *item, uint64_t position)
{
	uint64_t spent_ms = (clock_mono_us() - item->started_us) / 1000;

	if (item->order.wait_ms <= spent_ms) {
		finish(delivery, item, DELIVERY_QUEUED, position);
		return;
	}
	item->position = position;
	delivery_item_expect(delivery, item, item->order.wait_ms - spent_ms);
	item_poll(delivery, item);
}

/* Its connection is gone; has the client another one by now?  Then it was
 * connected all the time, and only this message came between. */
static enum delivery_status
gone_or_moved(struct delivery *delivery, const struct delivery_item *item,
    struct shard_target *out)
{
	enum delivery_status status = DELIVERY_NOT_CONNECTED;

	if (item->id_len > 0)
		status = delivery_find(delivery, item->id, item->id_len, out);
	return status;
}

/* Under another token: the receipt of before may come once more. */
static int
put_again(struct delivery *delivery, struct delivery_item *item,
    const struct shard_target *target)
{
	uint64_t token;
	int rc;

	delivery->next_token += DELIVERY_MAX_PENDING;
	token = delivery->next_token | item_index(delivery, item);
	rc = delivery_put_text(delivery, RING_DELIVER, target, token,
	    item->text, item->len);
	if (rc != 0)
		return rc;
	crash_mark();
	item->token = token;
	item->target = *target;
	item->is_moving = false;
	item->moves++;
	item_unpoll(delivery, item);
	delivery_item_expect(delivery, item,
	    delivery->relay->worker->settings.api.request_timeout_ms);
	counter_add(relay_counters(delivery->relay), COUNTER_DISPATCHES_MOVED,
	    1);
	return 0;
}

static bool
is_same(const struct shard_target *a, const struct shard_target *b)
{
	return a->slot == b->slot && a->rec == b->rec && a->gen == b->gen;
}

/* What cannot be now, because its table is busy, the ring full or the
 * connection not out of the table yet, is tried until the deadline. */
static void
move(struct delivery *delivery, struct delivery_item *item)
{
	struct shard_target target;
	enum delivery_status status;

	status = gone_or_moved(delivery, item, &target);
	if (status == DELIVERY_NOT_CONNECTED) {
		finish(delivery, item, status, 0);
		return;
	}
	if (status == DELIVERY_PENDING && !is_same(&target, &item->target) &&
	    put_again(delivery, item, &target) == 0)
		return;
	item->is_moving = true;
	if (!item->polled)
		item_poll(delivery, item);
}

static void
gone(struct delivery *delivery, struct delivery_item *item)
{
	struct shard_target target;
	enum delivery_status status;

	if (item->text != NULL && item->moves < MAX_MOVES) {
		move(delivery, item);
		return;
	}
	status = gone_or_moved(delivery, item, &target);
	finish(delivery, item,
	    status == DELIVERY_PENDING ? DELIVERY_BUSY : status, 0);
}

void
delivery_receipt(struct delivery *delivery, uint32_t slot,
    const struct ring_receipt *receipt)
{
	uint32_t index = receipt->token & (DELIVERY_MAX_PENDING - 1);
	struct delivery_item *item = &delivery->items[index];

	if (index >= delivery->used || receipt->token == 0 ||
	    item->token != receipt->token || item->target.slot != slot ||
	    item->polled)
		return;
	if (item->is_message)
		histogram_record(&relay_counters(delivery->relay)
				      ->histogram[HISTOGRAM_DISPATCH_US],
		    clock_mono_us() - item->started_us);
	switch (receipt->status) {
	case RECEIPT_DELIVERED:
		finish(delivery, item, DELIVERY_DELIVERED, receipt->position);
		break;
	case RECEIPT_QUEUED:
		queued(delivery, item, receipt->position);
		break;
	case RECEIPT_DROPPED:
		finish(delivery, item, DELIVERY_BUSY, 0);
		break;
	case RECEIPT_NOT_CONNECTED:
		gone(delivery, item);
		break;
	default:
		finish(delivery, item, DELIVERY_UNKNOWN, 0);
		break;
	}
}

/* ---- on another node ---------------------------------------------------- */

static struct delivery_item *
expected(const struct delivery *delivery, uint64_t token)
{
	uint32_t index = token & (DELIVERY_MAX_PENDING - 1);
	struct delivery_item *item = &delivery->items[index];

	return index < delivery->used && token != 0 && item->token == token &&
		item->target.slot == SLOT_MAX_WORKERS ?
	    item :
	    NULL;
}

uint64_t
delivery_expect(struct delivery *delivery, const struct delivery_order *order,
    bool is_message)
{
	/* no gateway's receipt is taken for it */
	const struct shard_target elsewhere = { SLOT_MAX_WORKERS, RECORD_NONE,
		0 };
	struct delivery_item *item;

	item = delivery_item_take(delivery, &elsewhere, order);
	if (item == NULL)
		return 0;
	item->is_message = is_message;
	delivery_item_expect(delivery, item,
	    delivery->relay->worker->settings.api.request_timeout_ms +
		order->wait_ms);
	return item->token;
}

bool
delivery_is_expected(const struct delivery *delivery, uint64_t token)
{
	return expected(delivery, token) != NULL;
}

void
delivery_resolve(struct delivery *delivery, uint64_t token,
    enum delivery_status status, uint64_t position)
{
	struct delivery_item *item = expected(delivery, token);

	if (item != NULL)
		finish(delivery, item, status, position);
}

void
delivery_forget(struct delivery *delivery, uint64_t token)
{
	struct delivery_item *item = expected(delivery, token);

	if (item != NULL)
		delivery_item_free(delivery, item);
}

void
delivery_slot_gone(struct delivery *delivery, uint32_t slot)
{
	struct delivery_item *item;
	uint32_t i;

	for (i = 0; i < delivery->used; i++) {
		item = &delivery->items[i];
		if (item->token != 0 && item->target.slot == slot &&
		    !item->is_moving)
			finish(delivery, item, DELIVERY_UNKNOWN, 0);
	}
}

void
delivery_end(struct delivery *delivery)
{
	uint32_t i;

	for (i = 0; i < delivery->used; i++)
		if (delivery->items[i].token != 0)
			on_deadline(i, delivery);
}

void
delivery_end_queued(struct delivery *delivery)
{
	uint32_t index, next;

	for (index = delivery->first_polled; index != DELIVERY_NONE;
	     index = next) {
		next = delivery->items[index].next_polled;
		if (!delivery->items[index].is_moving)
			on_deadline(index, delivery);
	}
}

/* Has the kernel got it?  A connection that ended before can have taken it or
 * not: nobody can tell. */
static void
poll_item(struct delivery *delivery, struct delivery_item *item)
{
	const struct shard *shard;
	struct record_view view;

	if (item->is_moving) {
		move(delivery, item);
		return;
	}
	shard = &delivery->relay->shards.items[item->target.slot];
	if (!shard->attached ||
	    table_read(&shard->table, item->target.rec, &view) != 0)
		return; /* busy: next time, or the deadline */
	if (view.body.gen != item->target.gen || view.body.state == RECORD_FREE)
		finish(delivery, item, DELIVERY_UNKNOWN, 0);
	else if (view.body.given >= item->position)
		finish(delivery, item, DELIVERY_DELIVERED, item->position);
}

static void
on_poll(evutil_socket_t fd, short what, void *arg)
{
	struct delivery *delivery = arg;
	uint32_t index, next;

	(void)fd;
	(void)what;
	worker_beat(delivery->relay->worker);
	for (index = delivery->first_polled; index != DELIVERY_NONE;
	     index = next) {
		/* the callback frees no item but this one */
		next = delivery->items[index].next_polled;
		poll_item(delivery, &delivery->items[index]);
	}
	shards_wake(&delivery->relay->shards);
	if (delivery->polled > 0)
		poll_later(delivery);
}

static void
on_deadline(uint32_t index, void *arg)
{
	struct delivery *delivery = arg;
	struct delivery_item *item = &delivery->items[index];

	if (item->is_moving)
		finish(delivery, item, DELIVERY_BUSY, 0);
	else
		finish(delivery, item,
		    item->polled ? DELIVERY_QUEUED : DELIVERY_UNKNOWN, 0);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct delivery *delivery = arg;

	(void)fd;
	(void)what;
	worker_beat(delivery->relay->worker);
	timer_wheel_advance(&delivery->wheel, (uint32_t)clock_mono_ms(),
	    on_deadline, delivery, FIRES_AT_ONCE);
}

int
delivery_start(struct delivery *delivery, struct relay *relay)
{
	struct event_base *base = relay->worker->base;

	memset(delivery, 0, sizeof(*delivery));
	delivery->relay = relay;
	delivery->first_free = DELIVERY_NONE;
	delivery->first_polled = DELIVERY_NONE;
	/* receipts for the relay before this one must not be taken for ours */
	delivery->next_token = random_u64();
	delivery->next_token &= ~(uint64_t)(DELIVERY_MAX_PENDING - 1);
	/* untouched items take no memory */
	delivery->items = calloc(DELIVERY_MAX_PENDING,
	    sizeof(*delivery->items));
	delivery->tick = event_new(base, -1, EV_PERSIST, on_tick, delivery);
	delivery->poll = evtimer_new(base, on_poll, delivery);
	if (delivery->items == NULL || delivery->tick == NULL ||
	    delivery->poll == NULL)
		return -ENOMEM;
	timer_wheel_init(&delivery->wheel, delivery->items,
	    sizeof(*delivery->items), offsetof(struct delivery_item, timer),
	    TIMER_WHEEL_TICK_MS, (uint32_t)clock_mono_ms());
	return 0;
}

void
delivery_stop(struct delivery *delivery)
{
	if (delivery->tick != NULL)
		event_free(delivery->tick);
	if (delivery->poll != NULL)
		event_free(delivery->poll);
	free(delivery->items);
	memset(delivery, 0, sizeof(*delivery));
}
