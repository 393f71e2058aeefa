/* SPDX-License-Identifier: ISC */
/*
 * Frames (RFC 6455 section 5.2 to 5.5).  A message that lies complete in the
 * bytes just read takes the short way; everything else is carried from step
 * to step in the connection's busy block.
 */
#include <string.h>

#include "worker/gateway/conn.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/input.h"
#include "worker/gateway/output.h"
#include "worker/gateway/upstream.h"
#include "worker/gateway/ws_frame.h"
#include "worker/gateway/ws_mask.h"
#include "worker/gateway/ws_utf8.h"

static void
input_pong(struct gateway *g, struct step_work *w, const uint8_t *p, size_t n)
{
	uint32_t sent_us;

	counter_add(gateway_counters(g), COUNTER_PONGS_RECEIVED, 1);
	if (n != sizeof(sent_us) || !(w->body.flags & RECORD_PINGED))
		return; /* unsolicited pongs are allowed, and mean nothing */
	memcpy(&sent_us, p, sizeof(sent_us));
	if (sent_us != w->body.ping_us)
		return;
	w->body.flags &= (uint16_t)~RECORD_PINGED;
	w->body.ping_latency_us = (uint32_t)g->now_us - sent_us;
	if (w->body.ping_latency_us == 0)
		w->body.ping_latency_us = 1;
	histogram_record(&gateway_counters(g)->histogram[HISTOGRAM_PING_US],
	    w->body.ping_latency_us);
}

static void
input_close(struct gateway *g, struct step_work *w, const uint8_t *p, size_t n)
{
	uint16_t code;
	int rc = ws_frame_close_decode(p, n, &code);

	if (rc != 0) {
		input_fail(g, w,
		    rc == -EILSEQ ? WS_CLOSE_BAD_DATA : WS_CLOSE_PROTOCOL,
		    "bad close frame",
		    rc == -EILSEQ ? COUNTER_CLOSE_UTF8 :
				    COUNTER_CLOSE_PROTOCOL);
		return;
	}
	w->body.flags |= RECORD_CLOSE_GOT;
	input_fail(g, w, code, NULL, COUNTER_CLOSE_CLIENT);
}

static void
input_control(struct gateway *g, struct step_work *w,
    const struct ws_frame_header *h, const uint8_t *payload)
{
	uint8_t plain[WS_FRAME_CONTROL_MAX];

	ws_unmask(plain, payload, (size_t)h->len, h->key, 0);
	switch (h->opcode) {
	case WS_OP_PING:
		counter_add(gateway_counters(g), COUNTER_PINGS_RECEIVED, 1);
		if (w->body.state != RECORD_OPEN)
			break;
		if (!token_bucket32_take(&w->body.rate_messages,
			&g->message_rate, g->now_us, 1)) {
			input_fail(g, w, WS_CLOSE_POLICY, "too many messages",
			    COUNTER_CLOSE_POLICY);
			break;
		}
		if (output_frame(g, w, WS_OP_PONG, false, plain,
			(size_t)h->len) != 0)
			step_doom(g, COUNTER_CLOSE_MEMORY);
		break;
	case WS_OP_PONG:
		input_pong(g, w, plain, (size_t)h->len);
		break;
	default:
		input_close(g, w, plain, (size_t)h->len);
		break;
	}
}

/* The frame's last byte is there. */
static void
input_frame_end(struct gateway *g, struct step_work *w)
{
	struct record_busy *b = &w->busy;
	uint8_t opcode = b->message_opcode;
	uint8_t none = 0;

	if (!b->frame_fin) {
		if (++b->frames >= g->worker->settings.websocket.max_frames)
			input_fail(g, w, WS_CLOSE_POLICY, "too many frames",
			    COUNTER_CLOSE_POLICY);
		return;
	}
	if (opcode == WS_OP_TEXT && !b->message_deflated &&
	    ws_utf8_done(b->utf8) != 0) {
		input_fail(g, w, WS_CLOSE_BAD_DATA, "bad UTF-8",
		    COUNTER_CLOSE_UTF8);
		return;
	}
	input_message(g, w, opcode, b->message_deflated,
	    b->in_ref != 0 ? arena_at(g->arena, b->in_ref) : &none, b->in_len);
	if (w->doomed)
		return;
	input_drop(g, w);
	b->message_opcode = 0;
	b->message_deflated = 0;
	b->frames = 0;
	b->utf8 = WS_UTF8_START;
}

/* Payload of a data frame that is not complete in one piece. */
static size_t
input_payload(struct gateway *g, struct step_work *w, const uint8_t *p,
    size_t n)
{
	struct record_busy *b = &w->busy;
	uint32_t k = n < b->frame_left ? (uint32_t)n : b->frame_left;
	uint8_t *to = input_room(g, w, k, b->frame_left);

	if (to == NULL)
		return n;
	ws_unmask(to, p, k, b->mask_key, b->mask_phase);
	if (b->message_opcode == WS_OP_TEXT && !b->message_deflated &&
	    ws_utf8_feed(&b->utf8, to, k) != 0) {
		input_fail(g, w, WS_CLOSE_BAD_DATA, "bad UTF-8",
		    COUNTER_CLOSE_UTF8);
		return n;
	}
	b->in_len += k;
	b->frame_left -= k;
	b->mask_phase = (uint8_t)((b->mask_phase + k) & 3);
	if (b->frame_left == 0)
		input_frame_end(g, w);
	return k;
}

/* Bytes of a message on the wire: data that do not compress grow a little. */
static uint64_t
input_wire_max(const struct gateway *g, bool deflated)
{
	uint64_t max = g->worker->settings.websocket.max_message;

	return deflated ? max + max / 64 + 1024 : max;
}

/* A data frame begins; rest: payload bytes at hand.  Returns how many of them
 * were used. */
static size_t
input_data_frame(struct gateway *g, struct step_work *w,
    const struct ws_frame_header *h, const uint8_t *p, size_t rest)
{
	struct record_busy *b = &w->busy;

	uint64_t max = input_wire_max(g, h->rsv1 || b->message_deflated);

	if (h->len > max || b->in_len + h->len > max) {
		input_fail(g, w, WS_CLOSE_TOO_BIG, "message too big",
		    COUNTER_CLOSE_TOO_BIG);
		return rest;
	}
	if (b->message_opcode == 0 && h->fin && h->len <= rest) {
		uint32_t utf8 = WS_UTF8_START;

		ws_unmask(g->message, p, (size_t)h->len, h->key, 0);
		if (h->opcode == WS_OP_TEXT && !h->rsv1 &&
		    (ws_utf8_feed(&utf8, g->message, (size_t)h->len) != 0 ||
			ws_utf8_done(utf8) != 0))
			input_fail(g, w, WS_CLOSE_BAD_DATA, "bad UTF-8",
			    COUNTER_CLOSE_UTF8);
		else
			input_message(g, w, h->opcode, h->rsv1, g->message,
			    (size_t)h->len);
		return (size_t)h->len;
	}
	if (b->message_opcode == 0) {
		b->message_opcode = h->opcode;
		b->message_deflated = h->rsv1;
		b->utf8 = WS_UTF8_START;
		b->frames = 0;
	}
	b->frame_left = (uint32_t)h->len;
	b->mask_key = h->key;
	b->mask_phase = 0;
	b->frame_fin = h->fin;
	if (h->len == 0)
		input_frame_end(g, w);
	return 0;
}

/*
 * One header, and the whole frame if it is a control frame.  The stash holds
 * what came of it in earlier steps; returns how many of the n new bytes were
 * used.
 */
static size_t
input_header(struct gateway *g, struct step_work *w, const uint8_t *p, size_t n)
{
	struct record_busy *b = &w->busy;
	uint8_t joined[2 * RECORD_STASH];
	size_t had = b->stash_len, have = n, whole;
	const uint8_t *at = p;
	struct ws_frame_header h;
	unsigned int flags = (b->message_opcode != 0 ? WS_FRAME_IN_MESSAGE :
						       0) |
	    ((w->body.flags & RECORD_DEFLATE) ? WS_FRAME_DEFLATE : 0);
	int head;

	if (had > 0) {
		size_t k = n < RECORD_STASH ? n : RECORD_STASH;

		memcpy(joined, b->stash, had);
		memcpy(joined + had, p, k);
		at = joined;
		have = had + k;
	}
	head = ws_frame_header_decode(at, have, flags, &h);
	if (head < 0) {
		input_fail(g, w, h.close_code, h.reason,
		    COUNTER_CLOSE_PROTOCOL);
		return n;
	}
	whole = (size_t)head;
	if (head > 0 && ws_frame_is_control(h.opcode))
		whole += (size_t)h.len;
	if (head == 0 || have < whole) {
		/* Everything at hand belongs to this frame. */
		memcpy(b->stash + had, p, n);
		b->stash_len = (uint32_t)(had + n);
		return n;
	}
	b->stash_len = 0;
	if (ws_frame_is_control(h.opcode)) {
		input_control(g, w, &h, at + head);
		return whole - had;
	}
	whole -= had; /* of the new bytes, the header took these */
	return whole + input_data_frame(g, w, &h, p + whole, n - whole);
}

size_t
input_frames(struct gateway *g, struct step_work *w, const uint8_t *p, size_t n)
{
	if (w->busy.frame_left > 0)
		return input_payload(g, w, p, n);
	return input_header(g, w, p, n);
}
