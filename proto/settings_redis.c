/* SPDX-License-Identifier: ISC */
/*
 * The rows of the groups redis and upstream (see settings_rows.h).  Nothing of
 * redis is a gateway's business, and only the relay may know the credentials.
 */
#include "proto/settings_rows.h"

static const char *const upstream_words[] = { "none", "echo", "stream", NULL };

const struct conf_key settings_redis_rows[SETTINGS_REDIS_ROWS] = {
	{
	    KEY("upstream.mode", ENUM, LIVE, EVERYBODY, upstream.mode),
	    .default_text = "none",
	    .words = upstream_words,
	    .doc = "what becomes of clients' messages",
	},
	{
	    KEY("upstream.partitions", COUNT, LIVE, RELAY, upstream.partitions),
	    .default_text = "16",
	    LIMITS(1, 1024),
	    .doc = "streams that they are spread over by client id",
	},
	{
	    KEY("upstream.max_length", COUNT, LIVE, RELAY, upstream.max_length),
	    .default_text = "1000000",
	    LIMITS(0, 1000000000),
	    .doc = "entries of such a stream; then clients wait; 0 = any",
	},
	{
	    KEY("redis.url", STRING, RESTART, SUPERVISOR | RELAY, redis.url),
	    .default_text = "",
	    .flags = CONF_OPTIONAL,
	    LIMITS(0, 511),
	    .doc = "where Redis is; \"\" = standalone",
	},
	{
	    KEY("redis.user", STRING, RESTART, RELAY, redis.user),
	    .default_text = "",
	    .flags = CONF_OPTIONAL,
	    LIMITS(0, 127),
	    .doc = "for AUTH; \"\" = the password alone",
	},
	{
	    KEY("redis.password_file", PATH, RESTART, RELAY,
		redis.password_file),
	    .default_text = "",
	    .flags = CONF_OPTIONAL,
	    .doc = "its first line is the password; \"\" = no AUTH",
	},
	{
	    KEY("redis.sentinel_user", STRING, RESTART, RELAY,
		redis.sentinel_user),
	    .default_text = "",
	    .flags = CONF_OPTIONAL,
	    LIMITS(0, 127),
	    .doc = "for AUTH with Sentinels; \"\" = the password alone",
	},
	{
	    KEY("redis.sentinel_password_file", PATH, RESTART, RELAY,
		redis.sentinel_password_file),
	    .default_text = "",
	    .flags = CONF_OPTIONAL,
	    .doc = "their password's first line; \"\" = no AUTH",
	},
	{
	    KEY("redis.tls_ca", PATH, RESTART, SUPERVISOR | RELAY,
		redis.tls_ca),
	    .default_text = "",
	    .flags = CONF_OPTIONAL,
	    .doc = "who may sign Redis' certificate; \"\" = the system's",
	},
	{
	    KEY("redis.tls_cert", PATH, RESTART, SUPERVISOR | RELAY,
		redis.tls_cert),
	    .default_text = "",
	    .flags = CONF_OPTIONAL,
	    .doc = "our certificate and its chain; \"\" = none",
	},
	{
	    KEY("redis.tls_key", PATH, RESTART, SUPERVISOR | RELAY,
		redis.tls_key),
	    .default_text = "",
	    .flags = CONF_OPTIONAL,
	    .doc = "its key",
	},
	{
	    KEY("redis.fleet", STRING, RESTART, SUPERVISOR | RELAY,
		redis.fleet),
	    .default_text = "main",
	    LIMITS(1, 63),
	    .doc = "the fleet this node belongs to",
	},
	{
	    KEY("redis.prefix", STRING, RESTART, SUPERVISOR | RELAY,
		redis.prefix),
	    .default_text = "",
	    .flags = CONF_OPTIONAL,
	    LIMITS(0, 63),
	    .doc = "in front of every key and channel",
	},
	{
	    KEY("redis.connect_timeout", DURATION, LIVE, RELAY,
		redis.connect_timeout_ms),
	    .default_text = "3s",
	    LIMITS(10, 60000),
	    .doc = "from the name lookup to a greeted server",
	},
	{
	    KEY("redis.command_timeout", DURATION, LIVE, RELAY,
		redis.command_timeout_ms),
	    .default_text = "3s",
	    LIMITS(10, 60000),
	    .doc = "for a reply; then the link is given up",
	},
	{
	    KEY("redis.ping_interval", DURATION, LIVE, RELAY,
		redis.ping_interval_ms),
	    .default_text = "2s",
	    LIMITS(10, 60000),
	    .doc = "how often a link is asked whether it lives",
	},
	{
	    KEY("redis.backoff", DURATION, RESTART, RELAY, redis.backoff_ms),
	    .default_text = "100ms",
	    LIMITS(1, 60000),
	    .doc = "before the second attempt, then doubled",
	},
	{
	    KEY("redis.backoff_max", DURATION, RESTART, RELAY,
		redis.backoff_max_ms),
	    .default_text = "2s",
	    LIMITS(1, 600000),
	    .doc = "the longest pause",
	},
	{
	    KEY("redis.canary_interval", DURATION, LIVE, RELAY,
		redis.canary_interval_ms),
	    .default_text = "2s",
	    LIMITS(10, 60000),
	    .doc = "a path that is quiet for so long is tried",
	},
	{
	    KEY("redis.deaf_after", DURATION, LIVE, SUPERVISOR | RELAY,
		redis.deaf_after_ms),
	    .default_text = "5s",
	    LIMITS(100, 600000),
	    .doc = "for new links; after twice that not ready",
	},
	{
	    KEY("redis.resync_rate", COUNT, LIVE, RELAY, redis.resync_rate),
	    .default_text = "20000",
	    LIMITS(100, 1000000),
	    .doc = "routes a second that are written anew",
	},
	{
	    KEY("redis.inbox_max", COUNT, LIVE, RELAY, redis.inbox_max),
	    .default_text = "100000",
	    LIMITS(1, 10000000),
	    .doc = "entries of another node's stream; then 503",
	},
};
