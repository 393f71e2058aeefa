/* SPDX-License-Identifier: ISC */
/*
 * Replies of the HTTP API: JSON with a length, never cached, and a Retry-After
 * where the caller had better wait.
 */
#include "worker/relay/api_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "worker/relay/relay.h"

#define RETRY_AFTER_S "1"

static const char *
reason_phrase(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 202:
		return "Accepted";
	case 207:
		return "Multi-Status";
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 409:
		return "Conflict";
	case 413:
		return "Content Too Large";
	case 503:
		return "Service Unavailable";
	case 504:
		return "Gateway Timeout";
	default:
		return "Error";
	}
}

void
api_call_drop_body(struct api_call *call)
{
	struct evbuffer *input = evhttp_request_get_input_buffer(call->request);

	evbuffer_drain(input, evbuffer_get_length(input));
	call->body = NULL;
	call->body_len = 0;
}

static void
on_text_sent(const void *data, size_t len, void *arg)
{
	(void)data;
	(void)len;
	free(arg);
}

/* Ends the call; out may be NULL. */
static void
send_reply(struct api_call *call, int status, struct evbuffer *out)
{
	struct relay *relay = call->relay;
	struct evkeyvalq *headers;

	counter_add(relay_counters(relay), COUNTER_API_REQUESTS, 1);
	if (status >= 400)
		counter_add(relay_counters(relay), COUNTER_API_ERRORS, 1);
	headers = evhttp_request_get_output_headers(call->request);
	evhttp_add_header(headers, "Content-Type", "application/json");
	evhttp_add_header(headers, "Cache-Control", "no-store");
	if (api_is_parting(call->api))
		evhttp_add_header(headers, "Connection", "close");
	if (status == 503)
		evhttp_add_header(headers, "Retry-After", RETRY_AFTER_S);
	log_debug("api_request", NULL,
	    log_text("uri", evhttp_request_get_uri(call->request)),
	    log_int("status", status),
	    log_uint("us", clock_mono_us() - call->started_us));
	crash_mark();
	api_conns_idle(&call->api->conns, call->request);
	evhttp_send_reply(call->request, status, reason_phrase(status), out);
	crash_mark();
	if (out != NULL)
		evbuffer_free(out);
	free(call);
}

void
api_reply(struct api_call *call, int status, struct textbuf *json)
{
	static const char no_memory[] =
	    "{\"error\":\"busy\",\"message\":\"no memory\"}\n";
	struct evbuffer *out = evbuffer_new();
	char *data = NULL;
	size_t len;

	textbuf_putc(json, '\n');
	if (textbuf_take(json, &data, &len) == 0 && out != NULL &&
	    evbuffer_add_reference(out, data, len, on_text_sent, data) == 0) {
		send_reply(call, status, out);
		return;
	}
	free(data);
	if (out != NULL)
		evbuffer_add(out, no_memory, strlen(no_memory));
	send_reply(call, 503, out);
}

void
api_reply_fault(struct api_call *call, const struct api_fault *fault)
{
	struct textbuf json;

	textbuf_init(&json, API_REPLY_MAX);
	textbuf_puts(&json, "{\"error\":");
	textbuf_json(&json, fault->code, strlen(fault->code));
	textbuf_puts(&json, ",\"message\":");
	textbuf_json(&json, fault->text, strlen(fault->text));
	textbuf_putc(&json, '}');
	api_reply(call, fault->status, &json);
}

void
api_reply_not_connected(struct api_call *call, const char *client_id)
{
	struct api_fault fault;

	api_fault_set(&fault, 404, "not_connected",
	    backplane_is_on(&call->relay->backplane) ?
		"client %s is not connected to any node" :
		"client %s is not connected to this node",
	    client_id);
	api_reply_fault(call, &fault);
}

void
api_reply_busy(struct api_call *call, const char *text)
{
	struct api_fault fault;

	api_fault_set(&fault, 503, "busy", "%s", text);
	api_reply_fault(call, &fault);
}

json_t *
api_call_json(struct api_call *call, const struct api_field *fields,
    size_t count)
{
	struct api_fault fault;
	json_t *json;

	if (api_json_parse(call->body, call->body_len, &json, &fault) != 0) {
		api_reply_fault(call, &fault);
		return NULL;
	}
	if (api_json_check(json, fields, count, -1, &fault) != 0) {
		json_decref(json);
		api_reply_fault(call, &fault);
		return NULL;
	}
	return json;
}
