/* SPDX-License-Identifier: ISC */
/*
 * Finds whom a message is for, puts it in that slot's ring and hands the rest
 * to delivery_items.c, which waits for the receipt.
 */
#include "worker/relay/delivery.h"

#include <errno.h>
#include <string.h>

#include "worker/relay/delivery_items.h"
#include "worker/relay/relay.h"

#define ROOM_BYTES 4096u /* for what else there is to say */

static enum delivery_status
put_failed(int rc)
{
	if (rc == -EMSGSIZE)
		return DELIVERY_TOO_BIG;
	return rc == -ENOTCONN ? DELIVERY_NOT_CONNECTED : DELIVERY_BUSY;
}

enum delivery_status
delivery_find(const struct delivery *delivery, const char *id, size_t len,
    struct shard_target *out)
{
	struct record_view view;
	int rc;

	rc = shards_find(&delivery->relay->shards, id, len, &out->slot, &view);
	if (rc == -EAGAIN)
		return DELIVERY_BUSY;
	if (rc != 0)
		return DELIVERY_NOT_CONNECTED;
	out->rec = view.index;
	out->gen = view.body.gen;
	return DELIVERY_PENDING;
}

int
delivery_put_text(struct delivery *delivery, uint16_t kind,
    const struct shard_target *target, uint64_t token, const void *text,
    size_t len)
{
	struct ring_deliver head;
	struct ring_part part[2];

	memset(&head, 0, sizeof(head));
	head.token = token;
	head.rec = target->rec;
	head.gen = target->gen;
	head.opcode = 1;
	part[0] = (struct ring_part){ &head, sizeof(head) };
	part[1] = (struct ring_part){ text, len };
	return shards_put(&delivery->relay->shards, target->slot, kind, part,
	    2);
}

/* What goes to one client: a kick if there is a reason, else a text. */
struct load {
	const void *text;
	size_t len;
	bool is_kept; /* until on_done is called */
	uint16_t code;
	const char *reason;
};

static enum delivery_status
put(struct delivery *delivery, const struct shard_target *target,
    const char *id, size_t id_len, const struct load *load,
    const struct delivery_order *order)
{
	struct delivery_item *item;
	int rc;

	item = delivery_item_take(delivery, target, order);
	if (item == NULL)
		return DELIVERY_BUSY;
	item->is_message = load->reason == NULL;
	item->id_len = (uint8_t)id_len;
	memcpy(item->id, id, id_len);
	if (load->is_kept) {
		item->text = load->text;
		item->len = load->len;
	}
	crash_mark();
	if (load->reason == NULL)
		rc = delivery_put_text(delivery, RING_DELIVER, target,
		    item->token, load->text, load->len);
	else
		rc = shards_put_kick(&delivery->relay->shards, target,
		    item->token, load->code, load->reason);
	if (rc != 0) {
		delivery_item_free(delivery, item);
		return put_failed(rc);
	}
	crash_mark();
	delivery_item_expect(delivery, item,
	    delivery->relay->worker->settings.api.request_timeout_ms);
	return DELIVERY_PENDING;
}

static enum delivery_status
send_to(struct delivery *delivery, const struct shard_target *target,
    const char *client_id, size_t id_len, const struct load *load,
    const struct delivery_order *order)
{
	enum delivery_status status;

	status = put(delivery, target, client_id, id_len, load, order);
	if (status != DELIVERY_PENDING)
		delivery_count(delivery, status);
	return status;
}

enum delivery_status
delivery_send_to(struct delivery *delivery, const struct shard_target *target,
    const char *client_id, size_t id_len, const void *text, size_t len,
    const struct delivery_order *order)
{
	const struct load load = { text, len, false, 0, NULL };

	return send_to(delivery, target, client_id, id_len, &load, order);
}

enum delivery_status
delivery_send_kept_to(struct delivery *delivery,
    const struct shard_target *target, const char *client_id, size_t id_len,
    const void *text, size_t len, const struct delivery_order *order)
{
	const struct load load = { text, len, true, 0, NULL };

	return send_to(delivery, target, client_id, id_len, &load, order);
}

enum delivery_status
delivery_send(struct delivery *delivery, const char *client_id, size_t id_len,
    const void *text, size_t len, const struct delivery_order *order)
{
	struct shard_target target;
	enum delivery_status status;

	status = delivery_find(delivery, client_id, id_len, &target);
	if (status == DELIVERY_PENDING)
		return delivery_send_to(delivery, &target, client_id, id_len,
		    text, len, order);
	delivery_count(delivery, status);
	return status;
}

enum delivery_status
delivery_kick_to(struct delivery *delivery, const struct shard_target *target,
    const char *client_id, size_t id_len, uint16_t code, const char *reason,
    const struct delivery_order *order)
{
	const struct load load = { NULL, 0, false, code, reason };

	return put(delivery, target, client_id, id_len, &load, order);
}

enum delivery_status
delivery_kick(struct delivery *delivery, const char *client_id, size_t id_len,
    uint16_t code, const char *reason, const struct delivery_order *order)
{
	struct shard_target target;
	enum delivery_status status;

	status = delivery_find(delivery, client_id, id_len, &target);
	if (status == DELIVERY_PENDING)
		status = delivery_kick_to(delivery, &target, client_id, id_len,
		    code, reason, order);
	return status;
}

/* Room in every ring and in the table?  Rings are filled by us alone. */
static enum delivery_status
broadcast_fits(const struct delivery *delivery, size_t len)
{
	const struct shards *shards = &delivery->relay->shards;
	size_t need = len + sizeof(struct ring_deliver) + 64;
	uint32_t slot, slots = 0;

	for (slot = 0; slot < shards->end; slot++) {
		if (!shards->items[slot].attached)
			continue;
		slots++;
		if (need > shards->items[slot].down.size / 4)
			return DELIVERY_TOO_BIG;
		if (ring_free(&shards->items[slot].down) < need)
			return DELIVERY_BUSY;
	}
	if (slots == 0)
		return DELIVERY_NOT_CONNECTED;
	if (delivery->pending + slots > DELIVERY_MAX_PENDING)
		return DELIVERY_BUSY;
	return DELIVERY_PENDING;
}

bool
delivery_has_room(const struct delivery *delivery, uint32_t slot, size_t bytes)
{
	const struct ring *ring = &delivery->relay->shards.items[slot].down;
	size_t need = 2 * bytes + ROOM_BYTES;

	if (delivery->pending > DELIVERY_MAX_PENDING / 2)
		return false;
	/* A message that never fits is told so. */
	return need >= ring->size / 2 || ring_free(ring) >= need;
}

/* One slot's part of a broadcast; with an order a receipt is waited for. */
static enum delivery_status
broadcast_to(struct delivery *delivery, const struct shard_target *target,
    const void *text, size_t len, const struct delivery_order *order)
{
	struct delivery_item *item = NULL;
	int rc;

	if (order != NULL) {
		item = delivery_item_take(delivery, target, order);
		if (item == NULL)
			return DELIVERY_BUSY;
	}
	rc = delivery_put_text(delivery, RING_BROADCAST, target,
	    item != NULL ? item->token : 0, text, len);
	if (item != NULL && rc == 0)
		delivery_item_expect(delivery, item, order->wait_ms);
	else if (item != NULL)
		delivery_item_free(delivery, item);
	return rc == 0 ? DELIVERY_PENDING : put_failed(rc);
}

enum delivery_status
delivery_broadcast_to(struct delivery *delivery, uint32_t slot,
    const void *text, size_t len, const struct delivery_order *order)
{
	const struct shard_target target = { slot, RECORD_NONE, 0 };

	return broadcast_to(delivery, &target, text, len, order);
}

enum delivery_status
delivery_broadcast(struct delivery *delivery, const void *text, size_t len,
    const struct delivery_order *order, uint32_t *out_slots)
{
	const struct shards *shards = &delivery->relay->shards;
	struct shard_target target = { 0, RECORD_NONE, 0 };
	enum delivery_status status;
	uint32_t slots = 0;

	status = broadcast_fits(delivery, len);
	if (status != DELIVERY_PENDING)
		return status;
	for (; target.slot < shards->end; target.slot++) {
		crash_mark();
		if (shards->items[target.slot].attached &&
		    broadcast_to(delivery, &target, text, len, order) ==
			DELIVERY_PENDING)
			slots++;
	}
	if (slots == 0)
		return DELIVERY_BUSY;
	*out_slots = slots;
	return DELIVERY_PENDING;
}
