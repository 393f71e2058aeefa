/* SPDX-License-Identifier: ISC */
/*
 * What the settings say of a link to Redis, the same for the supervisor's and
 * the relay's.
 */
#ifndef HOLDFAST_PROTO_REDIS_CONF_H
#define HOLDFAST_PROTO_REDIS_CONF_H

#include "lib/redis_link.h"
#include "proto/settings_redis.h"

/* Without a URL and callbacks.  Its texts are those of the settings, which must
 * outlive the link: their rows are of class restart, so they stay where and
 * what they are. */
struct redis_link_conf redis_conf_of(const struct settings_redis *set);

#endif
