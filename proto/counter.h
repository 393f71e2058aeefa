/* SPDX-License-Identifier: ISC */
/*
 * What a slot counts and measures.  The order is part of the slot's layout;
 * counters of one metric stand together.
 */
#ifndef HOLDFAST_PROTO_COUNTER_H
#define HOLDFAST_PROTO_COUNTER_H

enum counter {
	/* handshakes by result */
	COUNTER_ACCEPTED,
	COUNTER_ACCEPT_ERRORS,
	COUNTER_HANDSHAKE_OK,
	COUNTER_HANDSHAKE_BAD_REQUEST, /* 400, 405, 414, 431, 505 */
	COUNTER_HANDSHAKE_UNAUTHORIZED,
	COUNTER_HANDSHAKE_FORBIDDEN,
	COUNTER_HANDSHAKE_NOT_FOUND,
	COUNTER_HANDSHAKE_UPGRADE_REQUIRED, /* 426 */
	COUNTER_HANDSHAKE_TOO_MANY,	    /* 429: per-IP limit */
	COUNTER_HANDSHAKE_RATE,		    /* 503: over the rate */
	COUNTER_HANDSHAKE_CAPACITY,	    /* 503: node full */
	COUNTER_HANDSHAKE_MEMORY,	    /* 503: arena budget */
	COUNTER_HANDSHAKE_DRAINING,	    /* 503 */
	COUNTER_HANDSHAKE_POISONED,	    /* 503: poison table */
	COUNTER_HANDSHAKE_TIMEOUT,	    /* deadline before 101 */
	COUNTER_HANDSHAKE_ABANDONED,	    /* peer left before 101 */
	COUNTER_HANDSHAKE_HEALTHZ,	    /* GET /healthz, or a file */
	/* traffic */
	COUNTER_MESSAGES_IN,
	COUNTER_MESSAGES_OUT,
	COUNTER_BYTES_IN,
	COUNTER_BYTES_OUT,
	COUNTER_PINGS_SENT,
	COUNTER_PINGS_RECEIVED,
	COUNTER_PONGS_RECEIVED,
	/* closes by cause */
	COUNTER_CLOSE_CLIENT,	  /* the peer's close frame */
	COUNTER_CLOSE_EOF,	  /* FIN or RST without a close frame */
	COUNTER_CLOSE_HEARTBEAT,  /* 1001 */
	COUNTER_CLOSE_PROTOCOL,	  /* 1002 */
	COUNTER_CLOSE_UTF8,	  /* 1007 */
	COUNTER_CLOSE_POLICY,	  /* 1008: inbound rate limits */
	COUNTER_CLOSE_TOO_BIG,	  /* 1009 */
	COUNTER_CLOSE_QUARANTINE, /* 1011 */
	COUNTER_CLOSE_DRAIN,	  /* 1012 */
	COUNTER_CLOSE_SLOW,	  /* 1013: slow consumer */
	COUNTER_CLOSE_MEMORY,	  /* 1013: arena budget */
	COUNTER_CLOSE_AGE,	  /* 1001: maximum age or expiry */
	COUNTER_CLOSE_REPLACED,	  /* 4001 */
	COUNTER_CLOSE_KICKED,	  /* 4002 */
	COUNTER_CLOSE_STOP,	  /* 1001: node stops */
	COUNTER_CLOSE_DEADLINE,	  /* close handshake not finished in time */
	COUNTER_CLOSE_INVALID,	  /* record failed validation on adoption */
	/* deliveries */
	COUNTER_DELIVERED,
	COUNTER_QUEUED,
	COUNTER_DROPPED_SLOW, /* drop-newest policy */
	COUNTER_DELIVER_NOT_CONNECTED,
	COUNTER_BROADCASTS,
	/* crash recovery */
	COUNTER_TENANT_STARTS,
	COUNTER_ADOPTED,
	COUNTER_ORPHANS_KEPT,
	COUNTER_SETTLED_IN,  /* bytes were read but not recorded */
	COUNTER_SETTLED_OUT, /* bytes were sent but not recorded */
	COUNTER_REPLAYED,    /* interrupted steps finished by a successor */
	COUNTER_RESTART_EXIT,
	COUNTER_RESTART_KILLED, /* SIGKILL, SIGTERM and the like */
	COUNTER_RESTART_FAULT,	/* SIGSEGV and the like */
	COUNTER_RESTART_STALL,
	COUNTER_RESTART_RECYCLE,
	/* admission and backpressure */
	COUNTER_ACCEPT_PAUSED_RATE,
	COUNTER_ACCEPT_PAUSED_SHARE,
	COUNTER_ACCEPT_PAUSED_MEMORY,
	COUNTER_READ_PAUSED,
	COUNTER_RING_UP_FULL,
	COUNTER_ARENA_FULL,
	/* relay */
	COUNTER_API_REQUESTS,
	COUNTER_API_ERRORS, /* 4xx and 5xx answers */
	COUNTER_DISPATCH_DELIVERED,
	COUNTER_DISPATCH_QUEUED,
	COUNTER_DISPATCH_NOT_CONNECTED,
	COUNTER_DISPATCH_UNKNOWN,
	COUNTER_DISPATCH_BUSY, /* ring down full: 503 */
	COUNTER_REPLACED_ACROSS_SLOTS,
	COUNTER_RESYNCS,
	COUNTER_RINGS_BROKEN, /* a gateway wrote nonsense */
	/* relay and Redis */
	COUNTER_REDIS_CONNECTS,
	COUNTER_REDIS_FAILURES, /* links that went down or did not come up */
	COUNTER_REDIS_ERRORS,	/* error replies to commands */
	COUNTER_ROUTES_WRITTEN,
	COUNTER_ROUTES_REMOVED,
	COUNTER_ROUTES_FAILED,
	COUNTER_ROUTE_RESYNCS,
	COUNTER_REPLACED_ACROSS_NODES,
	COUNTER_PUSHES,	    /* messages of the node's channel */
	COUNTER_PUSHES_BAD, /* that make no sense */
	COUNTER_INBOX_ENTRIES,
	COUNTER_INBOX_BAD,
	COUNTER_INBOX_OLD,
	COUNTER_INBOX_LOST,
	COUNTER_INBOX_UNKNOWN,
	COUNTER_INBOX_RESETS,
	COUNTER_INBOX_PAUSES,
	/* clients' messages on their way to Redis */
	COUNTER_UPSTREAM_MESSAGES, /* gateway: put in its ring */
	COUNTER_UPSTREAM_PAUSES,   /* gateway: clients that wait */
	COUNTER_UPSTREAM_REFUSED,  /* gateway: closed with 1013 */
	COUNTER_INGRESS_ADDED,
	COUNTER_INGRESS_FAILED, /* batches that are tried again */
	COUNTER_INGRESS_FULL,	/* likewise: the stream is too long */
	COUNTER_INGRESS_BAD,
	COUNTER_INGRESS_LOST,
	COUNTER_MAX
};

#endif
