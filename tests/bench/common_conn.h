/* SPDX-License-Identifier: ISC */
/*
 * One connection of a load process and what a process counts.  Both live in
 * memory shared with the parent, which reads them after the process has ended.
 */
#ifndef HOLDFAST_BENCH_COMMON_CONN_H
#define HOLDFAST_BENCH_COMMON_CONN_H

#include <stddef.h>
#include <stdint.h>

#include "lib/timer_wheel.h"
#include "tests/bench/common_hist.h"
#include "tests/bench/common_seq.h"

struct client;

enum conn_state {
	CONN_IDLE,	 /* to be opened now */
	CONN_CONNECTING, /* the request is not sent yet */
	CONN_UPGRADING,	 /* the request is sent */
	CONN_OPEN,
	CONN_CLOSING, /* close frames exchanged, FIN awaited */
	CONN_BACKING_OFF,
	CONN_CLOSED,  /* after a close frame */
	CONN_SEVERED, /* without one */
	CONN_REFUSED  /* never opened */
};

enum { CLIENT_MAX_STATUS = 600, CLIENT_MAX_CODE = 5000, CLIENT_NO_CODE = 1005 };

struct conn {
	int fd;		    /* owned; -1 */
	uint8_t state;	    /* enum conn_state */
	uint8_t is_settled; /* counted by the opening phase */
	uint8_t wants_out;
	uint8_t pong_len;
	uint16_t code;	  /* of the last close frame or refusal */
	uint32_t attempt; /* failures since a success */
	uint32_t life;	  /* openings so far */
	uint32_t index;	  /* among all connections: the id in messages */
	uint32_t credit;  /* messages that may be sent now */
	uint32_t in_flight;
	uint32_t next_number;
	uint32_t sent_off; /* bytes of next_number that are already sent */
	uint32_t received;
	uint32_t corrupt;
	uint32_t severed;
	uint32_t abandoned; /* in flight when a connection ended */
	uint32_t part_len;
	uint32_t part_size;
	struct seq seq;
	struct seq pushes; /* published documents, numbered from 0 */
	uint64_t client_number;
	uint64_t begun_ns;   /* the opening; the loss, when backing off */
	uint64_t waiting_ns; /* since when an answer is awaited */
	uint64_t silence_ns; /* the longest wait */
	uint64_t opened_ns;
	int64_t told_ms;	 /* the server's wish for our return; -1 */
	uint8_t *part;		 /* owned by the process: an incomplete frame */
	uint8_t *pong;		 /* owned by the process */
	struct timer_node timer; /* the next opening, or the next message */
};

struct load_stats {
	uint64_t opened;
	uint64_t closed;
	uint64_t severed;
	uint64_t refused;
	uint64_t connect_errors;
	uint64_t bad_accepts;
	uint64_t protocol_errors;
	uint64_t reconnects;
	uint64_t pings;
	uint64_t pushed; /* JSON documents that are not our echo */
	uint64_t push_first_ns;
	uint64_t push_last_ns;
	uint64_t sent;
	uint64_t received;
	uint64_t late_probes;
	uint64_t all_open_ns;
	uint64_t end_ns;
	uint64_t opened_at_go;
	uint64_t received_at_go;
	uint64_t opened_at_end;
	uint64_t received_at_end;
	uint32_t statuses[CLIENT_MAX_STATUS];
	uint32_t codes[CLIENT_MAX_CODE];
	struct hist latency;
	struct hist handshake;
	struct hist displaced;
	struct hist push; /* from publishing to the client */
};

/* common_conn.c */
void conn_open(struct client *, struct conn *);
void conn_on_writable(struct client *, struct conn *);
/* The bytes of the server's answer so far; returns how many it used, or 0. */
size_t conn_on_answer(struct client *, struct conn *, const uint8_t *, size_t);
/* The connection is over: count it, close the fd, plan the next opening. */
void conn_end(struct client *, struct conn *, enum conn_state how);

/* common_read.c */
void conn_on_readable(struct client *, struct conn *);

/* common_send.c */
void conn_grant(struct client *, struct conn *, uint32_t messages);
void conn_send_messages(struct client *, struct conn *);
void conn_send_control(struct client *, struct conn *, uint8_t opcode,
    const uint8_t *payload, size_t len);

#endif
