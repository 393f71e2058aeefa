/* SPDX-License-Identifier: ISC */
/*
 * Output of a step, see output.h.  Appending writes only behind the committed
 * length of a block, or into a fresh one: nothing that a successor could need
 * is changed in place.
 */
#include "worker/gateway/output.h"

#include <errno.h>
#include <string.h>

#include "worker/gateway/gateway.h"
#include "worker/gateway/ws_frame.h"

#define OUTPUT_DEFLATE_MIN                                                     \
	128u /* below it compressing costs more than it saves */

uint64_t
output_pending(const struct step_work *w)
{
	if (w->busy.out_ref == 0)
		return 0;
	return w->busy.out_len - (w->body.given - w->busy.out_base);
}

/* A block with room for `room` more bytes that begins with the pending ones. */
int
output_grow(struct gateway *g, struct step_work *w, size_t room)
{
	uint64_t pending = output_pending(w);
	uint64_t sent = w->busy.out_ref == 0 ?
	    w->body.given - g->slot->step.given_base :
	    0;
	uint64_t want = pending + w->out_len - sent + room, least = want;
	uint32_t ref, cap, used = 0;
	uint8_t *to;

	if (pending > 0 || w->busy.out_ref != 0)
		want += want / 2; /* it grows again: amortise */
	if (want > UINT32_MAX / 2)
		return -ENOMEM;
	if (arena_alloc(g->arena, (uint32_t)want, &ref, &cap) != 0 &&
	    arena_alloc(g->arena, (uint32_t)least, &ref, &cap) != 0) {
		counter_add(gateway_counters(g), COUNTER_ARENA_FULL, 1);
		return -ENOMEM;
	}
	to = arena_at(g->arena, ref);
	if (pending > 0) {
		const uint8_t *from = arena_at(g->arena, w->busy.out_ref);

		memcpy(to, from + (w->body.given - w->busy.out_base), pending);
		used = (uint32_t)pending;
	}
	if (w->out_len > 0) {
		memcpy(to + used, g->table.scratch_out + sent,
		    w->out_len - sent);
		used += w->out_len - (uint32_t)sent;
		w->out_len = 0;
	}
	if (w->busy.out_ref != 0)
		step_drop_block(g, w->busy.out_ref, w->busy.out_cap);
	w->busy.out_ref = ref;
	w->busy.out_cap = cap;
	w->busy.out_len = used;
	w->busy.out_base = w->body.given;
	return 0;
}

uint8_t *
output_reserve(struct gateway *g, struct step_work *w, size_t n)
{
	if (w->busy.out_ref == 0) {
		if (n <= SLOT_SCRATCH_OUT - w->out_len)
			return g->table.scratch_out + w->out_len;
	} else if (n <= w->busy.out_cap - w->busy.out_len) {
		return (uint8_t *)arena_at(g->arena, w->busy.out_ref) +
		    w->busy.out_len;
	}
	if (output_grow(g, w, n) != 0)
		return NULL;
	return (uint8_t *)arena_at(g->arena, w->busy.out_ref) + w->busy.out_len;
}

void
output_add(struct step_work *w, size_t n)
{
	if (w->busy.out_ref == 0)
		w->out_len += (uint32_t)n;
	else
		w->busy.out_len += (uint32_t)n;
}

int
output_bytes(struct gateway *g, struct step_work *w, const void *p, size_t n)
{
	uint8_t *to = output_reserve(g, w, n);

	if (to == NULL)
		return -ENOMEM;
	memcpy(to, p, n);
	output_add(w, n);
	return 0;
}

int
output_frame(struct gateway *g, struct step_work *w, uint8_t opcode, bool rsv1,
    const void *p, size_t n)
{
	uint8_t *to = output_reserve(g, w, WS_FRAME_SERVER_HEADER_MAX + n);
	size_t head;

	if (to == NULL)
		return -ENOMEM;
	head = ws_frame_header_encode(to, opcode, true, rsv1, n);
	if (n > 0)
		memcpy(to + head, p, n);
	output_add(w, head + n);
	return 0;
}

int
output_message(struct gateway *g, struct step_work *w, uint8_t opcode,
    const void *p, size_t n)
{
	w->body.messages_out++;
	if ((w->body.flags & RECORD_DEFLATE) && n >= OUTPUT_DEFLATE_MIN &&
	    g->deflate != NULL) {
		uint8_t head[WS_FRAME_SERVER_HEADER_MAX];
		uint8_t *to;
		size_t packed, h;

		/* The header's size is known only afterwards: leave room for
		 * the longest and move the payload, all of it uncommitted. */
		to = output_reserve(g, w, sizeof(head) + n);
		if (to == NULL)
			return -ENOMEM;
		if (ws_deflate_message(g->deflate, p, n, w->body.deflate_bits,
			to + sizeof(head), n, &packed) == 0) {
			h = ws_frame_header_encode(head, opcode, true, true,
			    packed);
			memcpy(to, head, h);
			memmove(to + h, to + sizeof(head), packed);
			output_add(w, h + packed);
			return 0;
		}
	}
	return output_frame(g, w, opcode, false, p, n);
}

int
output_close(struct gateway *g, struct step_work *w, uint16_t code,
    const char *reason)
{
	uint8_t payload[WS_FRAME_CONTROL_MAX];
	size_t n;

	if (w->body.flags & RECORD_CLOSE_SENT)
		return 0;
	n = ws_frame_close_encode(payload, code, reason == NULL ? "" : reason,
	    reason == NULL ? 0 : strlen(reason));
	if (output_frame(g, w, WS_OP_CLOSE, false, payload, n) != 0)
		return -ENOMEM;
	w->body.flags |= RECORD_CLOSE_SENT;
	return 0;
}

const uint8_t *
output_next(struct gateway *g, const struct step_work *w, size_t *out_n)
{
	const struct step *step = &g->slot->step;
	uint64_t sent;

	if (w->busy.out_ref != 0) {
		*out_n = (size_t)output_pending(w);
		return (const uint8_t *)arena_at(g->arena, w->busy.out_ref) +
		    (w->body.given - w->busy.out_base);
	}
	sent = w->body.given - step->given_base;
	*out_n = w->out_len > sent ? (size_t)(w->out_len - sent) : 0;
	return g->table.scratch_out + sent;
}
