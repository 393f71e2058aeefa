/* SPDX-License-Identifier: ISC */
/*
 * The rows of the configuration, one for each key, and what a row cannot say.
 * See settings.h; holdfast.conf(5) tells the same to people.
 */
#include "proto/settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const slow_words[] = { "close", "drop", NULL };
static const char *const auth_words[] = { "none", "proxy", NULL };
static const char *const upstream_words[] = { "none", "echo", NULL };
static const char *const level_words[] = { "debug", "info", "notice", "warn",
	"error", NULL };
static const char *const format_words[] = { "logfmt", "json", NULL };

static const struct conf_key rows[] = {
	{
	    .name = "node.id",
	    .type = CONF_STRING,
	    .reload = CONF_RESTART,
	    .programs = SETTINGS_SUPERVISOR | SETTINGS_GATEWAY | SETTINGS_RELAY,
	    CONF_AT(struct settings, node.id),
	    .default_text = "",
	    .min = 1,
	    .max = 127,
	    .doc = "this node's name in the fleet; \"\" stands for the "
		   "host name",
	},
	{
	    .name = "node.region",
	    .type = CONF_STRING,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_SUPERVISOR | SETTINGS_RELAY,
	    CONF_AT(struct settings, node.region),
	    .default_text = "",
	    .min = 0,
	    .max = 63,
	    .doc = "where it stands, for people",
	},
	{
	    .name = "node.run_dir",
	    .type = CONF_PATH,
	    .reload = CONF_RESTART,
	    .programs = SETTINGS_SUPERVISOR,
	    CONF_AT(struct settings, node.run_dir),
	    .default_text = "/run/holdfast",
	    .doc = "control socket, pid file and lock",
	},
	{
	    .name = "node.state_dir",
	    .type = CONF_PATH,
	    .reload = CONF_RESTART,
	    .programs = SETTINGS_SUPERVISOR,
	    CONF_AT(struct settings, node.state_dir),
	    .default_text = "/var/lib/holdfast",
	    .doc = "what must survive a reboot",
	},
	{
	    .name = "node.user",
	    .type = CONF_STRING,
	    .reload = CONF_RESTART,
	    .programs = SETTINGS_SUPERVISOR,
	    .flags = CONF_OPTIONAL,
	    CONF_AT(struct settings, node.user),
	    .default_text = "holdfast",
	    .min = 0,
	    .max = 63,
	    .doc = "user the workers run as when started by root; \"\" "
		   "keeps the user",
	},
	{
	    .name = "node.workers",
	    .type = CONF_COUNT,
	    .reload = CONF_RESTART,
	    .programs = SETTINGS_SUPERVISOR,
	    CONF_AT(struct settings, node.workers),
	    .default_text = "0",
	    .min = 0,
	    .max = 64,
	    .doc = "gateway slots; 0 = one for each online CPU",
	},
	{
	    .name = "node.pin_cpus",
	    .type = CONF_BOOL,
	    .reload = CONF_RESTART,
	    .programs = SETTINGS_SUPERVISOR,
	    CONF_AT(struct settings, node.pin_cpus),
	    .default_text = "true",
	    .doc = "bind each gateway to a CPU of its own",
	},
	{
	    .name = "node.capacity",
	    .type = CONF_COUNT,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_SUPERVISOR | SETTINGS_RELAY,
	    CONF_AT(struct settings, node.capacity),
	    .default_text = "100000",
	    .min = 1,
	    .max = 10000000,
	    .doc = "connections this node may hold",
	},
	{
	    .name = "websocket.path",
	    .type = CONF_STRING,
	    .reload = CONF_NEW_CONNECTIONS,
	    .programs = SETTINGS_GATEWAY,
	    CONF_AT(struct settings, websocket.path),
	    .default_text = "/ws",
	    .min = 1,
	    .max = 127,
	    .doc = "path of the WebSocket",
	},
	{
	    .name = "websocket.max_message",
	    .type = CONF_SIZE,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_GATEWAY,
	    CONF_AT(struct settings, websocket.max_message),
	    .default_text = "1MiB",
	    .min = 125,
	    .max = 1073741824,
	    .doc = "largest message from a client, also when inflated "
		   "(1009)",
	},
	{
	    .name = "websocket.max_frames",
	    .type = CONF_COUNT,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_GATEWAY,
	    CONF_AT(struct settings, websocket.max_frames),
	    .default_text = "1024",
	    .min = 1,
	    .max = 1000000,
	    .doc = "frames of one message (1008)",
	},
	{
	    .name = "websocket.max_header",
	    .type = CONF_SIZE,
	    .reload = CONF_NEW_CONNECTIONS,
	    .programs = SETTINGS_GATEWAY,
	    CONF_AT(struct settings, websocket.max_header),
	    .default_text = "8KiB",
	    .min = 512,
	    .max = 65536,
	    .doc = "largest request head (431)",
	},
	{
	    .name = "websocket.handshake_timeout",
	    .type = CONF_DURATION,
	    .reload = CONF_NEW_CONNECTIONS,
	    .programs = SETTINGS_GATEWAY,
	    CONF_AT(struct settings, websocket.handshake_timeout_ms),
	    .default_text = "10s",
	    .min = 100,
	    .max = 300000,
	    .doc = "from accept to 101",
	},
	{
	    .name = "websocket.close_timeout",
	    .type = CONF_DURATION,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_GATEWAY,
	    CONF_AT(struct settings, websocket.close_timeout_ms),
	    .default_text = "5s",
	    .min = 100,
	    .max = 60000,
	    .doc = "for the peer's answer to our close frame",
	},
	{
	    .name = "websocket.ping_interval",
	    .type = CONF_DURATION,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_GATEWAY,
	    CONF_AT(struct settings, websocket.ping_interval_ms),
	    .default_text = "15s",
	    .min = 500,
	    .max = 3600000,
	    .doc = "a client that is silent for so long is pinged",
	},
	{
	    .name = "websocket.ping_misses",
	    .type = CONF_COUNT,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_GATEWAY,
	    CONF_AT(struct settings, websocket.ping_misses),
	    .default_text = "2",
	    .min = 1,
	    .max = 100,
	    .doc = "silent for this many intervals: gone (1001)",
	},
	{
	    .name = "websocket.compression",
	    .type = CONF_BOOL,
	    .reload = CONF_NEW_CONNECTIONS,
	    .programs = SETTINGS_GATEWAY,
	    CONF_AT(struct settings, websocket.compression),
	    .default_text = "true",
	    .doc = "agree to permessage-deflate",
	},
	{
	    .name = "websocket.compression_level",
	    .type = CONF_COUNT,
	    .reload = CONF_RECYCLE,
	    .programs = SETTINGS_GATEWAY,
	    CONF_AT(struct settings, websocket.compression_level),
	    .default_text = "1",
	    .min = 1,
	    .max = 9,
	    .doc = "zlib's, 1 = fast",
	},
	{
	    .name = "websocket.max_queue",
	    .type = CONF_SIZE,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_GATEWAY,
	    CONF_AT(struct settings, websocket.max_queue),
	    .default_text = "1MiB",
	    .min = 4096,
	    .max = 1073741824,
	    .doc = "bytes that may wait for one client before it is a "
		   "slow consumer",
	},
	{
	    .name = "websocket.slow_consumer",
	    .type = CONF_ENUM,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_GATEWAY,
	    CONF_AT(struct settings, websocket.slow_consumer),
	    .default_text = "close",
	    .words = slow_words,
	    .doc = "what becomes of one: close it (1013) or drop the "
		   "newest message",
	},
	{
	    .name = "websocket.max_messages_per_second",
	    .type = CONF_COUNT,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_GATEWAY,
	    CONF_AT(struct settings, websocket.max_messages_per_second),
	    .default_text = "0",
	    .min = 0,
	    .max = 1000000,
	    .doc = "from one client (1008); 0 = any",
	},
	{
	    .name = "websocket.max_bytes_per_second",
	    .type = CONF_SIZE,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_GATEWAY,
	    CONF_AT(struct settings, websocket.max_bytes_per_second),
	    .default_text = "0",
	    .min = 0,
	    .max = 1073741824,
	    .doc = "from one client (1008); 0 = any",
	},
	{
	    .name = "websocket.max_age",
	    .type = CONF_DURATION,
	    .reload = CONF_NEW_CONNECTIONS,
	    .programs = SETTINGS_GATEWAY,
	    CONF_AT(struct settings, websocket.max_age_ms),
	    .default_text = "0",
	    .min = 0,
	    .max = 31536000000,
	    .doc = "close connections of this age (1001); 0 = never",
	},
	{
	    .name = "websocket.max_age_dither",
	    .type = CONF_DURATION,
	    .reload = CONF_NEW_CONNECTIONS,
	    .programs = SETTINGS_GATEWAY,
	    CONF_AT(struct settings, websocket.max_age_dither_ms),
	    .default_text = "0",
	    .min = 0,
	    .max = 2592000000,
	    .doc = "spread that over so much more time",
	},
	{
	    .name = "websocket.origins",
	    .type = CONF_STRINGS,
	    .reload = CONF_NEW_CONNECTIONS,
	    .programs = SETTINGS_GATEWAY,
	    CONF_AT(struct settings, websocket.origins),
	    .default_text = "",
	    .min = 0,
	    .max = 32,
	    .doc = "exact origins of browsers that may connect; none = "
		   "all",
	},
	{
	    .name = "auth.mode",
	    .type = CONF_ENUM,
	    .reload = CONF_NEW_CONNECTIONS,
	    .programs = SETTINGS_SUPERVISOR | SETTINGS_GATEWAY,
	    CONF_AT(struct settings, auth.mode),
	    .default_text = "none",
	    .words = auth_words,
	    .doc = "how clients are identified: not at all, or by a "
		   "trusted proxy",
	},
	{
	    .name = "auth.trusted_proxies",
	    .type = CONF_CIDRS,
	    .reload = CONF_NEW_CONNECTIONS,
	    .programs = SETTINGS_SUPERVISOR | SETTINGS_GATEWAY,
	    CONF_AT(struct settings, auth.trusted_proxies),
	    .default_text = "",
	    .min = 0,
	    .max = 32,
	    .doc = "proxies whose X-Client-Id and X-Forwarded-For are "
		   "believed",
	},
	{
	    .name = "upstream.mode",
	    .type = CONF_ENUM,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_SUPERVISOR | SETTINGS_GATEWAY,
	    CONF_AT(struct settings, upstream.mode),
	    .default_text = "none",
	    .words = upstream_words,
	    .doc = "what becomes of clients' messages",
	},
	{
	    .name = "api.address",
	    .type = CONF_ADDRESS,
	    .reload = CONF_RESTART,
	    .programs = SETTINGS_SUPERVISOR | SETTINGS_RELAY,
	    CONF_AT(struct settings, api.address),
	    .default_text = "127.0.0.1",
	    .doc = "address of the HTTP API",
	},
	{
	    .name = "api.port",
	    .type = CONF_COUNT,
	    .reload = CONF_RESTART,
	    .programs = SETTINGS_SUPERVISOR | SETTINGS_RELAY,
	    CONF_AT(struct settings, api.port),
	    .default_text = "8081",
	    .min = 0,
	    .max = 65535,
	    .doc = "its port; 0 = any free one",
	},
	{
	    .name = "api.enabled",
	    .type = CONF_BOOL,
	    .reload = CONF_RESTART,
	    .programs = SETTINGS_SUPERVISOR | SETTINGS_RELAY,
	    CONF_AT(struct settings, api.enabled),
	    .default_text = "true",
	    .doc = "serve the HTTP API",
	},
	{
	    .name = "api.tokens_file",
	    .type = CONF_PATH,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_SUPERVISOR | SETTINGS_RELAY,
	    .flags = CONF_OPTIONAL,
	    CONF_AT(struct settings, api.tokens_file),
	    .default_text = "",
	    .doc = "bearer tokens, one a line; \"\" = none, and then "
		   "loopback only",
	},
	{
	    .name = "api.max_body",
	    .type = CONF_SIZE,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_RELAY,
	    CONF_AT(struct settings, api.max_body),
	    .default_text = "1MiB",
	    .min = 1024,
	    .max = 67108864,
	    .doc = "largest request body (413)",
	},
	{
	    .name = "api.request_timeout",
	    .type = CONF_DURATION,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_RELAY,
	    CONF_AT(struct settings, api.request_timeout_ms),
	    .default_text = "5s",
	    .min = 100,
	    .max = 300000,
	    .doc = "for a gateway's answer, then status unknown",
	},
	{
	    .name = "api.max_connections",
	    .type = CONF_COUNT,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_RELAY,
	    CONF_AT(struct settings, api.max_connections),
	    .default_text = "1024",
	    .min = 1,
	    .max = 100000,
	    .doc = "HTTP connections at a time",
	},
	{
	    .name = "admin.address",
	    .type = CONF_ADDRESS,
	    .reload = CONF_RESTART,
	    .programs = SETTINGS_SUPERVISOR,
	    CONF_AT(struct settings, admin.address),
	    .default_text = "127.0.0.1",
	    .doc = "address of health and metrics",
	},
	{
	    .name = "admin.port",
	    .type = CONF_COUNT,
	    .reload = CONF_RESTART,
	    .programs = SETTINGS_SUPERVISOR,
	    CONF_AT(struct settings, admin.port),
	    .default_text = "8082",
	    .min = 0,
	    .max = 65535,
	    .doc = "its port; 0 = any free one",
	},
	{
	    .name = "admin.enabled",
	    .type = CONF_BOOL,
	    .reload = CONF_RESTART,
	    .programs = SETTINGS_SUPERVISOR,
	    CONF_AT(struct settings, admin.enabled),
	    .default_text = "true",
	    .doc = "serve health and metrics over HTTP",
	},
	{
	    .name = "admission.handshakes_per_second",
	    .type = CONF_COUNT,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_GATEWAY,
	    CONF_AT(struct settings, admission.handshakes_per_second),
	    .default_text = "5000",
	    .min = 0,
	    .max = 1000000,
	    .doc = "new connections of the node; 0 = any",
	},
	{
	    .name = "admission.burst",
	    .type = CONF_COUNT,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_GATEWAY,
	    CONF_AT(struct settings, admission.burst),
	    .default_text = "0",
	    .min = 0,
	    .max = 1000000,
	    .doc = "of them at once; 0 = a tenth of a second's worth",
	},
	{
	    .name = "admission.queue",
	    .type = CONF_DURATION,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_GATEWAY,
	    CONF_AT(struct settings, admission.queue_ms),
	    .default_text = "500ms",
	    .min = 0,
	    .max = 60000,
	    .doc = "how long those over the rate wait before 503",
	},
	{
	    .name = "admission.max_per_ip",
	    .type = CONF_COUNT,
	    .reload = CONF_RECYCLE,
	    .programs = SETTINGS_GATEWAY,
	    CONF_AT(struct settings, admission.max_per_ip),
	    .default_text = "0",
	    .min = 0,
	    .max = 1000000,
	    .doc = "connections of one address (429); 0 = any",
	},
	{
	    .name = "admission.retry_after",
	    .type = CONF_DURATION,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_GATEWAY,
	    CONF_AT(struct settings, admission.retry_after_ms),
	    .default_text = "1s",
	    .min = 100,
	    .max = 3600000,
	    .doc = "least Retry-After of a 503, to which as much jitter "
		   "is added",
	},
	{
	    .name = "drain.window",
	    .type = CONF_DURATION,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_SUPERVISOR,
	    CONF_AT(struct settings, drain.window_ms),
	    .default_text = "3m",
	    .min = 0,
	    .max = 86400000,
	    .doc = "closes of a drain are spread over it",
	},
	{
	    .name = "drain.lb_wait",
	    .type = CONF_DURATION,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_SUPERVISOR,
	    CONF_AT(struct settings, drain.lb_wait_ms),
	    .default_text = "10s",
	    .min = 0,
	    .max = 3600000,
	    .doc = "not ready, but still accepting, before a drain",
	},
	{
	    .name = "drain.lease_wait",
	    .type = CONF_DURATION,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_SUPERVISOR,
	    CONF_AT(struct settings, drain.lease_wait_ms),
	    .default_text = "60s",
	    .min = 0,
	    .max = 3600000,
	    .doc = "for the fleet's permission to drain",
	},
	{
	    .name = "memory.max_arena",
	    .type = CONF_SIZE,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_SUPERVISOR | SETTINGS_GATEWAY,
	    CONF_AT(struct settings, memory.max_arena),
	    .default_text = "1GiB",
	    .min = 16777216,
	    .max = 274877906944,
	    .doc = "bytes in flight, of the whole node",
	},
	{
	    .name = "worker.stall",
	    .type = CONF_DURATION,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_SUPERVISOR | SETTINGS_GATEWAY | SETTINGS_RELAY,
	    CONF_AT(struct settings, worker.stall_ms),
	    .default_text = "5s",
	    .min = 200,
	    .max = 600000,
	    .doc = "a worker that stands still for so long is replaced",
	},
	{
	    .name = "worker.max_rss",
	    .type = CONF_SIZE,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_GATEWAY | SETTINGS_RELAY,
	    CONF_AT(struct settings, worker.max_rss),
	    .default_text = "0",
	    .min = 0,
	    .max = 1099511627776,
	    .doc = "private memory at which a worker is recycled; 0 = "
		   "never",
	},
	{
	    .name = "worker.crash_window",
	    .type = CONF_DURATION,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_SUPERVISOR | SETTINGS_GATEWAY | SETTINGS_RELAY,
	    CONF_AT(struct settings, worker.crash_window_ms),
	    .default_text = "60s",
	    .min = 1000,
	    .max = 3600000,
	    .doc = "deaths within it are in a row",
	},
	{
	    .name = "worker.max_crashes",
	    .type = CONF_COUNT,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_SUPERVISOR,
	    CONF_AT(struct settings, worker.max_crashes),
	    .default_text = "5",
	    .min = 1,
	    .max = 1000,
	    .doc = "unexplained ones in the window until a slot is "
		   "evacuated",
	},
	{
	    .name = "worker.backoff",
	    .type = CONF_DURATION,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_GATEWAY | SETTINGS_RELAY,
	    CONF_AT(struct settings, worker.backoff_ms),
	    .default_text = "100ms",
	    .min = 1,
	    .max = 60000,
	    .doc = "before the third tenant of a row, then doubled",
	},
	{
	    .name = "worker.backoff_max",
	    .type = CONF_DURATION,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_GATEWAY | SETTINGS_RELAY,
	    CONF_AT(struct settings, worker.backoff_max_ms),
	    .default_text = "10s",
	    .min = 1,
	    .max = 3600000,
	    .doc = "the longest",
	},
	{
	    .name = "worker.poison_faults",
	    .type = CONF_COUNT,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_GATEWAY,
	    CONF_AT(struct settings, worker.poison_faults),
	    .default_text = "3",
	    .min = 0,
	    .max = 1000,
	    .doc = "faults of one client until it is refused; 0 = never",
	},
	{
	    .name = "worker.poison_refuse",
	    .type = CONF_DURATION,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_GATEWAY,
	    CONF_AT(struct settings, worker.poison_refuse_ms),
	    .default_text = "10m",
	    .min = 1000,
	    .max = 604800000,
	    .doc = "for how long",
	},
	{
	    .name = "worker.core_dumps",
	    .type = CONF_BOOL,
	    .reload = CONF_RECYCLE,
	    .programs = SETTINGS_SUPERVISOR | SETTINGS_GATEWAY | SETTINGS_RELAY,
	    CONF_AT(struct settings, worker.core_dumps),
	    .default_text = "false",
	    .doc = "let workers dump core: slows recovery, and holds "
		   "client data",
	},
	{
	    .name = "log.level",
	    .type = CONF_ENUM,
	    .reload = CONF_LIVE,
	    .programs = SETTINGS_SUPERVISOR | SETTINGS_GATEWAY | SETTINGS_RELAY,
	    CONF_AT(struct settings, log.level),
	    .default_text = "info",
	    .words = level_words,
	    .doc = "least important level that is logged",
	},
	{
	    .name = "log.target",
	    .type = CONF_STRING,
	    .reload = CONF_RESTART,
	    .programs = SETTINGS_SUPERVISOR | SETTINGS_GATEWAY | SETTINGS_RELAY,
	    CONF_AT(struct settings, log.target),
	    .default_text = "stderr",
	    .min = 1,
	    .max = 255,
	    .doc = "stderr, syslog, or the path of a file",
	},
	{
	    .name = "log.format",
	    .type = CONF_ENUM,
	    .reload = CONF_RECYCLE,
	    .programs = SETTINGS_SUPERVISOR | SETTINGS_GATEWAY | SETTINGS_RELAY,
	    CONF_AT(struct settings, log.format),
	    .default_text = "logfmt",
	    .words = format_words,
	    .doc = "of a line",
	},
};

static const struct conf_key listen_rows[] = {
	{
	    .name = "address",
	    .type = CONF_ADDRESS,
	    .reload = CONF_RESTART,
	    .programs = SETTINGS_SUPERVISOR,
	    CONF_AT(struct settings_listen, address),
	    .default_text = "127.0.0.1",
	    .doc = "IPv4 or IPv6 address for clients",
	},
	{
	    .name = "port",
	    .type = CONF_COUNT,
	    .reload = CONF_RESTART,
	    .programs = SETTINGS_SUPERVISOR,
	    CONF_AT(struct settings_listen, port),
	    .default_text = "8080",
	    .min = 0,
	    .max = 65535,
	    .doc = "its port; 0 = any free one",
	},
	{
	    .name = "backlog",
	    .type = CONF_COUNT,
	    .reload = CONF_RESTART,
	    .programs = SETTINGS_SUPERVISOR,
	    CONF_AT(struct settings_listen, backlog),
	    .default_text = "4096",
	    .min = 1,
	    .max = 1048576,
	    .doc = "connections the kernel may hold for us",
	},
};

static const struct conf_list lists[] = {
	{
	    .name = "listen",
	    .reload = CONF_RESTART,
	    .programs = SETTINGS_SUPERVISOR,
	    .offset = offsetof(struct settings, listen),
	    .stride = sizeof(struct settings_listen),
	    .count_offset = offsetof(struct settings, listen_count),
	    .max_count = SETTINGS_MAX_LISTEN,
	    .default_count = 1,
	    .keys = listen_rows,
	    .key_count = sizeof(listen_rows) / sizeof(listen_rows[0]),
	    .doc = "where clients connect",
	},
};

static const struct conf_table table = {
	.keys = rows,
	.key_count = sizeof(rows) / sizeof(rows[0]),
	.lists = lists,
	.list_count = sizeof(lists) / sizeof(lists[0]),
	.settings_size = sizeof(struct settings),
};

const struct conf_table *
settings_table(void)
{
	return &table;
}

void
settings_defaults(struct settings *settings)
{
	conf_table_defaults(&table, settings);
}

static int
is_loopback(const char *text)
{
	struct ipaddr addr;

	return ipaddr_parse(text, &addr) == 0 && ipaddr_is_loopback(&addr);
}

int
settings_validate(const struct settings *s, char *out, size_t out_size)
{
	if (s->auth.mode == AUTH_NONE)
		for (uint32_t i = 0; i < s->listen_count; i++)
			if (!is_loopback(s->listen[i].address)) {
				(void)snprintf(out, out_size,
				    "listen[%u].address: %s is not a loopback "
				    "address, which auth.mode \"none\" needs",
				    i, s->listen[i].address);
				return -EINVAL;
			}
	if (s->auth.mode == AUTH_PROXY && s->auth.trusted_proxies.count == 0) {
		(void)snprintf(out, out_size,
		    "auth.mode: \"proxy\" needs auth.trusted_proxies");
		return -EINVAL;
	}
	if (s->api.enabled && s->api.tokens_file[0] == '\0' &&
	    !is_loopback(s->api.address)) {
		(void)snprintf(out, out_size,
		    "api.address: %s is not a loopback address, which the API "
		    "needs without api.tokens_file",
		    s->api.address);
		return -EINVAL;
	}
	if (s->listen_count == 0) {
		(void)snprintf(out, out_size, "listen: at least one is needed");
		return -EINVAL;
	}
	if (s->worker.backoff_max_ms < s->worker.backoff_ms) {
		(void)snprintf(out, out_size,
		    "worker.backoff_max: must not be below worker.backoff");
		return -EINVAL;
	}
	return 0;
}
