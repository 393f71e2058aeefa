/* SPDX-License-Identifier: ISC */
/*
 * The command line of ws_load, and nothing but: parsed once, then read-only in
 * every process.
 */
#ifndef HOLDFAST_BENCH_COMMON_OPTS_H
#define HOLDFAST_BENCH_COMMON_OPTS_H

#include <netinet/in.h>

#include <stddef.h>
#include <stdint.h>

#include "tests/bench/common_retry.h"

enum load_mode { MODE_STORM, MODE_HOLD, MODE_ECHO, MODE_SEQUENCE };
enum load_verify { VERIFY_NONE, VERIFY_ONCE, VERIFY_ALL };

enum {
	OPTS_MAX_TARGETS = 16,
	OPTS_MAX_PROCS = 128,
	OPTS_CONNS_PER_PROC =
	    15000 /* below the 20,000 fds a process may have */
};

struct load_opts {
	enum load_mode mode;
	enum load_verify verify;
	struct sockaddr_in targets[OPTS_MAX_TARGETS];
	size_t n_targets;
	const char *path;      /* borrowed: argv */
	const char *id_prefix; /* borrowed; NULL = no client ids */
	char extra_headers[1024];
	uint64_t connections;
	uint64_t in_flight; /* handshakes under way, all processes */
	uint64_t procs;
	uint64_t sources; /* addresses per process; 0 = do not bind */
	uint64_t rate;	  /* openings per second, all processes; 0 = any */
	uint64_t depth;
	uint64_t payload;
	uint64_t run_ns; /* 0 = until SIGTERM */
	uint64_t drain_ns;
	uint64_t open_timeout_ns;
	uint64_t interval_ns; /* between an answer and the next message */
	uint64_t probe_ns;    /* hold: between probes */
	struct retry_rules retry;
	int is_json;
	int is_binary;
	int is_brief;	 /* no per-connection results */
	int sends_close; /* a close frame before the FIN */
};

const char *load_mode_name(enum load_mode);
/* Ends the process with a usage line when argv is wrong. */
void load_opts_parse(int argc, char **argv, struct load_opts *out);

#endif
