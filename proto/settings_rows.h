/* SPDX-License-Identifier: ISC */
/*
 * How a row of the configuration is written, for settings.c and
 * settings_redis.c alone; settings.c puts the rows together.
 */
#ifndef HOLDFAST_PROTO_SETTINGS_ROWS_H
#define HOLDFAST_PROTO_SETTINGS_ROWS_H

#include "proto/settings.h"

#define SUPERVISOR SETTINGS_SUPERVISOR
#define GATEWAY	   SETTINGS_GATEWAY
#define RELAY	   SETTINGS_RELAY
#define WORKERS	   (GATEWAY | RELAY)
#define EVERYBODY  (SUPERVISOR | WORKERS)

/* The columns that every row has. */
#define ROW(key, kind, when, who)                                              \
	.name = key, .type = CONF_##kind, .reload = CONF_##when, .programs = who
#define KEY(key, kind, when, who, field)                                       \
	ROW(key, kind, when, who), CONF_AT(struct settings, field)
#define LISTEN_KEY(key, kind, when, who, field)                                \
	ROW(key, kind, when, who), CONF_AT(struct settings_listen, field)
#define LIMITS(least, most) .min = least, .max = most

#define SETTINGS_REDIS_ROWS 22
#define SETTINGS_FLEET_ROWS 18
#define SETTINGS_MORE_ROWS  (SETTINGS_REDIS_ROWS + SETTINGS_FLEET_ROWS)

extern const struct conf_key settings_redis_rows[SETTINGS_REDIS_ROWS];
extern const struct conf_key settings_fleet_rows[SETTINGS_FLEET_ROWS];

#endif
