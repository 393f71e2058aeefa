/* SPDX-License-Identifier: ISC */
/*
 * One load process: common_run.c is its loop, common_conn.c opens and ends
 * connections, common_read.c and common_send.c move bytes.
 */
#ifndef HOLDFAST_BENCH_COMMON_CLIENT_H
#define HOLDFAST_BENCH_COMMON_CLIENT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/timer_wheel.h"
#include "tests/bench/common_conn.h"
#include "tests/bench/common_opts.h"
#include "tests/bench/common_wire.h"

struct load_share {
	atomic_uint ready;   /* processes that have opened everything */
	atomic_ullong go_ns; /* set by the parent: the measured time begins */
	atomic_int is_stopping;
	uint64_t start_ns;
};

enum client_phase {
	PHASE_OPEN,
	PHASE_WAIT,
	PHASE_RUN,
	PHASE_DRAIN,
	PHASE_DONE
};

struct client {
	const struct load_opts *opts; /* borrowed */
	struct load_share *share;     /* borrowed */
	struct load_stats *stats;     /* borrowed */
	struct conn *conns;	      /* borrowed, n_conns */
	uint32_t n_conns;
	uint32_t number; /* of the process */
	enum client_phase phase;
	int epoll_fd;
	uint32_t handshakes; /* under way */
	uint32_t max_handshakes;
	uint32_t settled;
	uint32_t probe_at; /* next connection to probe */
	int is_last_round; /* of probes */
	uint64_t opens;
	uint64_t in_flight; /* messages */
	uint64_t now_ns;
	uint64_t probe_due_ns;
	uint64_t end_ns; /* of the present phase; 0 = none */
	uint64_t random;
	uint32_t *idle; /* owned: stack of connections to open */
	uint32_t n_idle;
	uint64_t *sent_at; /* owned: n_conns * depth */
	uint8_t *in;	   /* owned */
	uint8_t *out;	   /* owned */
	size_t out_size;
	size_t frame_len;	   /* of every message */
	struct timer_wheel timers; /* in milliseconds of now_ns */
	struct wire_pattern pattern;
	struct wire_digest digest;
};

enum { CLIENT_IN_BYTES = 1 << 18 };

/* Everything, in the process; returns when it is over. */
int client_run(struct client *);

#endif
