/* SPDX-License-Identifier: ISC */
/*
 * ws_load: WebSocket clients by the thousand, and an account of what became of
 * every message.  The parent forks enough processes to stay below the limit of
 * open files, starts the measured time when all have opened their connections
 * (line "ready OPENED REFUSED" on stderr), and adds up.
 *
 *	storm	 open, wait for 101, close; as many in flight as -n says
 *	hold	 open -c connections, probe each every --probe-ms for -t seconds
 *		 and once more at the end
 *	echo	 -d messages of -s bytes in flight on each connection
 *	sequence echo from the first opening to SIGTERM or -t seconds, with the
 *		 result of every connection (-t 0: until SIGTERM)
 *
 * With --reconnect they come back as holdfast.js does, see common_retry.h.
 *
 * Exit code: 0 all connections lived and all messages came back exactly once,
 * 1 not so, 2 usage.  SIGTERM and SIGINT end a run early, with its result.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "tests/bench/common_client.h"
#include "tests/bench/common_report.h"

static volatile sig_atomic_t is_stop_asked;

static void
on_signal(int signal_number)
{
	(void)signal_number;
	is_stop_asked = 1;
}

static void *
share_map(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		err(2, "mmap of %zu bytes", bytes);
	return memory;
}

static uint32_t
share_of(uint64_t total, uint32_t number, uint64_t procs)
{
	return (uint32_t)(total / procs + (number < total % procs ? 1 : 0));
}

static _Noreturn void
process_run(const struct load_opts *opts, struct load_share *share,
    struct load_stats *stats, struct conn *conns, uint32_t number)
{
	struct client *client = calloc(1, sizeof(*client));
	uint32_t i, first = 0;
	int rc;

	if (client == NULL)
		err(2, "calloc");
	/* The parent tells us through the shared word. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (i = 0; i < number; i++)
		first += share_of(opts->connections, i, opts->procs);
	client->opts = opts;
	client->share = share;
	client->stats = &stats[number];
	client->conns = conns + first;
	client->n_conns = share_of(opts->connections, number, opts->procs);
	client->max_handshakes = share_of(opts->in_flight, number, opts->procs);
	client->number = number;
	for (i = 0; i < client->n_conns; i++)
		client->conns[i].index = first + i;
	rc = client_run(client);
	if (rc < 0)
		errx(2, "process %u: %s", number, strerror(-rc));
	_exit(0);
}

static void
go_announce(struct load_share *share, const struct load_stats *stats,
    uint64_t procs)
{
	unsigned long long opened = 0, refused = 0;
	uint32_t i;

	for (i = 0; i < procs; i++) {
		opened += stats[i].opened;
		refused += stats[i].refused;
	}
	atomic_store(&share->go_ns, clock_mono_ns() + 2000000);
	fprintf(stderr, "ready %llu %llu\n", opened, refused);
}

/* Returns how many processes failed. */
static int
processes_wait(struct load_share *share, const struct load_stats *stats,
    uint64_t procs)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	uint64_t left = procs;
	int status, failed = 0, has_announced = 0;
	pid_t pid;

	while (left > 0) {
		if (is_stop_asked)
			atomic_store(&share->is_stopping, 1);
		if (!has_announced && (atomic_load(&share->ready) == procs)) {
			go_announce(share, stats, procs);
			has_announced = 1;
		}
		pid = waitpid(-1, &status, WNOHANG);
		if (pid > 0) {
			left--;
			if (status == 0)
				continue;
			failed++;
			atomic_store(&share->is_stopping, 1);
		} else if (pid == 0) {
			nanosleep(&pause, NULL);
		} else if (errno != EINTR) {
			err(2, "waitpid");
		}
	}
	return failed;
}

int
main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct load_opts opts;
	struct load_share *share;
	struct load_stats *stats;
	struct conn *conns;
	struct rlimit files;
	uint32_t i;
	pid_t pid;

	load_opts_parse(argc, argv, &opts);
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		err(2, "getrlimit");
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		err(2, "setrlimit");
	share = share_map(sizeof(*share));
	stats = share_map(opts.procs * sizeof(*stats));
	conns = share_map(opts.connections * sizeof(*conns));
	share->start_ns = clock_mono_ns();
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	for (i = 0; i < opts.procs; i++) {
		pid = fork();
		if (pid < 0)
			err(2, "fork");
		if (pid == 0)
			process_run(&opts, share, stats, conns, i);
	}
	if (processes_wait(share, stats, opts.procs) > 0)
		errx(2, "a load process failed");
	report_print(&opts, share, stats, conns);
	return report_is_clean(&opts, stats, conns) ? 0 : 1;
}
