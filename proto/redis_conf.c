/* SPDX-License-Identifier: ISC */
/*
 * See redis_conf.h.
 */
#include "proto/redis_conf.h"

struct redis_link_conf
redis_conf_of(const struct settings_redis *set)
{
	return (struct redis_link_conf){
		.auth = { set->user, set->password_file },
		.sentinel_auth = { set->sentinel_user,
		    set->sentinel_password_file },
		.tls = { set->tls_ca, set->tls_cert, set->tls_key },
		.connect_timeout_ms = (uint32_t)set->connect_timeout_ms,
		.command_timeout_ms = (uint32_t)set->command_timeout_ms,
		.ping_interval_ms = (uint32_t)set->ping_interval_ms,
		.backoff_ms = (uint32_t)set->backoff_ms,
		.backoff_max_ms = (uint32_t)set->backoff_max_ms,
	};
}
