/* SPDX-License-Identifier: ISC */
/*
 * The HTTP API, see api.h: evhttp on the slot's listener, who may ask, and
 * which handler answers.
 */
#include "worker/relay/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>

#include "lib/log.h"
#include "worker/relay/api_call.h"
#include "worker/relay/relay.h"

#define API_MAX_HEADERS (16 * 1024)
#define API_PREFIX	"/api/v1/"

struct api_route {
	enum evhttp_cmd_type method;
	const char *path;   /* behind the prefix */
	bool has_client_id; /* one more part follows */
	void (*handle)(const struct api_call *);
};

static const struct api_route routes[] = {
	{ EVHTTP_REQ_POST, "gateway/dispatch", false, api_dispatch },
	{ EVHTTP_REQ_POST, "gateway/disconnect", false, api_disconnect },
	{ EVHTTP_REQ_POST, "gateway/broadcast", false, api_broadcast },
	{ EVHTTP_REQ_POST, "registry/register", false, api_register },
	{ EVHTTP_REQ_GET, "registry/", true, api_client_get },
	{ EVHTTP_REQ_DELETE, "registry/", true, api_client_delete },
	{ EVHTTP_REQ_GET, "fleet/nodes", false, api_fleet_nodes },
};

void
api_call_reply(const struct api_call *call, int status, json_t *value)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(
	    call->request);
	struct evbuffer *out = evbuffer_new();
	char *text = value != NULL ? json_dumps(value, JSON_COMPACT) : NULL;

	json_decref(value);
	if (out != NULL && text != NULL)
		(void)evbuffer_add_printf(out, "%s\n", text);
	free(text);
	(void)evhttp_add_header(headers, "Content-Type", "application/json");
	if (status >= 400)
		counter_add(relay_counters(call->api->relay),
		    COUNTER_API_ERRORS, 1);
	if (status == 503)
		(void)evhttp_add_header(headers, "Retry-After", "1");
	if (status == 401)
		(void)evhttp_add_header(headers, "WWW-Authenticate", "Bearer");
	api_conns_idle(&call->api->conns, call->request);
	evhttp_send_reply(call->request, status, NULL, out);
	if (out != NULL)
		evbuffer_free(out);
}

void
api_call_fault(const struct api_call *call, int status, const char *code,
    const char *text)
{
	api_call_reply(call, status,
	    json_pack("{s:s, s:s}", "error", code, "message", text));
}

void
api_call_refuse(const struct api_call *call, const struct api_fault *fault)
{
	api_call_fault(call, fault->status, fault->code, fault->text);
}

/* May this caller ask?  false: answered. */
static bool
is_allowed(const struct api_call *call)
{
	const struct api *api = call->api;
	struct evkeyvalq *in = evhttp_request_get_input_headers(call->request);
	const char *host = evhttp_find_header(in, "Host");

	if (api->refuse_all) {
		api_call_fault(call, 403, "forbidden",
		    "the API has no tokens and is not on a loopback address");
		return false;
	}
	if (api->tokens_wanted) {
		if (api_tokens_find(&api->tokens,
			evhttp_find_header(in, "Authorization")) != NULL)
			return true;
		api_call_fault(call, 401, "unauthorized",
		    "a bearer token is needed");
		return false;
	}
	/* A web page must not reach us through a name of its own. */
	if (host != NULL && !api_host_is_literal(host)) {
		api_call_fault(call, 403, "forbidden_host",
		    "without tokens, Host must be an address or localhost");
		return false;
	}
	return true;
}

/* Splits "registry/ID" into the route's path and the decoded id. */
static int
take_client_id(struct api_call *call, const char *rest)
{
	size_t n = 0;
	char *plain;

	if (*rest == '\0' || strchr(rest, '/') != NULL)
		return -ENOENT;
	plain = evhttp_uridecode(rest, 0, &n);
	if (plain == NULL)
		return -ENOMEM;
	if (!api_client_id_ok(plain, n)) {
		free(plain);
		return -ENOENT;
	}
	memcpy(call->client_id, plain, n);
	call->client_id[n] = '\0';
	free(plain);
	return 0;
}

static bool
route_matches(const struct api_route *route, struct api_call *call,
    const char *path)
{
	size_t n = strlen(route->path);

	if (!route->has_client_id)
		return strcmp(route->path, path) == 0;
	return strncmp(route->path, path, n) == 0 &&
	    take_client_id(call, path + n) == 0;
}

static void
dispatch_route(struct api_call *call, const char *path)
{
	enum evhttp_cmd_type method = evhttp_request_get_command(call->request);
	bool known = false;

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (!route_matches(&routes[i], call, path))
			continue;
		known = true;
		if (routes[i].method == method) {
			routes[i].handle(call);
			return;
		}
	}
	if (known)
		api_call_fault(call, 405, "method_not_allowed",
		    "this path takes another method");
	else
		api_call_fault(call, 404, "not_found", "no such path");
}

static void
on_request(struct evhttp_request *request, void *arg)
{
	struct api *api = arg;
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	struct evbuffer *in = evhttp_request_get_input_buffer(request);
	const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;
	struct api_call call = { .api = api, .request = request };

	counter_add(relay_counters(api->relay), COUNTER_API_REQUESTS, 1);
	api_conns_busy(&api->conns, request);
	call.len = evbuffer_get_length(in);
	call.body = call.len > 0 ? (char *)evbuffer_pullup(in, -1) : "";
	call.query = uri != NULL ? evhttp_uri_get_query(uri) : NULL;
	if (!is_allowed(&call))
		return;
	if (call.body == NULL || path == NULL ||
	    strncmp(path, API_PREFIX, sizeof(API_PREFIX) - 1) != 0) {
		api_call_fault(&call, 404, "not_found", "no such path");
		return;
	}
	dispatch_route(&call, path + sizeof(API_PREFIX) - 1);
	shards_wake(&api->relay->shards);
}

static void
on_accept_error(struct evconnlistener *listener, void *arg)
{
	struct api *api = arg;

	(void)listener;
	log_warn("api_accept_failed", "new API connections wait",
	    log_errno(errno));
	api_conns_no_fds(&api->conns);
}

static void
load_tokens(struct api *api)
{
	const struct settings *s = &api->relay->worker->settings;
	const char *path = s->api.tokens_file;
	struct ipaddr addr;
	unsigned line = 0;
	int rc;

	api->tokens_wanted = path[0] != '\0';
	api->refuse_all = !api->tokens_wanted &&
	    (ipaddr_parse(s->api.address, &addr) != 0 ||
		!ipaddr_is_loopback(&addr));
	if (!api->tokens_wanted)
		return;
	(void)stat(path, &api->tokens_stat);
	rc = api_tokens_load(path, &api->tokens, &line);
	if (rc != 0)
		log_error("api_tokens_failed",
		    "the tokens read before stay in use", log_errno(rc),
		    log_text("path", path), log_uint("line", line));
	else
		log_info("api_tokens_read", NULL,
		    log_uint("count", api->tokens.count));
}

void
api_apply_settings(struct api *api)
{
	const struct settings *s = &api->relay->worker->settings;

	load_tokens(api);
	if (api->http == NULL)
		return;
	evhttp_set_max_body_size(api->http, (ssize_t)s->api.max_body);
	api_conns_set_max(&api->conns, s->api.max_connections);
}

int
api_start(struct api *api, struct relay *relay)
{
	int fd = worker_fd(relay->worker, SLOT_FD_API_LISTENER, 0);
	struct event_base *base = relay->worker->base;

	api->relay = relay;
	if (api_registry_init(&api->registry) != 0)
		return -ENOMEM;
	if (fd < 0) {
		load_tokens(api);
		return 0;
	}
	api->http = evhttp_new(base);
	/* The listen socket is the slot's: never closed here. */
	api->listener = evconnlistener_new(base, NULL, NULL,
	    LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (api->http == NULL || api->listener == NULL)
		return -ENOMEM;
	api_conns_init(&api->conns, base, api->listener,
	    relay->worker->settings.api.max_connections);
	evhttp_set_bevcb(api->http, api_conns_on_new, &api->conns);
	evhttp_set_max_headers_size(api->http, API_MAX_HEADERS);
	evhttp_set_allowed_methods(api->http,
	    EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_DELETE |
		EVHTTP_REQ_PUT | EVHTTP_REQ_HEAD);
	evhttp_set_gencb(api->http, on_request, api);
	if (evhttp_bind_listener(api->http, api->listener) == NULL)
		return -ENOMEM;
	evconnlistener_set_error_cb(api->listener, on_accept_error);
	api_apply_settings(api);
	return 0;
}

void
api_pause(struct api *api)
{
	if (api->http != NULL)
		api_conns_stop_accepting(&api->conns);
}

uint32_t
api_busy(const struct api *api)
{
	return api->http != NULL ? api->conns.busy_count : 0;
}

void
api_tick(struct api *api)
{
	const struct settings *s = &api->relay->worker->settings;
	struct stat now;

	if (api->http != NULL)
		api_conns_tick(&api->conns, API_MAX_WAIT_MS);
	if (!api->tokens_wanted || stat(s->api.tokens_file, &now) != 0)
		return;
	if (now.st_mtim.tv_sec != api->tokens_stat.st_mtim.tv_sec ||
	    now.st_mtim.tv_nsec != api->tokens_stat.st_mtim.tv_nsec ||
	    now.st_ino != api->tokens_stat.st_ino)
		load_tokens(api);
}
