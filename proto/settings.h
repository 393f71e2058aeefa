/* SPDX-License-Identifier: ISC */
/*
 * The configuration of a node as plain memory, and the table that has one row
 * for each key (settings.c): it drives parsing, limits, printing and the
 * documentation lint.  The supervisor reads the file; workers receive the rows
 * meant for them as (name, text) pairs over their channel, so that a gateway
 * never sees what is not its business.
 */
#ifndef HOLDFAST_PROTO_SETTINGS_H
#define HOLDFAST_PROTO_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/cidr.h"
#include "lib/conf_table.h"
#include "proto/settings_fleet.h"
#include "proto/settings_redis.h"
#include "proto/settings_websocket.h"

#define SETTINGS_MAX_LISTEN 16

/* Which programs receive a key: bits in conf_key flags. */
#define SETTINGS_SUPERVISOR 1u
#define SETTINGS_GATEWAY    2u
#define SETTINGS_RELAY	    4u

enum upstream_mode { UPSTREAM_NONE, UPSTREAM_ECHO, UPSTREAM_STREAM };
enum auth_mode { AUTH_NONE, AUTH_PROXY };

struct settings_listen {
	char address[64];
	uint32_t port;
	uint32_t backlog;
};

struct settings {
	struct {
		char id[128];
		char region[64];
		char run_dir[256];
		char state_dir[256];
		char user[64];
		uint32_t workers;
		bool pin_cpus;
		uint32_t capacity;
	} node;
	struct settings_listen listen[SETTINGS_MAX_LISTEN];
	uint32_t listen_count;
	struct settings_websocket websocket;
	struct {
		int mode; /* enum auth_mode */
		struct cidr_list trusted_proxies;
	} auth;
	struct {
		int mode; /* enum upstream_mode */
		uint32_t partitions;
		uint32_t max_length; /* entries of a stream; 0: any */
	} upstream;
	struct {
		char address[64];
		uint32_t port;
		bool enabled;
		char tokens_file[256];
		uint64_t max_body;
		uint64_t request_timeout_ms;
		uint32_t max_connections;
	} api;
	struct {
		char address[64];
		uint32_t port;
		bool enabled;
	} admin;
	struct {
		uint32_t handshakes_per_second; /* of the node; 0: no limit */
		uint32_t burst; /* 0: a tenth of a second's worth */
		uint64_t queue_ms;
		uint32_t max_per_ip;	 /* connections; 0: no limit */
		uint64_t retry_after_ms; /* least Retry-After of a 503 */
	} admission;
	struct {
		uint64_t window_ms;
		uint64_t gentle_window_ms;
		uint64_t lb_wait_ms;
		uint64_t lease_wait_ms;
	} drain;
	struct {
		uint64_t max_arena; /* bytes in flight, whole node */
	} memory;
	struct {
		uint64_t stall_ms;
		uint64_t max_rss; /* bytes of RssAnon; 0: never recycle */
		uint64_t orphan_max_ms;
		uint64_t crash_window_ms;
		uint32_t max_crashes; /* unattributed, in the window */
		uint64_t backoff_ms;
		uint64_t backoff_max_ms;
		uint32_t poison_faults; /* faults until a client is refused */
		uint64_t poison_refuse_ms;
		bool core_dumps;
	} worker;
	struct settings_redis redis;
	struct settings_fleet fleet;
	struct {
		int level;	  /* enum log_level */
		char target[256]; /* stderr, syslog, or a path */
		int format;	  /* enum log_format */
	} log;
};

/* The machine-readable description of struct settings for lib/conf_table.
 * See settings.c; lib/conf_table.h has the types. */
const struct conf_table *settings_table(void);

void settings_defaults(struct settings *);

#endif
