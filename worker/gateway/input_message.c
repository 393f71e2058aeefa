/* SPDX-License-Identifier: ISC */
/*
 * What a client's message does: inflating (RFC 7692), limits, the upstream
 * mode.  Runs inside a read step and again after a crash, so it must depend on
 * nothing but the record and the bytes.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/gateway/conn.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/input.h"
#include "worker/gateway/output.h"
#include "worker/gateway/upstream.h"
#include "worker/gateway/ws_frame.h"
#include "worker/gateway/ws_utf8.h"

#ifdef HOLDFAST_FAULTS
/* Private memory that is never seen again, page by page. */
static void
message_leak(void)
{
	const size_t size = 4u << 20;
	volatile char *p = malloc(size);

	for (size_t i = 0; p != NULL && i < size; i += 4096)
		p[i] = 1;
}

/* The test build lets a client break its worker. */
static void
message_fault_now(const uint8_t *name)
{
	if (memcmp(name, "segv", 4) == 0)
		raise(SIGSEGV);
	else if (memcmp(name, "abrt", 4) == 0)
		abort();
	else if (memcmp(name, "exit", 4) == 0)
		_exit(99);
	else if (memcmp(name, "leak", 4) == 0)
		message_leak();
	else if (memcmp(name, "stop", 4) == 0)
		raise(SIGSTOP);
	else if (memcmp(name, "spin", 4) == 0)
		for (volatile int forever = 1; forever;)
			;
}

static void
on_fault_later(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	message_fault_now(arg);
}

/* "later-segv" and so on: outside of every step, so that no connection is to
 * blame. */
static void
message_fault(struct gateway *g, const uint8_t *p, size_t n)
{
	static const char prefix[] = "holdfast-fault:";
	static const char later[] = "later-";
	static const struct timeval soon = { 0, 1000 };
	static uint8_t name[4];

	if (n < sizeof(prefix) + 3 ||
	    memcmp(p, prefix, sizeof(prefix) - 1) != 0)
		return;
	p += sizeof(prefix) - 1;
	n -= sizeof(prefix) - 1;
	if (n < sizeof(later) + 3 || memcmp(p, later, sizeof(later) - 1) != 0) {
		message_fault_now(p);
		return;
	}
	memcpy(name, p + sizeof(later) - 1, sizeof(name));
	(void)event_base_once(g->worker->base, -1, EV_TIMEOUT, on_fault_later,
	    name, &soon);
}
#else
#define message_fault(g, p, n) ((void)0)
#endif

/* Makes room in the process's own message buffer; false: no memory. */
static bool
message_room(struct gateway *g, size_t need)
{
	uint8_t *grown;

	if (need <= g->message_cap)
		return true;
	grown = realloc(g->message, need);
	if (grown == NULL)
		return false;
	g->message = grown;
	g->message_cap = need;
	return true;
}

/* Inflates into g->message from *io_p, which may lie there itself. */
static int
message_inflate(struct gateway *g, const uint8_t *p, size_t n, size_t *out_n)
{
	uint64_t max = g->worker->settings.websocket.max_message;
	size_t have = 0, used, made;
	uint8_t *copy = NULL;
	int rc;

	if (p == g->message) {
		copy = malloc(n > 0 ? n : 1);
		if (copy == NULL)
			return -ENOMEM;
		memcpy(copy, p, n);
		p = copy;
	}
	ws_inflate_begin(g->deflate, max);
	for (;;) {
		rc = ws_inflate_step(g->deflate, p, n, true, g->message + have,
		    g->message_cap - have, &used, &made);
		p += used;
		n -= used;
		have += made;
		if (rc != WS_INFLATE_NEED_OUT)
			break;
		if (!message_room(g, 2 * g->message_cap)) {
			rc = -ENOMEM;
			break;
		}
	}
	free(copy);
	*out_n = have;
	return rc == WS_INFLATE_NEED_IN ? -EPROTO : rc;
}

/* Gives memory back that one large message needed. */
static void
message_shrink(struct gateway *g)
{
	const size_t normal = 2 * SLOT_SCRATCH_IN;
	uint8_t *smaller;

	if (g->message_cap <= 8 * normal)
		return;
	smaller = realloc(g->message, normal);
	if (smaller != NULL) {
		g->message = smaller;
		g->message_cap = normal;
	}
}

static bool
message_allowed(struct gateway *g, struct step_work *w, size_t n)
{
	if (!token_bucket32_take(&w->body.rate_messages, &g->message_rate,
		g->now_us, 1)) {
		input_fail(g, w, WS_CLOSE_POLICY, "too many messages",
		    COUNTER_CLOSE_POLICY);
		return false;
	}
	if (n > 0 && g->byte_rate.per_second > 0 &&
	    token_bucket32_charge(&w->body.rate_bytes, &g->byte_rate, g->now_us,
		(uint32_t)n) > 0) {
		input_fail(g, w, WS_CLOSE_POLICY, "too many bytes",
		    COUNTER_CLOSE_POLICY);
		return false;
	}
	return true;
}

static void
message_inflate_failed(struct gateway *g, struct step_work *w, int rc)
{
	if (rc == -EMSGSIZE)
		input_fail(g, w, WS_CLOSE_TOO_BIG, "message too big",
		    COUNTER_CLOSE_TOO_BIG);
	else if (rc == -ENOMEM)
		step_doom(g, COUNTER_CLOSE_MEMORY);
	else
		input_fail(g, w, WS_CLOSE_BAD_DATA, "bad compressed data",
		    COUNTER_CLOSE_PROTOCOL);
}

void
input_message(struct gateway *g, struct step_work *w, uint8_t opcode,
    int deflated, const uint8_t *p, size_t n)
{
	if (w->body.state != RECORD_OPEN && !upstream_takes_last(g, w))
		return; /* our close frame is out: data is ignored */
	if (!message_allowed(g, w, n))
		return;
	if (deflated) {
		uint32_t utf8 = WS_UTF8_START;
		int rc = message_inflate(g, p, n, &n);

		if (rc != 0) {
			message_inflate_failed(g, w, rc);
			return;
		}
		p = g->message;
		if (opcode == WS_OP_TEXT &&
		    (ws_utf8_feed(&utf8, p, n) != 0 ||
			ws_utf8_done(utf8) != 0)) {
			input_fail(g, w, WS_CLOSE_BAD_DATA, "bad UTF-8",
			    COUNTER_CLOSE_UTF8);
			return;
		}
	}
	message_fault(g, p, n);
	w->body.messages_in++;
	counter_add(gateway_counters(g), COUNTER_MESSAGES_IN, 1);
	if (g->worker->settings.upstream.mode == UPSTREAM_ECHO) {
		if (output_message(g, w, opcode, p, n) != 0)
			step_doom(g, COUNTER_CLOSE_MEMORY);
		else
			counter_add(gateway_counters(g), COUNTER_MESSAGES_OUT,
			    1);
	} else if (upstream_is_stream(g)) {
		upstream_put(g, w, opcode, p, n);
	}
	message_shrink(g);
}
