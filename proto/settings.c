/* SPDX-License-Identifier: ISC */
/*
 * The rows of the configuration, one for each key: see settings.h.
 * holdfast.conf(5) tells the same to people, and settings_check.c has what a
 * row cannot say.
 */
#include "proto/settings.h"

#include <string.h>

#include "proto/settings_rows.h"

static const char *const slow_words[] = { "close", "drop", NULL };
static const char *const auth_words[] = { "none", "proxy", NULL };
static const char *const level_words[] = { "debug", "info", "notice", "warn",
	"error", NULL };
static const char *const format_words[] = { "logfmt", "json", NULL };

static const struct conf_key rows[] = {
	{
	    KEY("node.id", STRING, RESTART, EVERYBODY, node.id),
	    .default_text = "",
	    .flags = CONF_OPTIONAL,
	    LIMITS(1, 127),
	    .doc = "this node's name in the fleet; \"\" stands for the "
		   "host name",
	},
	{
	    KEY("node.region", STRING, LIVE, SUPERVISOR | RELAY, node.region),
	    .default_text = "",
	    .flags = CONF_OPTIONAL,
	    LIMITS(0, 63),
	    .doc = "where it stands, for people",
	},
	{
	    KEY("node.run_dir", PATH, RESTART, EVERYBODY, node.run_dir),
	    .default_text = "/run/holdfast",
	    .doc = "sockets, pid file, lock, list of slots",
	},
	{
	    KEY("node.state_dir", PATH, RESTART, SUPERVISOR, node.state_dir),
	    .default_text = "/var/lib/holdfast",
	    .doc = "what must survive a reboot",
	},
	{
	    KEY("node.user", STRING, RESTART, SUPERVISOR, node.user),
	    .default_text = "holdfast",
	    .flags = CONF_OPTIONAL,
	    LIMITS(0, 63),
	    .doc = "user the workers run as when started by root; \"\" "
		   "keeps the user",
	},
	{
	    KEY("node.workers", COUNT, LIVE, SUPERVISOR, node.workers),
	    .default_text = "0",
	    LIMITS(0, 64),
	    .doc = "gateway slots; 0 = one for each online CPU",
	},
	{
	    KEY("node.pin_cpus", BOOL, RESTART, SUPERVISOR, node.pin_cpus),
	    .default_text = "true",
	    .doc = "bind each gateway to a CPU of its own",
	},
	{
	    KEY("node.capacity", COUNT, LIVE, SUPERVISOR | RELAY,
		node.capacity),
	    .default_text = "100000",
	    LIMITS(1, 10000000),
	    .doc = "connections this node may hold",
	},
	{
	    KEY("websocket.path", STRING, NEW_CONNECTIONS, GATEWAY,
		websocket.path),
	    .default_text = "/ws",
	    LIMITS(1, 127),
	    .doc = "path of the WebSocket",
	},
	{
	    KEY("websocket.max_message", SIZE, LIVE, GATEWAY,
		websocket.max_message),
	    .default_text = "1MiB",
	    LIMITS(125, 1073741824),
	    .doc = "largest message from a client, also when inflated "
		   "(1009)",
	},
	{
	    KEY("websocket.max_frames", COUNT, LIVE, GATEWAY,
		websocket.max_frames),
	    .default_text = "1024",
	    LIMITS(1, 1000000),
	    .doc = "frames of one message (1008)",
	},
	{
	    KEY("websocket.max_header", SIZE, NEW_CONNECTIONS, GATEWAY,
		websocket.max_header),
	    .default_text = "8KiB",
	    LIMITS(512, 65536),
	    .doc = "largest request head (431)",
	},
	{
	    KEY("websocket.handshake_timeout", DURATION, NEW_CONNECTIONS,
		GATEWAY, websocket.handshake_timeout_ms),
	    .default_text = "10s",
	    LIMITS(100, 300000),
	    .doc = "from accept to 101",
	},
	{
	    KEY("websocket.close_timeout", DURATION, LIVE, GATEWAY,
		websocket.close_timeout_ms),
	    .default_text = "5s",
	    LIMITS(100, 60000),
	    .doc = "for the peer's answer to our close frame",
	},
	{
	    KEY("websocket.ping_interval", DURATION, LIVE, GATEWAY,
		websocket.ping_interval_ms),
	    .default_text = "15s",
	    LIMITS(500, 3600000),
	    .doc = "a client that is silent for so long is pinged",
	},
	{
	    KEY("websocket.ping_misses", COUNT, LIVE, GATEWAY,
		websocket.ping_misses),
	    .default_text = "2",
	    LIMITS(1, 100),
	    .doc = "silent for this many intervals: gone (1001)",
	},
	{
	    KEY("websocket.compression", BOOL, NEW_CONNECTIONS, GATEWAY,
		websocket.compression),
	    .default_text = "true",
	    .doc = "agree to permessage-deflate",
	},
	{
	    KEY("websocket.compression_level", COUNT, RECYCLE, GATEWAY,
		websocket.compression_level),
	    .default_text = "1",
	    LIMITS(1, 9),
	    .doc = "zlib's, 1 = fast",
	},
	{
	    KEY("websocket.max_queue", SIZE, LIVE, GATEWAY,
		websocket.max_queue),
	    .default_text = "1MiB",
	    LIMITS(4096, 1073741824),
	    .doc = "bytes that may wait for one client before it is a "
		   "slow consumer",
	},
	{
	    KEY("websocket.slow_consumer", ENUM, LIVE, GATEWAY,
		websocket.slow_consumer),
	    .default_text = "close",
	    .words = slow_words,
	    .doc = "what becomes of one: close it (1013) or drop the "
		   "newest message",
	},
	{
	    KEY("websocket.max_messages_per_second", COUNT, LIVE, GATEWAY,
		websocket.max_messages_per_second),
	    .default_text = "0",
	    LIMITS(0, 1000000),
	    .doc = "from one client (1008); 0 = any",
	},
	{
	    KEY("websocket.max_bytes_per_second", SIZE, LIVE, GATEWAY,
		websocket.max_bytes_per_second),
	    .default_text = "0",
	    LIMITS(0, 1073741824),
	    .doc = "from one client (1008); 0 = any",
	},
	{
	    KEY("websocket.max_age", DURATION, NEW_CONNECTIONS, GATEWAY,
		websocket.max_age_ms),
	    .default_text = "0",
	    LIMITS(0, 31536000000),
	    .doc = "close connections of this age (1001); 0 = never",
	},
	{
	    KEY("websocket.max_age_dither", DURATION, NEW_CONNECTIONS, GATEWAY,
		websocket.max_age_dither_ms),
	    .default_text = "0",
	    LIMITS(0, 2592000000),
	    .doc = "spread that over so much more time",
	},
	{
	    KEY("websocket.origins", STRINGS, NEW_CONNECTIONS, GATEWAY,
		websocket.origins),
	    .default_text = "",
	    LIMITS(0, 32),
	    .doc = "exact origins of browsers that may connect; none = "
		   "all",
	},
	{
	    KEY("auth.mode", ENUM, NEW_CONNECTIONS, SUPERVISOR | GATEWAY,
		auth.mode),
	    .default_text = "none",
	    .words = auth_words,
	    .doc = "how clients are identified: not at all, or by a "
		   "trusted proxy",
	},
	{
	    KEY("auth.trusted_proxies", CIDRS, NEW_CONNECTIONS,
		SUPERVISOR | GATEWAY, auth.trusted_proxies),
	    .default_text = "",
	    LIMITS(0, 32),
	    .doc = "proxies whose X-Client-Id and X-Forwarded-For are "
		   "believed",
	},
	{
	    KEY("api.address", ADDRESS, RESTART, SUPERVISOR | RELAY,
		api.address),
	    .default_text = "127.0.0.1",
	    .doc = "address of the HTTP API",
	},
	{
	    KEY("api.port", COUNT, RESTART, SUPERVISOR | RELAY, api.port),
	    .default_text = "8081",
	    LIMITS(0, 65535),
	    .doc = "its port; 0 = any free one",
	},
	{
	    KEY("api.enabled", BOOL, RESTART, SUPERVISOR | RELAY, api.enabled),
	    .default_text = "true",
	    .doc = "serve the HTTP API",
	},
	{
	    KEY("api.tokens_file", PATH, LIVE, SUPERVISOR | RELAY,
		api.tokens_file),
	    .default_text = "",
	    .flags = CONF_OPTIONAL,
	    .doc = "bearer tokens, one a line; \"\" = none, and then "
		   "loopback only",
	},
	{
	    KEY("api.max_body", SIZE, LIVE, RELAY, api.max_body),
	    .default_text = "1MiB",
	    LIMITS(1024, 67108864),
	    .doc = "largest request body (413)",
	},
	{
	    KEY("api.request_timeout", DURATION, LIVE, RELAY,
		api.request_timeout_ms),
	    .default_text = "5s",
	    LIMITS(100, 300000),
	    .doc = "for a gateway's answer, then status unknown",
	},
	{
	    KEY("api.max_connections", COUNT, LIVE, RELAY, api.max_connections),
	    .default_text = "1024",
	    LIMITS(1, 100000),
	    .doc = "HTTP connections at a time",
	},
	{
	    KEY("admin.address", ADDRESS, RESTART, SUPERVISOR, admin.address),
	    .default_text = "127.0.0.1",
	    .doc = "address of health and metrics",
	},
	{
	    KEY("admin.port", COUNT, RESTART, SUPERVISOR, admin.port),
	    .default_text = "8082",
	    LIMITS(0, 65535),
	    .doc = "its port; 0 = any free one",
	},
	{
	    KEY("admin.enabled", BOOL, RESTART, SUPERVISOR, admin.enabled),
	    .default_text = "true",
	    .doc = "serve health and metrics over HTTP",
	},
	{
	    KEY("admission.handshakes_per_second", COUNT, LIVE, GATEWAY,
		admission.handshakes_per_second),
	    .default_text = "5000",
	    LIMITS(0, 1000000),
	    .doc = "new connections of the node; 0 = any",
	},
	{
	    KEY("admission.burst", COUNT, LIVE, GATEWAY, admission.burst),
	    .default_text = "0",
	    LIMITS(0, 1000000),
	    .doc = "of them at once; 0 = a tenth of a second's worth",
	},
	{
	    KEY("admission.queue", DURATION, LIVE, GATEWAY, admission.queue_ms),
	    .default_text = "500ms",
	    LIMITS(0, 60000),
	    .doc = "how long those over the rate wait before 503",
	},
	{
	    KEY("admission.max_per_ip", COUNT, RECYCLE, GATEWAY,
		admission.max_per_ip),
	    .default_text = "0",
	    LIMITS(0, 1000000),
	    .doc = "connections of one address (429); 0 = any",
	},
	{
	    KEY("admission.retry_after", DURATION, LIVE, GATEWAY,
		admission.retry_after_ms),
	    .default_text = "1s",
	    LIMITS(100, 3600000),
	    .doc = "least Retry-After of a 503, to which as much jitter "
		   "is added",
	},
	{
	    KEY("drain.window", DURATION, LIVE, SUPERVISOR | GATEWAY,
		drain.window_ms),
	    .default_text = "3m",
	    LIMITS(0, 86400000),
	    .doc = "closes of a drain are spread over it",
	},
	{
	    KEY("drain.gentle_window", DURATION, LIVE, SUPERVISOR,
		drain.gentle_window_ms),
	    .default_text = "4h",
	    LIMITS(0, 604800000),
	    .doc = "the same, for drains of the profile gentle",
	},
	{
	    KEY("drain.lb_wait", DURATION, LIVE, SUPERVISOR, drain.lb_wait_ms),
	    .default_text = "10s",
	    LIMITS(0, 3600000),
	    .doc = "not ready, but still accepting, before a drain",
	},
	{
	    KEY("drain.lease_wait", DURATION, LIVE, SUPERVISOR,
		drain.lease_wait_ms),
	    .default_text = "60s",
	    LIMITS(0, 3600000),
	    .doc = "for the fleet's permission to drain",
	},
	{
	    KEY("memory.max_arena", SIZE, LIVE, SUPERVISOR | GATEWAY,
		memory.max_arena),
	    .default_text = "1GiB",
	    LIMITS(16777216, 274877906944),
	    .doc = "bytes in flight, of the whole node",
	},
	{
	    KEY("worker.stall", DURATION, LIVE, EVERYBODY, worker.stall_ms),
	    .default_text = "5s",
	    LIMITS(200, 600000),
	    .doc = "a worker that stands still for so long is replaced",
	},
	{
	    KEY("worker.max_rss", SIZE, LIVE, WORKERS, worker.max_rss),
	    .default_text = "0",
	    LIMITS(0, 1099511627776),
	    .doc = "private memory at which a worker is recycled; 0 = "
		   "never",
	},
	{
	    KEY("worker.orphan_max", DURATION, LIVE, WORKERS,
		worker.orphan_max_ms),
	    .default_text = "1d",
	    LIMITS(1000, 31536000000),
	    .doc = "without a supervisor for so long, a slot empties "
		   "itself",
	},
	{
	    KEY("worker.crash_window", DURATION, LIVE, EVERYBODY,
		worker.crash_window_ms),
	    .default_text = "60s",
	    LIMITS(1000, 3600000),
	    .doc = "deaths within it are in a row",
	},
	{
	    KEY("worker.max_crashes", COUNT, LIVE, SUPERVISOR,
		worker.max_crashes),
	    .default_text = "5",
	    LIMITS(1, 1000),
	    .doc = "unexplained ones in the window until a slot is "
		   "evacuated",
	},
	{
	    KEY("worker.backoff", DURATION, LIVE, WORKERS, worker.backoff_ms),
	    .default_text = "100ms",
	    LIMITS(1, 60000),
	    .doc = "before the third tenant of a row, then doubled",
	},
	{
	    KEY("worker.backoff_max", DURATION, LIVE, WORKERS,
		worker.backoff_max_ms),
	    .default_text = "10s",
	    LIMITS(1, 3600000),
	    .doc = "the longest",
	},
	{
	    KEY("worker.poison_faults", COUNT, LIVE, GATEWAY,
		worker.poison_faults),
	    .default_text = "3",
	    LIMITS(0, 1000),
	    .doc = "faults of one client until it is refused; 0 = never",
	},
	{
	    KEY("worker.poison_refuse", DURATION, LIVE, GATEWAY,
		worker.poison_refuse_ms),
	    .default_text = "10m",
	    LIMITS(1000, 604800000),
	    .doc = "for how long",
	},
	{
	    KEY("worker.core_dumps", BOOL, RECYCLE, EVERYBODY,
		worker.core_dumps),
	    .default_text = "false",
	    .doc = "let workers dump core: slows recovery, and holds "
		   "client data",
	},
	{
	    KEY("log.level", ENUM, LIVE, EVERYBODY, log.level),
	    .default_text = "info",
	    .words = level_words,
	    .doc = "least important level that is logged",
	},
	{
	    KEY("log.target", STRING, RESTART, EVERYBODY, log.target),
	    .default_text = "stderr",
	    LIMITS(1, 255),
	    .doc = "stderr, syslog, or the path of a file",
	},
	{
	    KEY("log.format", ENUM, RECYCLE, EVERYBODY, log.format),
	    .default_text = "logfmt",
	    .words = format_words,
	    .doc = "of a line",
	},
};

static const struct conf_key listen_rows[] = {
	{
	    LISTEN_KEY("address", ADDRESS, LIVE, SUPERVISOR, address),
	    .default_text = "127.0.0.1",
	    .doc = "IPv4 or IPv6 address for clients",
	},
	{
	    LISTEN_KEY("port", COUNT, LIVE, SUPERVISOR, port),
	    .default_text = "8080",
	    LIMITS(0, 65535),
	    .doc = "its port; 0 = any free one",
	},
	{
	    LISTEN_KEY("backlog", COUNT, LIVE, SUPERVISOR, backlog),
	    .default_text = "4096",
	    LIMITS(1, 1048576),
	    .doc = "connections the kernel may hold for us",
	},
};

static const struct conf_list lists[] = {
	{
	    .name = "listen",
	    .reload = CONF_LIVE,
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

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* Filled in by the first call: rows of several files in one array. */
static struct conf_key all_rows[ROWS + SETTINGS_MORE_ROWS];
static struct conf_table table = {
	.keys = all_rows,
	.lists = lists,
	.list_count = sizeof(lists) / sizeof(lists[0]),
	.settings_size = sizeof(struct settings),
};

const struct conf_table *
settings_table(void)
{
	if (table.key_count == 0) {
		memcpy(all_rows, rows, sizeof(rows));
		memcpy(all_rows + ROWS, settings_redis_rows,
		    sizeof(settings_redis_rows));
		memcpy(all_rows + ROWS + SETTINGS_REDIS_ROWS,
		    settings_fleet_rows, sizeof(settings_fleet_rows));
		table.key_count = sizeof(all_rows) / sizeof(all_rows[0]);
	}
	return &table;
}

void
settings_defaults(struct settings *settings)
{
	conf_table_defaults(settings_table(), settings);
}
