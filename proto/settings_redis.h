/* SPDX-License-Identifier: ISC */
/*
 * Settings of the group redis; see settings_redis.c for their rows.
 */
#ifndef HOLDFAST_PROTO_SETTINGS_REDIS_H
#define HOLDFAST_PROTO_SETTINGS_REDIS_H

#include <stdint.h>

struct settings_redis {
	char url[512]; /* "": standalone */
	char user[128];
	char password_file[256];
	char sentinel_user[128];
	char sentinel_password_file[256];
	char tls_ca[256];
	char tls_cert[256];
	char tls_key[256];
	char fleet[64];
	char prefix[64];
	uint64_t connect_timeout_ms;
	uint64_t command_timeout_ms;
	uint64_t ping_interval_ms;
	uint64_t backoff_ms;
	uint64_t backoff_max_ms;
	uint64_t canary_interval_ms;
	uint64_t deaf_after_ms;
	uint32_t resync_rate; /* routes a second */
	uint32_t inbox_max;   /* entries of a stream */
};

#endif
