/* SPDX-License-Identifier: ISC */
/*
 * The admin pages (see admin.h).
 */
#include "supervisor/admin.h"

#include <errno.h>
#include <string.h>

#include <event2/buffer.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "supervisor/agent.h"
#include "supervisor/fleet/fleet_deaf.h"
#include "supervisor/fleet/fleet_lease.h"
#include "supervisor/metrics.h"
#include "supervisor/supervisor.h"

#define MAX_HEADERS (16u * 1024)
#define TIMEOUT_S   10

static void
answer(struct evhttp_request *request, int code, const char *reason,
    const char *type, const char *text, size_t len)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	struct evbuffer *body = evbuffer_new();

	evhttp_add_header(headers, "Content-Type", type);
	evhttp_add_header(headers, "Cache-Control", "no-store");
	evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
	if (body != NULL && evbuffer_add(body, text, len) == 0)
		evhttp_send_reply(request, code, reason, body);
	else
		evhttp_send_error(request, HTTP_INTERNAL, NULL);
	if (body != NULL)
		evbuffer_free(body);
}

static void
answer_text(struct evhttp_request *request, int code, const char *reason,
    const char *text)
{
	answer(request, code, reason, "text/plain; charset=utf-8", text,
	    strlen(text));
}

static void
on_healthz(struct evhttp_request *request, void *arg)
{
	(void)arg;
	answer_text(request, HTTP_OK, "OK", "ok\n");
}

static void
on_readyz(struct evhttp_request *request, void *arg)
{
	const struct supervisor *sup = arg;
	enum slot_path path;
	char text[192];
	int len;

	if (supervisor_is_ready(sup)) {
		answer_text(request, HTTP_OK, "OK", "ready\n");
		return;
	}
	len = snprintf(text, sizeof(text), "%s: %u of %u slots serve",
	    lifecycle_state_name(sup->lifecycle.state), supervisor_serving(sup),
	    sup->slot_count);
	if (fleet_is_cut_off(sup))
		snprintf(text + len, sizeof(text) - (size_t)len,
		    "; cut off from Redis\n");
	else if (fleet_is_taken(sup))
		snprintf(text + len, sizeof(text) - (size_t)len,
		    "; another node has this node.id\n");
	else if (fleet_is_deaf(sup, &path))
		snprintf(text + len, sizeof(text) - (size_t)len,
		    "; deaf: nothing comes by the node's %s\n",
		    slot_path_name(path));
	else
		snprintf(text + len, sizeof(text) - (size_t)len, "\n");
	answer_text(request, HTTP_SERVUNAVAIL, "Service Unavailable", text);
}

static void
on_metrics(struct evhttp_request *request, void *arg)
{
	struct textbuf text;

	textbuf_init(&text, METRICS_MAX_BYTES);
	metrics_render(arg, &text);
	if (textbuf_error(&text) == 0)
		answer(request, HTTP_OK, "OK", METRICS_TYPE,
		    textbuf_text(&text), text.len);
	else
		evhttp_send_error(request, HTTP_INTERNAL, NULL);
	textbuf_clear(&text);
}

static void
on_other(struct evhttp_request *request, void *arg)
{
	const struct supervisor *sup = arg;
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	const char *path = uri == NULL ? NULL : evhttp_uri_get_path(uri);
	char text[1024];

	if (path == NULL || strcmp(path, "/") != 0) {
		answer_text(request, HTTP_NOTFOUND, "Not Found", "not found\n");
		return;
	}
	snprintf(text, sizeof(text),
	    "holdfast %s, node %s: %s, %u of %u slots serve,"
	    " %u connections\n\n"
	    "/healthz  alive\n"
	    "/readyz   takes traffic\n"
	    "/metrics  Prometheus\n",
	    HOLDFAST_VERSION, sup->conf.settings.node.id,
	    lifecycle_state_name(sup->lifecycle.state), supervisor_serving(sup),
	    sup->slot_count, node_connections(&sup->node));
	answer_text(request, HTTP_OK, "OK", text);
}

int
admin_start(struct supervisor *sup)
{
	struct listener *listener = &sup->listeners.admin;
	struct evhttp *http;
	int rc = agent_start(sup);

	if (rc != 0 || listener->fd == -1)
		return rc;
	http = evhttp_new(sup->base);
	if (http == NULL)
		return -ENOMEM;
	evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_max_headers_size(http, MAX_HEADERS);
	evhttp_set_max_body_size(http, 0);
	evhttp_set_timeout(http, TIMEOUT_S);
	if (evhttp_set_cb(http, "/healthz", on_healthz, sup) != 0 ||
	    evhttp_set_cb(http, "/readyz", on_readyz, sup) != 0 ||
	    evhttp_set_cb(http, "/metrics", on_metrics, sup) != 0 ||
	    evhttp_accept_socket_with_handle(http, listener->fd) == NULL) {
		evhttp_free(http);
		return -ENOMEM;
	}
	evhttp_set_gencb(http, on_other, sup);
	/* evhttp closes it from now on; the number stays for status. */
	sup->admin.http = http;
	return 0;
}

void
admin_stop(struct supervisor *sup)
{
	agent_stop(sup);
	if (sup->admin.http == NULL)
		return;
	evhttp_free(sup->admin.http);
	sup->admin.http = NULL;
	sup->listeners.admin.fd = -1;
}
