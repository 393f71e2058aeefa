/* SPDX-License-Identifier: ISC */
/*
 * The opening handshake, see handshake.h.  A refusal is a whole HTTP answer;
 * accepting first and closing afterwards would reset the back-off of clients
 * and make them hammer.
 */
#include "worker/gateway/handshake.h"

#include <errno.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/random.h"
#include "worker/gateway/admission.h"
#include "worker/gateway/client_file.h"
#include "worker/gateway/client_id.h"
#include "worker/gateway/conn.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/heartbeat.h"
#include "worker/gateway/http_answer.h"
#include "worker/gateway/http_query.h"
#include "worker/gateway/http_request.h"
#include "worker/gateway/input.h"
#include "worker/gateway/output.h"
#include "worker/gateway/ws_handshake.h"

static void
handshake_refuse(struct gateway *g, struct step_work *w,
    const struct http_refusal *refusal, int retry_after_s, enum counter cause)
{
	char answer[HTTP_ANSWER_MAX];
	int n = http_answer_refusal_format(refusal, retry_after_s, answer,
	    sizeof(answer));

	input_drop(g, w);
	if (n < 0 || output_bytes(g, w, answer, (size_t)n) != 0) {
		conn_die(g, w, cause);
		return;
	}
	conn_linger(g, w, 0, cause);
}

static void
handshake_refuse_parse(struct gateway *g, struct step_work *w, int status,
    const char *reason)
{
	struct http_refusal refusal = {
		.status = status,
		.message = reason,
	};

	handshake_refuse(g, w, &refusal, -1, COUNTER_HANDSHAKE_BAD_REQUEST);
}

static void
handshake_healthz(struct gateway *g, struct step_work *w)
{
	char answer[HTTP_ANSWER_MAX];
	uint32_t retry_ms = 0;
	const char *word = admission_word(g, w, &retry_ms);
	int n = http_answer_health_format(retry_ms == 0 ? 200 : 503, word,
	    retry_ms, answer, sizeof(answer));

	admission_give_back(g, w);
	input_drop(g, w);
	if (n < 0 || output_bytes(g, w, answer, (size_t)n) != 0)
		conn_die(g, w, COUNTER_HANDSHAKE_HEALTHZ);
	else
		conn_linger(g, w, 0, COUNTER_HANDSHAKE_HEALTHZ);
}

static void
handshake_file(struct gateway *g, struct step_work *w,
    const struct client_file *file)
{
	char head[HTTP_ANSWER_MAX];
	int n = client_file_head_format(file, head, sizeof(head));

	admission_give_back(g, w);
	input_drop(g, w);
	if (n < 0 || output_bytes(g, w, head, (size_t)n) != 0 ||
	    output_bytes(g, w, file->bytes, file->len) != 0)
		conn_die(g, w, COUNTER_HANDSHAKE_HEALTHZ);
	else
		conn_linger(g, w, 0, COUNTER_HANDSHAKE_HEALTHZ);
}

/* Is `origin` one of the configured ones, to the last character? */
static bool
handshake_origin_ok(const struct gateway *g, const struct http_request *req)
{
	const char *list = g->worker->settings.websocket.origins;
	const char *item;
	size_t n;

	if (list[0] == '\0' || req->origin.ptr == NULL)
		return true; /* only browsers send it, and they always do */
	while ((item = conf_item_next(&list, &n)) != NULL)
		if (n == req->origin.len &&
		    memcmp(item, req->origin.ptr, n) == 0)
			return true;
	return false;
}

/* The rightmost address of X-Forwarded-For: what our proxy itself saw. */
static void
handshake_forwarded(struct step_work *w, const struct http_request *req)
{
	struct http_slice line;
	char text[IPADDR_TEXT_SIZE];
	struct ipaddr addr;
	size_t at, len;

	if (req->forwarded_for.count == 0)
		return;
	line = req->forwarded_for.line[req->forwarded_for.count - 1];
	at = line.len;
	while (at > 0 && line.ptr[at - 1] != ',')
		at--;
	while (at < line.len && (line.ptr[at] == ' ' || line.ptr[at] == '\t'))
		at++;
	len = line.len - at;
	while (len > 0 &&
	    (line.ptr[at + len - 1] == ' ' || line.ptr[at + len - 1] == '\t'))
		len--;
	if (len == 0 || len >= sizeof(text))
		return;
	memcpy(text, line.ptr + at, len);
	text[len] = '\0';
	if (ipaddr_parse(text, &addr) != 0)
		return;
	memcpy(w->body.addr, addr.bytes, sizeof(w->body.addr));
	w->body.flags |= RECORD_PROXIED;
	w->body.port = 0;
}

struct handshake_client {
	char id[RECORD_ID_MAX + 1];
	size_t len;
};

/* Who is it?  0, or a refusal. */
static int
handshake_identify(struct gateway *g, struct step_work *w,
    const struct http_request *req, struct handshake_client *out,
    struct http_refusal *refusal)
{
	bool trusted = admission_is_proxy(g, w->body.addr);
	int mode = g->worker->settings.auth.mode;
	uint8_t seed[CLIENT_ID_RANDOM];
	int rc = -ENOENT;

	out->len = 0;
	if (trusted)
		handshake_forwarded(w, req);
	if (trusted && req->client_id.ptr != NULL) {
		if (req->client_id.len > RECORD_ID_MAX)
			goto bad_id;
		memcpy(out->id, req->client_id.ptr, req->client_id.len);
		out->len = req->client_id.len;
		rc = 0;
	} else if (mode == AUTH_PROXY) {
		*refusal = (struct http_refusal){ 401, "unauthorized",
			"no client id from a trusted proxy" };
		return -EACCES;
	} else {
		rc = http_query_get(req->query, "client_id", out->id,
		    sizeof(out->id), &out->len);
	}
	if (rc == -ENOENT) {
		random_bytes(seed, sizeof(seed));
		client_id_generate(seed, out->id);
		out->len = CLIENT_ID_GENERATED;
		w->body.flags |= RECORD_GENERATED;
	} else if (rc != 0 || client_id_check(out->id, out->len) != 0) {
		goto bad_id;
	}
	out->id[out->len] = '\0';
	return 0;
bad_id:
	*refusal = (struct http_refusal){ 400, "bad_client_id",
		"a client id has 1 to 100 printable ASCII characters and no "
		"blank" };
	return -EINVAL;
}

static bool
handshake_wants_hint(const struct http_request *req,
    const struct ws_handshake *hs)
{
	char value[4];
	size_t n;

	if (hs->protocol_v1)
		return true;
	return http_query_get(req->query, "hint", value, sizeof(value), &n) ==
	    0 &&
	    strcmp(value, "1") == 0;
}

/* The record becomes an open connection. */
static void
handshake_open(struct gateway *g, struct step_work *w,
    const struct ws_handshake *hs, const struct handshake_client *client,
    bool hint)
{
	const struct settings *s = &g->worker->settings;
	struct record_body *b = &w->body;
	size_t inl = client->len < RECORD_ID_INLINE ? client->len :
						      RECORD_ID_INLINE;
	char answer[WS_HANDSHAKE_MAX];
	int n = ws_handshake_format(hs, answer, sizeof(answer)), rc = 0;

	if (client->len > inl)
		rc = table_set_id_rest(&g->table, w->rec, client->id,
		    client->len);
	if (rc != 0 || n < 0 || output_bytes(g, w, answer, (size_t)n) != 0) {
		conn_die(g, w, COUNTER_HANDSHAKE_MEMORY);
		return;
	}
	memset(b->id, 0, sizeof(b->id));
	memcpy(b->id, client->id, inl);
	b->id_len = (uint8_t)client->len;
	b->state = RECORD_OPEN;
	b->flags |= RECORD_INDEXED;
	if (hs->deflate)
		b->flags |= RECORD_DEFLATE;
	b->deflate_bits = hs->window_bits;
	if (hint)
		b->flags |= RECORD_HINT;
	random_bytes(b->uuid, sizeof(b->uuid));
	b->uuid[6] = (uint8_t)((b->uuid[6] & 0x0f) | 0x40); /* RFC 9562, v4 */
	b->uuid[8] = (uint8_t)((b->uuid[8] & 0x3f) | 0x80);
	b->established_us = clock_real_us();
	/* The first ping comes early, so that pings of connections which
	 * opened together spread. */
	b->seen_ms = g->now_ms -
	    random_below((uint32_t)(s->websocket.ping_interval_ms / 2) + 1);
	if (s->websocket.max_age_ms > 0)
		b->expiry = (uint32_t)((clock_real_ms() +
					   s->websocket.max_age_ms +
					   random_below((uint32_t)s->websocket
							    .max_age_dither_ms +
					       1)) /
		    1000);
	token_bucket32_init(&b->rate_messages, g->now_us);
	token_bucket32_init(&b->rate_bytes, g->now_us);
	w->journal_flags |= JOURNAL_INDEX_PUT;
	w->kick = table_index_get(&g->table, client->id, client->len);
	if (w->kick != RECORD_NONE)
		w->kick_gen = g->table.records[w->kick].body.gen;
	counter_add(gateway_counters(g), COUNTER_HANDSHAKE_OK, 1);
}

static void
handshake_decide(struct gateway *g, struct step_work *w,
    const struct http_request *req)
{
	struct handshake_client client;
	struct http_refusal refusal;
	const struct client_file *file;
	struct ws_handshake hs;
	enum counter cause;
	int retry_s = -1;

	if (http_slice_is(req->path, "/healthz")) {
		handshake_healthz(g, w);
		return;
	}
	file = client_file_find(req->path.ptr, req->path.len);
	if (file != NULL) {
		handshake_file(g, w, file);
		return;
	}
	if (!http_slice_is(req->path, g->worker->settings.websocket.path)) {
		refusal = (struct http_refusal){ 404, "not_found",
			"no WebSocket here" };
		admission_give_back(g, w);
		handshake_refuse(g, w, &refusal, -1,
		    COUNTER_HANDSHAKE_NOT_FOUND);
		return;
	}
	if (ws_handshake_parse(req, g->worker->settings.websocket.compression,
		&hs, &refusal) != 0) {
		if (refusal.status == 426)
			admission_give_back(g, w);
		handshake_refuse(g, w, &refusal, -1,
		    refusal.status == 426 ? COUNTER_HANDSHAKE_UPGRADE_REQUIRED :
					    COUNTER_HANDSHAKE_BAD_REQUEST);
		return;
	}
	if (!handshake_origin_ok(g, req)) {
		refusal = (struct http_refusal){ 403, "forbidden_origin",
			"this origin may not connect" };
		handshake_refuse(g, w, &refusal, -1,
		    COUNTER_HANDSHAKE_FORBIDDEN);
		return;
	}
	if (handshake_identify(g, w, req, &client, &refusal) != 0) {
		handshake_refuse(g, w, &refusal, -1,
		    refusal.status == 401 ? COUNTER_HANDSHAKE_UNAUTHORIZED :
					    COUNTER_HANDSHAKE_BAD_REQUEST);
		return;
	}
	if (!admission_ask(g, w, client.id, client.len, &refusal, &retry_s,
		&cause)) {
		handshake_refuse(g, w, &refusal, retry_s, cause);
		return;
	}
	handshake_open(g, w, &hs, &client, handshake_wants_hint(req, &hs));
}

size_t
handshake_input(struct gateway *g, struct step_work *w, const uint8_t *p,
    size_t n)
{
	uint32_t max = g->worker->settings.websocket.max_header;
	size_t had = w->busy.in_len;
	size_t k = n < max - had ? n : max - had;
	const char *head = (const char *)p;
	struct http_request req;
	int used;

	if (had > 0) {
		uint8_t *to = input_room(g, w, (uint32_t)k, max - had);

		if (to == NULL)
			return n;
		memcpy(to, p, k);
		head = (const char *)to - had;
	}
	used = http_request_parse(head, had + k, &req);
	if (used < 0) {
		handshake_refuse_parse(g, w, req.status, req.reason);
		return n;
	}
	if (used == 0 && had + k >= max) {
		handshake_refuse_parse(g, w,
		    http_request_too_long(head, had + k),
		    "request head too long");
		return n;
	}
	if (used == 0) {
		if (had == 0) {
			uint8_t *to = input_room(g, w, (uint32_t)k, max);

			if (to == NULL)
				return n;
			memcpy(to, p, k);
		}
		w->busy.in_len = (uint32_t)(had + k);
		return k;
	}
	handshake_decide(g, w, &req);
	if (!w->doomed)
		input_drop(g, w);
	return (size_t)used - had;
}

void
handshake_turn_away(struct gateway *g, uint32_t rec)
{
	const struct http_refusal refusal = { 503, "draining",
		"this node is being emptied" };
	struct step_work *w = step_begin(g, STEP_CLOSE, rec);

	handshake_refuse(g, w, &refusal,
	    (int)((admission_retry_ms(g) + 999) / 1000),
	    COUNTER_HANDSHAKE_DRAINING);
	step_commit(g);
	step_finish(g);
	heartbeat_arm(g, rec);
}
