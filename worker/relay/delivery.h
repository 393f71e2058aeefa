/* SPDX-License-Identifier: ISC */
/*
 * Messages, kicks and broadcasts on their way to gateways, and what became of
 * them.  Each is put in the ring of its slot with a token; the gateway answers
 * with a receipt under that token.  A message that waits in the gateway behind
 * others (queued) can be followed until the kernel has it.  Everything has a
 * deadline, and their number is bounded.
 */
#ifndef HOLDFAST_RELAY_DELIVERY_H
#define HOLDFAST_RELAY_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "lib/timer_wheel.h"
#include "proto/ring_messages.h"
#include "worker/relay/delivery_status.h"
#include "worker/relay/shards.h"

#define DELIVERY_MAX_PENDING 65536u /* a power of two */
#define DELIVERY_NONE	     DELIVERY_MAX_PENDING

struct delivery_item;
struct relay;

/* position: of a broadcast, the connections it was sent to. */
typedef void delivery_cb(void *owner, uint32_t item, enum delivery_status,
    uint64_t position);

/* Whom to tell, and how long to follow a queued message. */
struct delivery_order {
	delivery_cb *on_done;
	void *owner; /* borrowed: lives until on_done was called */
	uint32_t item;
	uint32_t wait_ms;
};

struct delivery {
	struct relay *relay;	     /* borrowed */
	struct delivery_item *items; /* owned */
	struct timer_wheel wheel;
	struct event *tick; /* owned; runs while something is pending */
	struct event *poll; /* owned; runs while something is polled */
	uint64_t next_token;
	uint32_t used;	       /* items below were in use once */
	uint32_t first_free;   /* of them, or DELIVERY_NONE */
	uint32_t first_polled; /* queued or moving */
	uint32_t polled;       /* so many */
	uint32_t pending;
};

int delivery_start(struct delivery *, struct relay *);
void delivery_stop(struct delivery *); /* calls nobody back */

/*
 * Each returns DELIVERY_PENDING, or at once what on_done would have been told.
 * on_done is never called before they return.  The bytes are copied.
 */
enum delivery_status delivery_send(struct delivery *, const char *client_id,
    size_t id_len, const void *text, size_t len, const struct delivery_order *);
/* The same in steps: whom it goes to, sending, counting what was not sent. */
enum delivery_status delivery_find(const struct delivery *,
    const char *client_id, size_t id_len, struct shard_target *out);
enum delivery_status delivery_send_to(struct delivery *,
    const struct shard_target *, const char *client_id, size_t id_len,
    const void *text, size_t len, const struct delivery_order *);
/* The text must live until on_done was called: if that connection has ended
 * without it, it goes to the client's next one, perhaps behind later ones. */
enum delivery_status delivery_send_kept_to(struct delivery *,
    const struct shard_target *, const char *client_id, size_t id_len,
    const void *text, size_t len, const struct delivery_order *);
void delivery_count(struct delivery *, enum delivery_status);
bool delivery_has_room(const struct delivery *, uint32_t slot, size_t bytes);
enum delivery_status delivery_kick(struct delivery *, const char *client_id,
    size_t id_len, uint16_t code, const char *reason,
    const struct delivery_order *);
enum delivery_status delivery_kick_to(struct delivery *,
    const struct shard_target *, const char *client_id, size_t id_len,
    uint16_t code, const char *reason, const struct delivery_order *);

/* To every connection of all slots, or, with DELIVERY_BUSY, to none.  With an
 * order on_done comes once for each of *out_slots slots, wait_ms at the latest;
 * without one (NULL) nobody waits for receipts. */
enum delivery_status delivery_broadcast(struct delivery *, const void *text,
    size_t len, const struct delivery_order *, uint32_t *out_slots);
/* A single slot's part of it. */
enum delivery_status delivery_broadcast_to(struct delivery *, uint32_t slot,
    const void *text, size_t len, const struct delivery_order *);

/* What goes to another node: on_done is told what delivery_resolve() says of
 * its token, or that it is unknown after wait_ms and the deadline of all.
 * 0: too many are pending. */
uint64_t delivery_expect(struct delivery *, const struct delivery_order *,
    bool is_message);
bool delivery_is_expected(const struct delivery *, uint64_t token);
void delivery_resolve(struct delivery *, uint64_t token, enum delivery_status,
    uint64_t position);
void delivery_forget(struct delivery *, uint64_t token); /* tells nobody */

/* A gateway's answer. */
void delivery_receipt(struct delivery *, uint32_t slot,
    const struct ring_receipt *);

/* Nobody waits any longer: ends all with what is known of them now. */
void delivery_end(struct delivery *);
/* The same for those that only wait behind others in their gateway. */
void delivery_end_queued(struct delivery *);
/* The slot has lost its memory: what was sent there is unknown. */
void delivery_slot_gone(struct delivery *, uint32_t slot);

#endif
