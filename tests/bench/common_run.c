/* SPDX-License-Identifier: ISC */
/*
 * The loop of one load process: open everything, wait for the others, run,
 * let the answers in flight arrive, end.
 */
#include <sys/epoll.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/clock.h"
#include "tests/bench/common_client.h"

enum { MAX_EVENTS = 512, OUT_BYTES = 1 << 16, PROBES_A_TURN = 64 };

static uint32_t
ms_of(uint64_t time_ns)
{
	return (uint32_t)(time_ns / 1000000);
}

static int
client_prepare(struct client *client)
{
	const struct load_opts *opts = client->opts;
	uint32_t i;

	client->frame_len = opts->payload +
	    (opts->payload < 126	  ? 6u :
		    opts->payload < 65536 ? 8u :
					    14u);
	client->out_size = client->frame_len > OUT_BYTES ? client->frame_len :
							   OUT_BYTES;
	client->in = malloc(CLIENT_IN_BYTES);
	client->out = malloc(client->out_size + WIRE_MAX_HEADER);
	client->idle = calloc(client->n_conns, sizeof(*client->idle));
	client->sent_at = calloc((size_t)client->n_conns * opts->depth,
	    sizeof(*client->sent_at));
	client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (client->in == NULL || client->out == NULL || client->idle == NULL ||
	    client->sent_at == NULL || client->epoll_fd < 0)
		return -ENOMEM;
	wire_pattern_init(&client->pattern);
	timer_wheel_init(&client->timers, client->conns, sizeof(struct conn),
	    offsetof(struct conn, timer), 1, ms_of(clock_mono_ns()));
	client->random = client->share->start_ns ^
	    (client->number + 1) * 0x9e3779b97f4a7c15u;
	for (i = client->n_conns; i-- > 0;) {
		client->conns[i].fd = -1;
		timer_wheel_reset(&client->timers, i);
		client->idle[client->n_idle++] = i;
	}
	return wire_digest_init(&client->digest);
}

static void
client_clear(struct client *client)
{
	wire_digest_clear(&client->digest);
	close(client->epoll_fd);
	free(client->in);
	free(client->out);
	free(client->idle);
	free(client->sent_at);
}

static void
open_more(struct client *client)
{
	uint64_t allowed = UINT64_MAX;

	if (client->opts->rate != 0)
		allowed = (client->now_ns - client->share->start_ns) / 1000 *
		    client->opts->rate / client->opts->procs / 1000000;
	while (client->n_idle > 0 && client->opens < allowed &&
	    client->handshakes < client->max_handshakes)
		conn_open(client,
		    &client->conns[client->idle[--client->n_idle]]);
}

static void
on_timer(uint32_t i, void *arg)
{
	struct client *client = arg;
	struct conn *conn = &client->conns[i];

	if (client->phase > PHASE_RUN)
		return;
	if (conn->state == CONN_BACKING_OFF) {
		conn->state = CONN_IDLE;
		client->idle[client->n_idle++] = i;
	} else if (conn->state == CONN_OPEN) {
		conn_grant(client, conn,
		    (uint32_t)client->opts->depth - conn->in_flight -
			conn->credit);
	}
}

static void
drain_begin(struct client *client)
{
	uint32_t i;
	struct conn *conn;

	client->phase = PHASE_DRAIN;
	client->end_ns = client->now_ns + client->opts->drain_ns;
	client->stats->end_ns = client->now_ns;
	client->stats->opened_at_end = client->stats->opened;
	client->stats->received_at_end = client->stats->received;
	/* A message whose first bytes are out is still sent to its end. */
	for (i = 0; i < client->n_conns; i++) {
		conn = &client->conns[i];
		conn->credit = conn->sent_off > 0 ? 1 : 0;
	}
}

static void
probes_send(struct client *client)
{
	struct conn *conn;
	int i;

	if (client->now_ns < client->probe_due_ns)
		return;
	for (i = 0; i < PROBES_A_TURN && client->probe_at < client->n_conns;
	     i++) {
		conn = &client->conns[client->probe_at++];
		if (conn->state != CONN_OPEN)
			continue;
		if (conn->in_flight > 0 || conn->credit > 0) {
			client->stats->late_probes++;
			continue;
		}
		client->now_ns = clock_mono_ns();
		conn_grant(client, conn, 1);
	}
	if (client->probe_at < client->n_conns)
		return;
	client->probe_at = 0;
	client->probe_due_ns = UINT64_MAX;
	if (client->is_last_round)
		drain_begin(client);
	else if (client->opts->probe_ns != 0)
		client->probe_due_ns = client->now_ns + client->opts->probe_ns;
}

/* What is held must still be alive at the end: everyone is asked once more. */
static void
last_round_begin(struct client *client)
{
	if (client->is_last_round)
		return;
	client->is_last_round = 1;
	client->probe_at = 0;
	client->probe_due_ns = client->now_ns;
}

static void
run_begin(struct client *client, uint64_t go_ns)
{
	uint32_t i;

	client->phase = PHASE_RUN;
	client->end_ns = client->opts->run_ns == 0 ?
	    0 :
	    go_ns + client->opts->run_ns;
	client->probe_due_ns = go_ns;
	client->stats->opened_at_go = client->stats->opened;
	client->stats->received_at_go = client->stats->received;
	for (i = 0; i < client->n_conns; i++) {
		if (client->opts->mode == MODE_ECHO &&
		    client->conns[i].state == CONN_OPEN) {
			client->now_ns = clock_mono_ns();
			conn_grant(client, &client->conns[i],
			    (uint32_t)client->opts->depth);
		}
	}
}

static void
silences_close(struct client *client)
{
	struct conn *conn;
	uint32_t i;

	for (i = 0; i < client->n_conns; i++) {
		conn = &client->conns[i];
		if (conn->in_flight > 0 &&
		    client->now_ns - conn->waiting_ns > conn->silence_ns)
			conn->silence_ns = client->now_ns - conn->waiting_ns;
	}
}

static void
phase_step(struct client *client)
{
	uint64_t go_ns = atomic_load(&client->share->go_ns);
	int is_stopping = atomic_load(&client->share->is_stopping);
	int is_over = client->end_ns != 0 && client->now_ns >= client->end_ns;

	if (is_stopping && client->phase < PHASE_DRAIN) {
		if (client->opts->mode != MODE_HOLD ||
		    client->phase != PHASE_RUN) {
			drain_begin(client);
			return;
		}
		is_over = 1;
	}
	switch (client->phase) {
	case PHASE_OPEN:
		if (client->opts->mode != MODE_STORM &&
		    client->settled < client->n_conns && !is_over)
			return;
		client->phase = PHASE_WAIT;
		client->end_ns = 0;
		client->stats->all_open_ns = client->now_ns;
		atomic_fetch_add(&client->share->ready, 1);
		return;
	case PHASE_WAIT:
		if (go_ns != 0 && client->now_ns >= go_ns)
			run_begin(client, go_ns);
		return;
	case PHASE_RUN:
		if (client->opts->mode == MODE_HOLD) {
			if (is_over)
				last_round_begin(client);
			probes_send(client);
		} else if (is_over) {
			drain_begin(client);
		}
		return;
	case PHASE_DRAIN:
		if (is_over || client->in_flight == 0)
			client->phase = PHASE_DONE;
		return;
	case PHASE_DONE:
		return;
	}
}

static int
timeout_ms(const struct client *client)
{
	uint64_t wait_ns = 50000000;
	int64_t next_ms;

	if (client->phase < PHASE_RUN || client->phase == PHASE_DRAIN)
		wait_ns = 2000000;
	if (client->n_idle > 0 && client->handshakes < client->max_handshakes)
		wait_ns = 1000000;
	if (client->phase == PHASE_RUN && client->opts->mode == MODE_HOLD &&
	    client->probe_at > 0)
		return 0;
	next_ms = timer_wheel_next_ms(&client->timers, ms_of(client->now_ns));
	if (next_ms >= 0 && (uint64_t)next_ms * 1000000 < wait_ns)
		wait_ns = (uint64_t)next_ms * 1000000;
	return (int)((wait_ns + 999999) / 1000000);
}

int
client_run(struct client *client)
{
	struct epoll_event events[MAX_EVENTS];
	struct conn *conn;
	int i, n, rc = client_prepare(client);

	if (rc < 0)
		return rc;
	client->now_ns = clock_mono_ns();
	client->end_ns = client->now_ns + client->opts->open_timeout_ns;
	while (client->phase != PHASE_DONE) {
		if (client->phase < PHASE_DRAIN)
			open_more(client);
		n = epoll_wait(client->epoll_fd, events, MAX_EVENTS,
		    timeout_ms(client));
		client->now_ns = clock_mono_ns();
		for (i = 0; i < n; i++) {
			conn = &client->conns[events[i].data.u32];
			if (i > 0)
				client->now_ns = clock_mono_ns();
			if (events[i].events & EPOLLOUT)
				conn_on_writable(client, conn);
			if (conn->fd >= 0 &&
			    (events[i].events & ~(uint32_t)EPOLLOUT) != 0)
				conn_on_readable(client, conn);
		}
		timer_wheel_advance(&client->timers, ms_of(client->now_ns),
		    on_timer, client, SIZE_MAX);
		phase_step(client);
	}
	silences_close(client);
	client_clear(client);
	return 0;
}
