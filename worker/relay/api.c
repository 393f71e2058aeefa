/* SPDX-License-Identifier: ISC */
/*
 * The server side of the HTTP API: listener, limits, who may ask, and which
 * handler a path has.  evhttp reads requests and writes replies; what it
 * refuses itself (malformed heads, bodies far above the limit) it answers with
 * a status and a page of its own.
 */
#include "worker/relay/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>

#include "lib/cidr.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "worker/relay/api_call.h"
#include "worker/relay/relay.h"

#define MAX_HEADERS	(16 * 1024)
#define IDLE_MS		60000u /* between a reply and the next whole request */
#define WRITE_TIMEOUT_S 60
/* Above max_body: so far we read on, to refuse it with JSON. */
#define BODY_GRACE (64 * 1024)

#define GET    EVHTTP_REQ_GET
#define POST   EVHTTP_REQ_POST
#define DELETE EVHTTP_REQ_DELETE
#define ALL_METHODS                                                            \
	(GET | POST | DELETE | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT |              \
	    EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH | EVHTTP_REQ_TRACE |         \
	    EVHTTP_REQ_CONNECT)

static const struct api_route {
	const char *path; /* one that ends in '/' is followed by a client id */
	const char *allow;
	struct {
		enum evhttp_cmd_type method;
		api_handler *handler;
	} methods[2];
} routes[] = {
	{ "/api/v1/gateway/dispatch", "POST", { { POST, api_dispatch_post } } },
	{ "/api/v1/gateway/disconnect", "POST",
	    { { POST, api_disconnect_post } } },
	{ "/api/v1/gateway/broadcast", "POST",
	    { { POST, api_broadcast_post } } },
	{ "/api/v1/registry/register", "POST",
	    { { POST, api_registry_post } } },
	{ "/api/v1/registry/", "GET, DELETE",
	    { { GET, api_registry_get }, { DELETE, api_registry_delete } } },
	{ "/api/v1/fleet/nodes", "GET", { { GET, api_fleet_nodes_get } } },
};

/* Fills the client id that ends a path: false when it cannot be one. */
static bool
read_client_id(struct api_call *call, const char *encoded)
{
	char *decoded;
	size_t len;
	bool ok;

	decoded = evhttp_uridecode(encoded, 0, &len);
	if (decoded == NULL)
		return false;
	ok = api_client_id_ok(decoded, len);
	if (ok) {
		memcpy(call->client_id, decoded, len);
		call->client_id[len] = '\0';
		call->client_id_len = len;
	}
	free(decoded);
	return ok;
}

static const struct api_route *
find_route(const char *path)
{
	size_t i, len;

	for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		len = strlen(routes[i].path);
		if (routes[i].path[len - 1] == '/' ?
			strncmp(path, routes[i].path, len) == 0 :
			strcmp(path, routes[i].path) == 0)
			return &routes[i];
	}
	return NULL;
}

/* The handler of a request, or NULL and *fault. */
static api_handler *
route(struct api_call *call, struct api_fault *fault)
{
	const struct evhttp_uri *uri;
	const struct api_route *found;
	struct api_query query;
	bool has_scope;
	const char *path;
	size_t i, len;

	uri = evhttp_request_get_evhttp_uri(call->request);
	path = evhttp_uri_get_path(uri);
	found = find_route(path != NULL ? path : "");
	if (found == NULL) {
		api_fault_set(fault, 404, "not_found",
		    "the API has no such path; see holdfast-protocol(7)");
		return NULL;
	}
	for (i = 0; i < 2; i++) {
		if (found->methods[i].handler != NULL &&
		    found->methods[i].method ==
			evhttp_request_get_command(call->request))
			break;
	}
	if (i == 2) {
		evhttp_add_header(evhttp_request_get_output_headers(
				      call->request),
		    "Allow", found->allow);
		api_fault_set(fault, 405, "method_not_allowed", "%s takes %s",
		    found->path, found->allow);
		return NULL;
	}
	len = strlen(found->path);
	if (found->path[len - 1] == '/' && !read_client_id(call, path + len)) {
		api_fault_set(fault, 404, "not_found",
		    "a client id has 1 to 100 printable ASCII characters and "
		    "no blank");
		return NULL;
	}
	has_scope = found->methods[i].handler == api_broadcast_post ||
	    found->methods[i].handler == api_fleet_nodes_get;
	if (api_query_parse(evhttp_uri_get_query(uri), API_MAX_WAIT_MS,
		has_scope, &query, fault) != 0)
		return NULL;
	call->wait_ms = query.wait_ms;
	call->is_node_scope = query.is_node_scope;
	return found->methods[i].handler;
}

/* Without tokens only programs of this host may ask; a browser that shows a
 * foreign page is none of them, however it got here. */
static int
check_caller(const struct api_call *call, struct api_fault *fault)
{
	const struct api *api = call->api;
	struct evkeyvalq *headers = evhttp_request_get_input_headers(
	    call->request);
	const char *host;

	if (api->refuse_all)
		return api_fault_set(fault, 403, "no_tokens",
		    "api.address is not a loopback address and there is no "
		    "api.tokens_file");
	if (api->tokens_wanted) {
		if (api_tokens_find(&api->tokens,
			evhttp_find_header(headers, "Authorization")) != NULL)
			return 0;
		evhttp_add_header(evhttp_request_get_output_headers(
				      call->request),
		    "WWW-Authenticate", "Bearer");
		return api_fault_set(fault, 401, "unauthorized",
		    "send a token of api.tokens_file as 'Authorization: Bearer "
		    "TOKEN'");
	}
	host = evhttp_find_header(headers, "Host");
	if (evhttp_find_header(headers, "Origin") != NULL ||
	    (host != NULL && !api_host_is_literal(host)))
		return api_fault_set(fault, 403, "forbidden",
		    "without api.tokens_file the API is not for browsers: no "
		    "Origin, and Host is an address or localhost");
	return 0;
}

static int
read_body(struct api_call *call, struct api_fault *fault)
{
	struct evbuffer *input = evhttp_request_get_input_buffer(call->request);
	uint64_t max = call->relay->worker->settings.api.max_body;

	call->body_len = evbuffer_get_length(input);
	if (call->body_len > max)
		return api_fault_set(fault, 413, "body_too_large",
		    "a body has at most %llu bytes (api.max_body)",
		    (unsigned long long)max);
	call->body = (const char *)evbuffer_pullup(input, -1);
	if (call->body == NULL)
		call->body = "";
	return 0;
}

static void
on_request(struct evhttp_request *request, void *arg)
{
	struct api *api = arg;
	struct api_call *call;
	struct api_fault fault;
	api_handler *handler = NULL;

	worker_beat(api->relay->worker);
	call = calloc(1, sizeof(*call));
	if (call == NULL) {
		evhttp_send_error(request, 503, NULL);
		return;
	}
	call->api = api;
	call->relay = api->relay;
	call->request = request;
	call->started_us = clock_mono_us();
	api_conns_busy(&api->conns, request);
	if (check_caller(call, &fault) == 0)
		handler = route(call, &fault);
	if (handler == NULL || read_body(call, &fault) != 0) {
		api_reply_fault(call, &fault);
		return;
	}
	handler(call);
	shards_wake(&api->relay->shards);
}

/* Is it bound where only this host can connect?  Unknown counts as no. */
static bool
is_loopback(int fd)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	struct ipaddr ip;
	uint16_t port;

	return getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
	    ipaddr_from_sockaddr((struct sockaddr *)&address, &ip, &port) ==
	    0 &&
	    ipaddr_is_loopback(&ip);
}

/* A file that cannot be used leaves the tokens as they are: none at the start,
 * so that nobody gets in. */
static void
load_tokens(struct api *api)
{
	const char *path = api->relay->worker->settings.api.tokens_file;
	unsigned line;
	int rc;

	if (stat(path, &api->tokens_stat) != 0)
		memset(&api->tokens_stat, 0, sizeof(api->tokens_stat));
	rc = api_tokens_load(path, &api->tokens, &line);
	if (rc == 0)
		log_info("api_tokens", NULL, log_text("file", path),
		    log_uint("tokens", api->tokens.count));
	else
		log_error("api_tokens_refused",
		    api->tokens.count > 0 ?
			"the tokens read before stay valid" :
			"the API refuses everybody",
		    log_text("file", path), log_uint("line", line),
		    log_errno(rc));
}

static bool
tokens_changed(const struct api *api)
{
	struct stat now;

	if (stat(api->relay->worker->settings.api.tokens_file, &now) != 0)
		return false; /* being replaced, or a mishap: keep them */
	return now.st_ino != api->tokens_stat.st_ino ||
	    now.st_size != api->tokens_stat.st_size ||
	    now.st_mtim.tv_sec != api->tokens_stat.st_mtim.tv_sec ||
	    now.st_mtim.tv_nsec != api->tokens_stat.st_mtim.tv_nsec;
}

void
api_apply_settings(struct api *api)
{
	const struct settings *settings = &api->relay->worker->settings;

	if (api->http == NULL)
		return;
	evhttp_set_max_body_size(api->http,
	    (ev_ssize_t)settings->api.max_body + BODY_GRACE);
	api_conns_set_max(&api->conns, settings->api.max_connections);
	api->tokens_wanted = settings->api.tokens_file[0] != '\0';
	if (api->tokens_wanted)
		load_tokens(api);
	else
		api->tokens.count = 0;
	api->refuse_all = !api->tokens_wanted &&
	    !is_loopback(evconnlistener_get_fd(api->listener));
}

static int
open_server(struct api *api, int fd)
{
	struct event_base *base = api->relay->worker->base;

	api->http = evhttp_new(base);
	if (api->http == NULL)
		return -ENOMEM;
	/* no LEV_OPT_CLOSE_ON_FREE: the fd belongs to the slot */
	api->listener = evconnlistener_new(base, NULL, NULL,
	    LEV_OPT_CLOSE_ON_EXEC, -1, fd);
	if (api->listener == NULL)
		return -ENOMEM;
	if (evhttp_bind_listener(api->http, api->listener) == NULL) {
		evconnlistener_free(api->listener);
		return -ENOMEM;
	}
	evhttp_set_allowed_methods(api->http, ALL_METHODS);
	evhttp_set_max_headers_size(api->http, MAX_HEADERS);
	evhttp_set_timeout(api->http, WRITE_TIMEOUT_S);
	evhttp_set_default_content_type(api->http, NULL);
	evhttp_set_gencb(api->http, on_request, api);
	evhttp_set_bevcb(api->http, api_conns_on_new, &api->conns);
	return 0;
}

int
api_start(struct api *api, struct relay *relay)
{
	int fd, rc;

	memset(api, 0, sizeof(*api));
	api->relay = relay;
	rc = api_registry_init(&api->registry);
	fd = worker_fd(relay->worker, SLOT_FD_API_LISTENER, 0);
	if (rc != 0 || fd < 0)
		return rc;
	rc = open_server(api, fd);
	if (rc != 0)
		return rc;
	api_conns_init(&api->conns, relay->worker->base, api->listener,
	    relay->worker->settings.api.max_connections);
	api_apply_settings(api);
	return 0;
}

void
api_part(struct api *api)
{
	if (api->http != NULL)
		api_conns_stop_accepting(&api->conns);
}

void
api_resume(struct api *api)
{
	if (api->http != NULL)
		api_conns_accept_again(&api->conns);
}

bool
api_is_parting(const struct api *api)
{
	return api->conns.closed;
}

bool
api_has_parted(struct api *api)
{
	if (api->http == NULL)
		return true;
	api_conns_part(&api->conns);
	return api->conns.count == 0;
}

void
api_tick(struct api *api)
{
	if (api->http == NULL)
		return;
	api_conns_tick(&api->conns, IDLE_MS);
	if (api->tokens_wanted && tokens_changed(api))
		load_tokens(api);
}
