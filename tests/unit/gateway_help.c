/* SPDX-License-Identifier: ISC */
/*
 * See gateway_help.h.
 */
#include "tests/unit/gateway_help.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "proto/ring_messages.h"
#include "worker/gateway/settle.h"
#include "worker/slot_fds.h"

#define UNTIL_MS    5000u
#define ARENA_BYTES (16u << 20)
#define MAX_FD	    1024

static int
make_listener(uint16_t *out_port)
{
	struct sockaddr_in sa;
	socklen_t len = sizeof(sa);
	int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	memset(&sa, 0, sizeof(sa));
	sa.sin_family = AF_INET;
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on,
			     sizeof(on)),
	    0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*out_port = ntohs(sa.sin_port);
	return fd;
}

static int
make_ring(struct ring *ring, uint32_t bytes, int event_fd)
{
	int fd;

	assert_int_equal(fd_memfd_create("ring", ring_bytes(bytes), &fd), 0);
	assert_int_equal(ring_format(fd, bytes), 0);
	assert_int_equal(ring_attach(ring, fd, event_fd), 0);
	return fd;
}

static void
put_fd(struct gateway_help *help, enum slot_fd_kind kind, uint32_t index,
    enum help_fd which)
{
	int old;

	assert_int_equal(slot_fds_put(help->worker.slot, kind, index,
			     help->fds[which], &old),
	    0);
}

static void
make_node(struct gateway_help *help)
{
	int fd;

	assert_int_equal(fd_memfd_create("node",
			     node_bytes(NODE_IP_MIN_ENTRIES), &fd),
	    0);
	assert_int_equal(node_format(fd, HELP_SLOT + 1, NODE_IP_MIN_ENTRIES,
			     table_help_key),
	    0);
	assert_int_equal(node_attach(&help->worker.node, fd), 0);
	atomic_store(&help->worker.node.shared->capacity, HELP_CAPACITY);
	help->fds[HELP_FD_NODE] = fd;
}

struct gateway_help *
gateway_help_new(void)
{
	struct gateway_help *help = calloc(1, sizeof(*help));
	struct settings *settings;
	int *fds;

	assert_non_null(help);
	fds = help->fds;
	settings = &help->worker.settings;
	settings_defaults(settings);
	settings->upstream.mode = UPSTREAM_ECHO;
	settings->admission.handshakes_per_second = 0;
	fds[HELP_FD_TABLE] = make_table(&help->table, HELP_CAPACITY);
	help->worker.slot = help->table.header;
	help->worker.slot_no = HELP_SLOT;
	help->worker.ops = &gateway_ops;
	help->worker.channel.fd = help->worker.handoff_fd = -1;
	help->worker.base = event_base_new();
	make_node(help);
	assert_int_equal(fd_memfd_create("arena", ARENA_BYTES,
			     &fds[HELP_FD_ARENA]),
	    0);
	fds[HELP_FD_UP_EVENT] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fds[HELP_FD_DOWN_EVENT] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fds[HELP_FD_UP] = make_ring(&help->up, RING_UP_BYTES,
	    fds[HELP_FD_UP_EVENT]);
	fds[HELP_FD_DOWN] = make_ring(&help->down, RING_DOWN_BYTES,
	    fds[HELP_FD_DOWN_EVENT]);
	fds[HELP_FD_LISTENER] = make_listener(&help->port);
	put_fd(help, SLOT_FD_TABLE, SLOT_FD_OWN, HELP_FD_TABLE);
	put_fd(help, SLOT_FD_ARENA, 0, HELP_FD_ARENA);
	put_fd(help, SLOT_FD_RING_UP, HELP_SLOT, HELP_FD_UP);
	put_fd(help, SLOT_FD_RING_UP_EVENT, HELP_SLOT, HELP_FD_UP_EVENT);
	put_fd(help, SLOT_FD_RING_DOWN, HELP_SLOT, HELP_FD_DOWN);
	put_fd(help, SLOT_FD_RING_DOWN_EVENT, HELP_SLOT, HELP_FD_DOWN_EVENT);
	put_fd(help, SLOT_FD_LISTENER, 0, HELP_FD_LISTENER);
	return help;
}

/* What the end of the process does to a tenant's private state. */
static void
drop_tenant(struct gateway_help *help)
{
	struct gateway *g = help->g;

	if (g == NULL)
		return;
	event_free(g->on_ready);
	event_free(g->on_down);
	event_free(g->on_tick);
	event_free(g->on_accept_again);
	event_free(g->on_lazy_wake);
	event_free(g->upstream.on_room);
	ring_detach(&g->up);
	ring_detach(&g->down);
	if (g->upstream.in.shared != NULL)
		ring_detach(&g->upstream.in);
	table_detach(&g->table);
	arena_free(g->arena);
	ws_deflate_free(g->deflate);
	free(g->message);
	free(g);
	help->g = NULL;
}

void
gateway_help_start(struct gateway_help *help)
{
	struct worker *worker = &help->worker;

	drop_tenant(help);
	assert_int_equal(gateway_ops.attach(worker), 0);
	help->g = worker->context;
	for (int fd = 0; fd < MAX_FD; fd++)
		(void)gateway_ops.knows_fd(worker, fd);
	holdfast__serving__init(&help->serving);
	assert_int_equal(gateway_ops.start(worker, &help->serving), 0);
}

void
gateway_help_free(struct gateway_help *help)
{
	int epoll_fd = slot_fds_find(help->worker.slot, SLOT_FD_EPOLL, 0);

	drop_tenant(help);
	for (uint32_t i = 0; i < atomic_load(&help->table.header->high_water);
	     i++) {
		const struct record_body *b = &help->table.records[i].body;

		if (b->state != RECORD_FREE && b->fd >= 0)
			(void)close(b->fd);
	}
	if (epoll_fd >= 0)
		(void)close(epoll_fd);
	ring_detach(&help->up);
	ring_detach(&help->down);
	node_detach(&help->worker.node);
	table_detach(&help->table);
	for (int i = 0; i < HELP_FD_MAX; i++)
		(void)close(help->fds[i]);
	event_base_free(help->worker.base);
	free(help);
}

void
gateway_help_until(struct gateway_help *help, bool (*fact)(void *), void *arg)
{
	uint64_t end_ms = clock_mono_ms() + UNTIL_MS;

	while (!fact(arg)) {
		assert_true(clock_mono_ms() < end_ms);
		/* The tick ends a wait when nothing else does. */
		event_base_loop(help->worker.base, EVLOOP_ONCE);
	}
}

struct live_wait {
	struct gateway_help *help;
	uint32_t n;
};

static bool
is_live(void *arg)
{
	struct live_wait *wait = arg;

	return atomic_load(&wait->help->g->slot->live) == wait->n;
}

void
gateway_help_live(struct gateway_help *help, uint32_t n)
{
	gateway_help_until(help, is_live, &(struct live_wait){ help, n });
}

int
gateway_help_connect(struct gateway_help *help)
{
	struct sockaddr_in sa;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	memset(&sa, 0, sizeof(sa));
	sa.sin_family = AF_INET;
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sa.sin_port = htons(help->port);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

/* Lets the gateway work while the client cannot go on. */
static void
turn(struct gateway_help *help, int client, short events, uint64_t end_ms)
{
	struct pollfd pfd = { .fd = client, .events = events };

	assert_true(clock_mono_ms() < end_ms);
	event_base_loop(help->worker.base, EVLOOP_NONBLOCK);
	(void)poll(&pfd, 1, 1);
}

void
gateway_help_send(struct gateway_help *help, int client, const void *bytes,
    size_t len)
{
	uint64_t end_ms = clock_mono_ms() + UNTIL_MS;
	const char *p = bytes;

	while (len > 0) {
		ssize_t n = send(client, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			turn(help, client, POLLOUT, end_ms);
			continue;
		}
		p += n;
		len -= (size_t)n;
	}
	event_base_loop(help->worker.base, EVLOOP_NONBLOCK);
}

bool
gateway_help_recv(struct gateway_help *help, int client, void *out, size_t len)
{
	uint64_t end_ms = clock_mono_ms() + UNTIL_MS;
	size_t have = 0;

	while (have < len) {
		ssize_t n = recv(client, (char *)out + have, len - have,
		    MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN) {
			turn(help, client, POLLIN, end_ms);
			continue;
		}
		if (n <= 0) {
			assert_int_equal(have, 0);
			return false;
		}
		have += (size_t)n;
	}
	return true;
}

int
gateway_help_request(struct gateway_help *help, int client, const char *target,
    char *out_head, size_t cap)
{
	char request[512];
	size_t have = 0;
	int status = 0, n;

	n = snprintf(request, sizeof(request),
	    "GET %s HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
	    target);
	assert_true(n > 0 && (size_t)n < sizeof(request));
	gateway_help_send(help, client, request, (size_t)n);
	while (have < 4 || memcmp(out_head + have - 4, "\r\n\r\n", 4) != 0) {
		assert_true(have + 1 < cap);
		assert_true(
		    gateway_help_recv(help, client, out_head + have, 1));
		have++;
	}
	out_head[have] = '\0';
	assert_int_equal(sscanf(out_head, "HTTP/1.1 %3d", &status), 1);
	return status;
}

int
gateway_help_open(struct gateway_help *help, const char *id)
{
	char target[160], head[1024];
	int client = gateway_help_connect(help);

	(void)snprintf(target, sizeof(target), "/ws?client_id=%s", id);
	assert_int_equal(gateway_help_request(help, client, target, head,
			     sizeof(head)),
	    101);
	return client;
}

void
gateway_help_frame(struct gateway_help *help, int client, uint8_t b0,
    const void *payload, size_t len)
{
	static const uint8_t key[4] = { 0x37, 0xfa, 0x21, 0x3d };
	const uint8_t *from = payload;
	uint8_t *frame = malloc(len + 14);
	size_t head = 2;

	assert_non_null(frame);
	frame[0] = b0;
	if (len < 126) {
		frame[1] = (uint8_t)(0x80 | len);
	} else if (len < 65536) {
		frame[1] = 0x80 | 126;
		frame[head++] = (uint8_t)(len >> 8);
		frame[head++] = (uint8_t)len;
	} else {
		frame[1] = 0x80 | 127;
		for (int shift = 56; shift >= 0; shift -= 8)
			frame[head++] = (uint8_t)((uint64_t)len >> shift);
	}
	memcpy(frame + head, key, 4);
	head += 4;
	for (size_t i = 0; i < len; i++)
		frame[head + i] = from[i] ^ key[i % 4];
	gateway_help_send(help, client, frame, head + len);
	free(frame);
}

uint8_t
gateway_help_next(struct gateway_help *help, int client, char *out_payload,
    size_t cap, size_t *out_len)
{
	uint8_t head[2], more[8];
	size_t len;

	assert_true(gateway_help_recv(help, client, head, 2));
	len = head[1]; /* a server's frame is not masked */
	assert_true(len < 128);
	if (len >= 126) {
		size_t n = len == 126 ? 2 : 8;

		assert_true(gateway_help_recv(help, client, more, n));
		len = 0;
		for (size_t i = 0; i < n; i++)
			len = len << 8 | more[i];
	}
	assert_true(len < cap);
	if (len > 0)
		assert_true(gateway_help_recv(help, client, out_payload, len));
	out_payload[len] = '\0';
	*out_len = len;
	return head[0];
}

void
gateway_help_expect_close(struct gateway_help *help, int client, uint16_t code)
{
	char payload[126];
	size_t len;

	assert_int_equal(gateway_help_next(help, client, payload,
			     sizeof(payload), &len),
	    0x88);
	assert_true(len >= 2);
	assert_int_equal((uint8_t)payload[0] << 8 | (uint8_t)payload[1], code);
	gateway_help_frame(help, client, 0x88, payload, 2);
}

uint32_t
gateway_help_rec(struct gateway_help *help, const char *id)
{
	uint32_t rec = table_index_get(&help->g->table, id, strlen(id));

	assert_int_not_equal(rec, RECORD_NONE);
	assert_int_equal(help->g->table.records[rec].body.state, RECORD_OPEN);
	return rec;
}

void
gateway_help_at_rest(struct gateway_help *help)
{
	struct gateway *g = help->g;

	for (uint32_t i = 0; i < atomic_load(&g->slot->high_water); i++) {
		const struct record_body *b = &g->table.records[i].body;
		uint64_t taken, given;

		if (b->state == RECORD_FREE)
			continue;
		assert_int_equal(b->busy, 0);
		assert_int_equal(settle_counts(b->fd,
				     (b->flags & RECORD_FIN_SENT) != 0, &taken,
				     &given),
		    0);
		assert_int_equal(b->taken, taken);
		assert_int_equal(b->given, given);
	}
	assert_int_equal(arena_used(g->arena), 0);
	assert_int_equal(atomic_load(&g->slot->step.kind), STEP_NONE);
}

int
gateway_help_setup(void **state)
{
	struct gateway_help *help = gateway_help_new();

	gateway_help_start(help);
	*state = help;
	return 0;
}

int
gateway_help_teardown(void **state)
{
	gateway_help_free(*state);
	return 0;
}
