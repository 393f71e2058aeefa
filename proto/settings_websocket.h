/* SPDX-License-Identifier: ISC */
/*
 * The group `websocket' of the settings (proto/settings.h): what a gateway
 * grants each client.
 */
#ifndef HOLDFAST_PROTO_SETTINGS_WEBSOCKET_H
#define HOLDFAST_PROTO_SETTINGS_WEBSOCKET_H

#include <stdbool.h>
#include <stdint.h>

enum slow_consumer { SLOW_CLOSE, SLOW_DROP };

struct settings_websocket {
	char path[128];
	uint64_t max_message;
	uint32_t max_frames; /* per message */
	uint32_t max_header;
	uint64_t handshake_timeout_ms;
	uint64_t close_timeout_ms;
	uint64_t ping_interval_ms;
	uint32_t ping_misses;
	bool compression;
	uint32_t compression_level;
	uint64_t max_queue; /* bytes waiting for one client */
	int slow_consumer;  /* enum slow_consumer */
	/* of one connection; 0: no limit */
	uint64_t max_messages_per_second;
	uint64_t max_bytes_per_second;
	uint64_t max_age_ms; /* 0: no limit */
	uint64_t max_age_dither_ms;
	char origins[1024]; /* as conf_item_next() reads; "": any */
};

#endif
