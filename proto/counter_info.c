/* SPDX-License-Identifier: ISC */
/*
 * Names, labels and help texts of the counters, see counter_info.h.
 */
#include "proto/counter_info.h"

#include <stddef.h>

static const struct counter_info infos[COUNTER_MAX] = {
	[COUNTER_ACCEPTED] = {
		"connections_accepted",
		NULL,
		"Connections taken from the backlog.",
	},
	[COUNTER_ACCEPT_ERRORS] = {
		"accept_errors",
		NULL,
		"Failed accepts: out of fds or memory.",
	},
	[COUNTER_HANDSHAKE_OK] = {
		"handshakes",
		"result=\"ok\"",
		"Opening requests by result.",
	},
	[COUNTER_HANDSHAKE_BAD_REQUEST] = {
		"handshakes",
		"result=\"bad_request\"",
		"Opening requests by result.",
	},
	[COUNTER_HANDSHAKE_UNAUTHORIZED] = {
		"handshakes",
		"result=\"unauthorized\"",
		"Opening requests by result.",
	},
	[COUNTER_HANDSHAKE_FORBIDDEN] = {
		"handshakes",
		"result=\"forbidden\"",
		"Opening requests by result.",
	},
	[COUNTER_HANDSHAKE_NOT_FOUND] = {
		"handshakes",
		"result=\"not_found\"",
		"Opening requests by result.",
	},
	[COUNTER_HANDSHAKE_UPGRADE_REQUIRED] = {
		"handshakes",
		"result=\"upgrade_required\"",
		"Opening requests by result.",
	},
	[COUNTER_HANDSHAKE_TOO_MANY] = {
		"handshakes",
		"result=\"too_many\"",
		"Opening requests by result.",
	},
	[COUNTER_HANDSHAKE_RATE] = {
		"handshakes",
		"result=\"rate\"",
		"Opening requests by result.",
	},
	[COUNTER_HANDSHAKE_CAPACITY] = {
		"handshakes",
		"result=\"capacity\"",
		"Opening requests by result.",
	},
	[COUNTER_HANDSHAKE_MEMORY] = {
		"handshakes",
		"result=\"memory\"",
		"Opening requests by result.",
	},
	[COUNTER_HANDSHAKE_DRAINING] = {
		"handshakes",
		"result=\"draining\"",
		"Opening requests by result.",
	},
	[COUNTER_HANDSHAKE_POISONED] = {
		"handshakes",
		"result=\"poisoned\"",
		"Opening requests by result.",
	},
	[COUNTER_HANDSHAKE_TIMEOUT] = {
		"handshakes",
		"result=\"timeout\"",
		"Opening requests by result.",
	},
	[COUNTER_HANDSHAKE_ABANDONED] = {
		"handshakes",
		"result=\"abandoned\"",
		"Opening requests by result.",
	},
	[COUNTER_HANDSHAKE_HEALTHZ] = {
		"handshakes",
		"result=\"healthz\"",
		"Opening requests by result.",
	},
	[COUNTER_MESSAGES_IN] = {
		"messages",
		"direction=\"in\"",
		"Messages from and to clients.",
	},
	[COUNTER_MESSAGES_OUT] = {
		"messages",
		"direction=\"out\"",
		"Messages from and to clients.",
	},
	[COUNTER_BYTES_IN] = {
		"bytes",
		"direction=\"in\"",
		"Bytes from and to clients, as on the wire.",
	},
	[COUNTER_BYTES_OUT] = {
		"bytes",
		"direction=\"out\"",
		"Bytes from and to clients, as on the wire.",
	},
	[COUNTER_PINGS_SENT] = {
		"pings",
		"direction=\"out\"",
		"Pings from and to clients.",
	},
	[COUNTER_PINGS_RECEIVED] = {
		"pings",
		"direction=\"in\"",
		"Pings from and to clients.",
	},
	[COUNTER_PONGS_RECEIVED] = {
		"pongs_received",
		NULL,
		"Pongs from clients.",
	},
	[COUNTER_CLOSE_CLIENT] = {
		"closes",
		"cause=\"client\",code=\"none\"",
		"Closed connections by cause and close code.",
	},
	[COUNTER_CLOSE_EOF] = {
		"closes",
		"cause=\"eof\",code=\"none\"",
		"Closed connections by cause and close code.",
	},
	[COUNTER_CLOSE_HEARTBEAT] = {
		"closes",
		"cause=\"heartbeat\",code=\"1001\"",
		"Closed connections by cause and close code.",
	},
	[COUNTER_CLOSE_PROTOCOL] = {
		"closes",
		"cause=\"protocol\",code=\"1002\"",
		"Closed connections by cause and close code.",
	},
	[COUNTER_CLOSE_UTF8] = {
		"closes",
		"cause=\"utf8\",code=\"1007\"",
		"Closed connections by cause and close code.",
	},
	[COUNTER_CLOSE_POLICY] = {
		"closes",
		"cause=\"policy\",code=\"1008\"",
		"Closed connections by cause and close code.",
	},
	[COUNTER_CLOSE_TOO_BIG] = {
		"closes",
		"cause=\"too_big\",code=\"1009\"",
		"Closed connections by cause and close code.",
	},
	[COUNTER_CLOSE_QUARANTINE] = {
		"closes",
		"cause=\"quarantine\",code=\"1011\"",
		"Closed connections by cause and close code.",
	},
	[COUNTER_CLOSE_DRAIN] = {
		"closes",
		"cause=\"drain\",code=\"1012\"",
		"Closed connections by cause and close code.",
	},
	[COUNTER_CLOSE_SLOW] = {
		"closes",
		"cause=\"slow_consumer\",code=\"1013\"",
		"Closed connections by cause and close code.",
	},
	[COUNTER_CLOSE_MEMORY] = {
		"closes",
		"cause=\"memory\",code=\"1013\"",
		"Closed connections by cause and close code.",
	},
	[COUNTER_CLOSE_AGE] = {
		"closes",
		"cause=\"age\",code=\"1001\"",
		"Closed connections by cause and close code.",
	},
	[COUNTER_CLOSE_REPLACED] = {
		"closes",
		"cause=\"replaced\",code=\"4001\"",
		"Closed connections by cause and close code.",
	},
	[COUNTER_CLOSE_KICKED] = {
		"closes",
		"cause=\"kicked\",code=\"4002\"",
		"Closed connections by cause and close code.",
	},
	[COUNTER_CLOSE_STOP] = {
		"closes",
		"cause=\"stop\",code=\"1001\"",
		"Closed connections by cause and close code.",
	},
	[COUNTER_CLOSE_DEADLINE] = {
		"closes",
		"cause=\"deadline\",code=\"none\"",
		"Closed connections by cause and close code.",
	},
	[COUNTER_CLOSE_INVALID] = {
		"closes",
		"cause=\"invalid\",code=\"none\"",
		"Closed connections by cause and close code.",
	},
	[COUNTER_DELIVERED] = {
		"deliveries",
		"result=\"delivered\"",
		"Messages from the relay by result.",
	},
	[COUNTER_QUEUED] = {
		"deliveries",
		"result=\"queued\"",
		"Messages from the relay by result.",
	},
	[COUNTER_DROPPED_SLOW] = {
		"deliveries",
		"result=\"dropped\"",
		"Messages from the relay by result.",
	},
	[COUNTER_DELIVER_NOT_CONNECTED] = {
		"deliveries",
		"result=\"not_connected\"",
		"Messages from the relay by result.",
	},
	[COUNTER_BROADCASTS] = {
		"broadcasts",
		NULL,
		"Broadcasts that this slot took part in.",
	},
	[COUNTER_TENANT_STARTS] = {
		"tenant_starts",
		NULL,
		"Tenants started in this slot.",
	},
	[COUNTER_ADOPTED] = {
		"adopted_connections",
		NULL,
		"Connections taken over from a dead tenant.",
	},
	[COUNTER_ORPHANS_KEPT] = {
		"adopted_orphans",
		NULL,
		"Of them: accepted, but in no record yet.",
	},
	[COUNTER_SETTLED_IN] = {
		"steps_settled",
		"direction=\"in\"",
		"Steps corrected from the kernel's byte counts.",
	},
	[COUNTER_SETTLED_OUT] = {
		"steps_settled",
		"direction=\"out\"",
		"Steps corrected from the kernel's byte counts.",
	},
	[COUNTER_REPLAYED] = {
		"steps_recovered",
		NULL,
		"Interrupted steps settled by a successor.",
	},
	[COUNTER_RESTART_EXIT] = {
		"worker_restarts",
		"cause=\"exit\"",
		"Tenants that ended, by cause.",
	},
	[COUNTER_RESTART_KILLED] = {
		"worker_restarts",
		"cause=\"killed\"",
		"Tenants that ended, by cause.",
	},
	[COUNTER_RESTART_FAULT] = {
		"worker_restarts",
		"cause=\"fault\"",
		"Tenants that ended, by cause.",
	},
	[COUNTER_RESTART_STALL] = {
		"worker_restarts",
		"cause=\"stall\"",
		"Tenants that ended, by cause.",
	},
	[COUNTER_RESTART_RECYCLE] = {
		"worker_restarts",
		"cause=\"recycle\"",
		"Tenants that ended, by cause.",
	},
	[COUNTER_ACCEPT_PAUSED_RATE] = {
		"accept_pauses",
		"cause=\"rate\"",
		"Pauses of accepting, by cause.",
	},
	[COUNTER_ACCEPT_PAUSED_SHARE] = {
		"accept_pauses",
		"cause=\"share\"",
		"Pauses of accepting, by cause.",
	},
	[COUNTER_ACCEPT_PAUSED_MEMORY] = {
		"accept_pauses",
		"cause=\"memory\"",
		"Pauses of accepting, by cause.",
	},
	[COUNTER_READ_PAUSED] = {
		"read_pauses",
		NULL,
		"Clients not read because they do not read.",
	},
	[COUNTER_RING_UP_FULL] = {
		"ring_up_full",
		NULL,
		"Entries for the relay that found no room.",
	},
	[COUNTER_ARENA_FULL] = {
		"arena_full",
		NULL,
		"Requests for memory in flight that failed.",
	},
	[COUNTER_API_REQUESTS] = {
		"api_requests",
		NULL,
		"Requests to the HTTP API.",
	},
	[COUNTER_API_ERRORS] = {
		"api_errors",
		NULL,
		"Of them, answered with 4xx or 5xx.",
	},
	[COUNTER_DISPATCH_DELIVERED] = {
		"dispatches",
		"status=\"delivered\"",
		"Dispatched messages by status.",
	},
	[COUNTER_DISPATCH_QUEUED] = {
		"dispatches",
		"status=\"queued\"",
		"Dispatched messages by status.",
	},
	[COUNTER_DISPATCH_NOT_CONNECTED] = {
		"dispatches",
		"status=\"not_connected\"",
		"Dispatched messages by status.",
	},
	[COUNTER_DISPATCH_UNKNOWN] = {
		"dispatches",
		"status=\"unknown\"",
		"Dispatched messages by status.",
	},
	[COUNTER_DISPATCH_BUSY] = {
		"dispatches",
		"status=\"busy\"",
		"Dispatched messages by status.",
	},
	[COUNTER_DISPATCHES_MOVED] = {
		"dispatches_moved",
		NULL,
		"Messages sent again, to the client's next connection.",
	},
	[COUNTER_REACH_KEPT] = {
		"dispatches_kept",
		NULL,
		"Dispatches and kicks that waited while a slot changed hands.",
	},
	[COUNTER_REPLACED_ACROSS_SLOTS] = {
		"replaced_across_slots",
		NULL,
		"Older connections of a client in another slot.",
	},
	[COUNTER_RESYNCS] = {
		"resyncs",
		NULL,
		"Full comparisons of all tables.",
	},
	[COUNTER_RINGS_BROKEN] = {
		"rings_broken",
		NULL,
		"Times entries of a ring made no sense and were skipped.",
	},
	[COUNTER_REDIS_CONNECTS] = {
		"redis_connects",
		NULL,
		"Times a link to Redis became ready.",
	},
	[COUNTER_REDIS_FAILURES] = {
		"redis_failures",
		NULL,
		"Times a link to Redis went down or did not come up.",
	},
	[COUNTER_REDIS_ERRORS] = {
		"redis_errors",
		NULL,
		"Error replies of Redis.",
	},
	[COUNTER_REDIS_UNTOLD] = { "redis_untold", NULL,
	    "Receipts and other words for Redis that it was not sent." },
	[COUNTER_ROUTES_WRITTEN] = { "routes_written", NULL,
	    "Routes of clients that were written to Redis." },
	[COUNTER_ROUTES_REMOVED] = { "routes_removed", NULL,
	    "Routes of clients that were removed from Redis." },
	[COUNTER_ROUTES_FAILED] = { "routes_failed", NULL,
	    "Routes that Redis refuses to take." },
	[COUNTER_ROUTE_RESYNCS] = { "route_resyncs", NULL,
	    "Times all routes in Redis were compared with the tables." },
	[COUNTER_REPLACED_ACROSS_NODES] = {
		"replaced_across_nodes",
		NULL,
		"Connections closed for a newer one on another node.",
	},
	[COUNTER_PUSHES] = { "pushes", NULL,
	    "Messages that came by the node's channel." },
	[COUNTER_PUSHES_BAD] = { "pushes_bad", NULL,
	    "Messages of the channel that make no sense." },
	[COUNTER_INBOX_ENTRIES] = { "inbox_entries", NULL,
	    "Entries of the node's stream that were taken." },
	[COUNTER_INBOX_BAD] = { "inbox_bad", NULL,
	    "Entries of the stream that make no sense." },
	[COUNTER_INBOX_OLD] = { "inbox_old", NULL,
	    "Entries meant for an earlier life of this node." },
	[COUNTER_INBOX_LOST] = { "inbox_lost", NULL,
	    "Entries that others removed before they were read." },
	[COUNTER_INBOX_SKIPPED] = { "inbox_skipped", NULL,
	    "Entries passed over at a reset: read before, or lost." },
	[COUNTER_INBOX_UNKNOWN] = { "inbox_unknown", NULL,
	    "Entries under way when their slot lost its memory." },
	[COUNTER_INBOX_RESETS] = { "inbox_resets", NULL,
	    "Times Redis had forgotten entries that were read." },
	[COUNTER_INBOX_PAUSES] = { "inbox_pauses", NULL,
	    "Times the stream waited for a full ring." },
	[COUNTER_DEAF_RENEWALS] = { "redis_deaf_renewals", NULL,
	    "Times links were made anew because no canary came." },
	[COUNTER_UPSTREAM_MESSAGES] = { "upstream_messages", NULL,
	    "Clients' messages that were handed to the relay." },
	[COUNTER_UPSTREAM_PAUSES] = { "upstream_pauses", NULL,
	    "Clients not read because Redis has not taken enough." },
	[COUNTER_UPSTREAM_REFUSED] = { "upstream_refused", NULL,
	    "Clients closed because their messages found no room." },
	[COUNTER_INGRESS_ADDED] = { "ingress_added", NULL,
	    "Clients' messages that Redis has taken." },
	[COUNTER_INGRESS_FAILED] = { "ingress_retries", "cause=\"fault\"",
	    "Batches of them that are sent again, by cause." },
	[COUNTER_INGRESS_FULL] = { "ingress_retries", "cause=\"full\"",
	    "Batches of them that are sent again, by cause." },
	[COUNTER_INGRESS_BAD] = { "ingress_bad", NULL,
	    "Entries of that ring that make no sense." },
	[COUNTER_INGRESS_LOST] = { "ingress_lost", NULL,
	    "Messages in a ring that is gone or broken." },
};

static const struct {
	const char *metric;
	const char *help;
} histograms[HISTOGRAM_MAX] = {
	[HISTOGRAM_PING_US] = { "ping_latency_seconds",
	    "From our ping to the client's pong." },
	[HISTOGRAM_LOOP_LAG_US] = { "loop_lag_seconds",
	    "Time of one turn of the event loop." },
	[HISTOGRAM_RECOVERY_US] = { "recovery_seconds",
	    "From a tenant's death to its successor serving." },
	[HISTOGRAM_DISPATCH_US] = { "dispatch_seconds",
	    "From an API request to its receipt." },
	[HISTOGRAM_CHANNEL_LAG_US] = { "redis_channel_lag_seconds",
	    "From a canary's PUBLISH to its return by the node's channel." },
	[HISTOGRAM_INBOX_LAG_US] = { "redis_inbox_lag_seconds",
	    "From a canary's XADD to its return by the node's stream." },
};

const struct counter_info *
counter_info(enum counter c)
{
	return &infos[c];
}

const char *
counter_histogram_metric(enum slot_histogram h)
{
	return histograms[h].metric;
}

const char *
counter_histogram_help(enum slot_histogram h)
{
	return histograms[h].help;
}
