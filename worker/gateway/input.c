/* SPDX-License-Identifier: ISC */
/*
 * Entry of client bytes into a step and the inbound block, see input.h.
 */
#include "worker/gateway/input.h"

#include <string.h>

#include "worker/gateway/conn.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/handshake.h"
#include "worker/gateway/output.h"
#include "worker/gateway/upstream.h"

void
input_drop(struct gateway *g, struct step_work *w)
{
	if (w->busy.in_ref != 0)
		step_drop_block(g, w->busy.in_ref, w->busy.in_cap);
	w->busy.in_ref = w->busy.in_cap = w->busy.in_len = 0;
}

uint8_t *
input_room(struct gateway *g, struct step_work *w, uint32_t more,
    uint64_t expected)
{
	struct record_busy *b = &w->busy;
	uint64_t want = (uint64_t)b->in_len + more;
	uint32_t ref, cap;

	if (want > b->in_cap) {
		/* Grow by doubling, but not beyond what can still come: a
		 * length that is only announced reserves nothing. */
		uint64_t twice = 2 * (uint64_t)b->in_cap;

		if (twice > b->in_len + expected)
			twice = b->in_len + expected;
		if (twice > want)
			want = twice;
		if (want > UINT32_MAX / 2 ||
		    arena_alloc(g->arena, (uint32_t)want, &ref, &cap) != 0) {
			counter_add(gateway_counters(g), COUNTER_ARENA_FULL, 1);
			step_doom(g, COUNTER_CLOSE_MEMORY);
			return NULL;
		}
		if (b->in_len > 0)
			memcpy(arena_at(g->arena, ref),
			    arena_at(g->arena, b->in_ref), b->in_len);
		if (b->in_ref != 0)
			step_drop_block(g, b->in_ref, b->in_cap);
		b->in_ref = ref;
		b->in_cap = cap;
	}
	return (uint8_t *)arena_at(g->arena, b->in_ref) + b->in_len;
}

void
input_fail(struct gateway *g, struct step_work *w, uint16_t code,
    const char *reason, enum counter cause)
{
	input_drop(g, w);
	w->busy.frame_left = 0;
	w->busy.message_opcode = 0;
	w->busy.stash_len = 0;
	if (output_close(g, w, code, reason) != 0)
		step_doom(g, COUNTER_CLOSE_MEMORY);
	else
		conn_linger(g, w, code, cause);
}

/* Bytes that were only peeked at stay in the kernel, when there is no room for
 * what they bring, and when the connection has got its name in this very step:
 * a successor would give it another one, but not the same messages twice. */
static bool
input_must_wait(struct gateway *g, struct step_work *w, uint8_t byte)
{
	if (w->was.state == RECORD_HANDSHAKE)
		return true;
	w->held = !upstream_may_take(g, w, byte);
	return w->held;
}

size_t
input_bytes(struct gateway *g, struct step_work *w, const uint8_t *p, size_t n)
{
	size_t all = n;

	w->body.taken += n;
	if (w->body.state != RECORD_HANDSHAKE)
		w->body.seen_ms = g->now_ms;
	while (n > 0 && !w->doomed) {
		size_t used;

		if (w->body.state == RECORD_HANDSHAKE) {
			used = handshake_input(g, w, p, n);
		} else if (w->body.state != RECORD_OPEN &&
		    w->body.state != RECORD_CLOSING) {
			break;
		} else if (w->peeked && input_must_wait(g, w, *p)) {
			w->body.taken -= n;
			all -= n;
			break;
		} else {
			used = input_frames(g, w, p, n);
		}
		p += used;
		n -= used;
	}
	counter_add(gateway_counters(g), COUNTER_BYTES_IN, all);
	return all;
}
