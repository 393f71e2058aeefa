/* SPDX-License-Identifier: ISC */
/*
 * A load connection from socket() to its end: source address, upgrade request,
 * the server's answer, the count of how it ended, and the back-off to the next
 * opening.  conn_end() is the only place where an fd is closed.
 */
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "tests/bench/common_client.h"

static uint32_t
random_next(struct client *client)
{
	client->random ^= client->random << 13;
	client->random ^= client->random >> 7;
	client->random ^= client->random << 17;
	return (uint32_t)(client->random >> 32);
}

static uint64_t
key_seed(const struct client *client, const struct conn *conn)
{
	return client->share->start_ns ^ conn->client_number << 20 ^ conn->life;
}

static size_t
request_format(struct client *client, struct conn *conn, char *out, size_t size)
{
	const struct load_opts *opts = client->opts;
	char key[WIRE_KEY_LEN + 1], id[WIRE_CLIENT_ID_LEN + 1];
	/* Who comes back says that it reads hints. */
	const char *hint = opts->retry.base_ms != 0 ? "&hint=1" : "";
	char query[64];
	int len;

	if (opts->id_prefix != NULL) {
		wire_client_id_format(opts->id_prefix, conn->client_number, id);
		snprintf(query, sizeof(query), "&client_id=%s%s", id, hint);
	} else {
		snprintf(query, sizeof(query), "%s", hint);
	}
	if (strchr(opts->path, '?') == NULL && query[0] != '\0')
		query[0] = '?';
	wire_key_format(key_seed(client, conn), key);
	len = snprintf(out, size,
	    "GET %s%s HTTP/1.1\r\nHost: localhost\r\n"
	    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
	    opts->path, query, key, opts->extra_headers);
	return len < 0 || (size_t)len >= size ? 0 : (size_t)len;
}

/*
 * A port is unique only within (source, destination): many source addresses
 * lift the limit of 64k connections to one listener.  The port is left to
 * connect(), which knows the destination; bind() would reserve it for all.
 */
static int
source_bind(struct client *client, int fd)
{
	uint32_t source;
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int one = 1;

	if (client->opts->sources == 0)
		return 0;
	source = (uint32_t)(client->opens % client->opts->sources);
	sin.sin_addr.s_addr = htonl(127u << 24 | (16 + client->number) << 16 |
	    (source / 250 + 1) << 8 | (source % 250 + 1));
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one,
		sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0)
		return -errno;
	return 0;
}

static int
socket_connect(struct client *client, struct conn *conn)
{
	const struct load_opts *opts = client->opts;
	struct epoll_event event = { .events = EPOLLIN };
	const struct sockaddr_in *target;
	int fd, rc, one = 1;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	rc = source_bind(client, fd);
	if (rc < 0)
		goto fail;
	if (opts->mode == MODE_ECHO || opts->mode == MODE_SEQUENCE)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	target = &opts->targets[client->opens % opts->n_targets];
	if (connect(fd, (const struct sockaddr *)target, sizeof(*target)) < 0 &&
	    errno != EINPROGRESS)
		goto fail_errno;
	event.data.u32 = (uint32_t)(conn - client->conns);
	if (epoll_ctl(client->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		goto fail_errno;
	conn->fd = fd;
	return 0;
fail_errno:
	rc = -errno;
fail:
	close(fd);
	return rc;
}

void
conn_open(struct client *client, struct conn *conn)
{
	conn->life++;
	conn->credit = conn->sent_off = 0;
	conn->wants_out = conn->pong_len = 0;
	conn->in_flight = 0;
	conn->told_ms = -1;
	conn->client_number = client->opts->mode == MODE_STORM ?
	    client->number * UINT64_C(1000000000) + client->opens :
	    conn->index;
	seq_restart(&conn->seq, conn->next_number);
	client->now_ns = clock_mono_ns();
	if (conn->life == 1 || client->opts->mode == MODE_STORM)
		conn->begun_ns = client->now_ns;
	conn->state = CONN_CONNECTING;
	client->handshakes++;
	client->opens++;
	if (socket_connect(client, conn) < 0) {
		client->stats->connect_errors++;
		conn_end(client, conn, CONN_REFUSED);
		return;
	}
	/* Over loopback the connection stands already: spare a wake-up. */
	conn_on_writable(client, conn);
}

void
conn_on_writable(struct client *client, struct conn *conn)
{
	struct epoll_event event = { .events = EPOLLIN };
	char request[4096];
	ssize_t sent;
	size_t len;
	int error = 0;
	socklen_t error_len = sizeof(error);

	if (conn->state == CONN_OPEN) {
		conn_send_messages(client, conn);
		return;
	}
	if (conn->state != CONN_CONNECTING)
		return;
	event.data.u32 = (uint32_t)(conn - client->conns);
	len = request_format(client, conn, request, sizeof(request));
	sent = send(conn->fd, request, len, MSG_NOSIGNAL);
	if (sent < 0 && errno == EAGAIN && conn->wants_out == 0) {
		event.events |= EPOLLOUT;
		epoll_ctl(client->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event);
		conn->wants_out = 1;
		return;
	}
	if (sent < 0 && errno == EAGAIN) {
		getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &error_len);
		if (error == 0)
			return;
	}
	if (sent != (ssize_t)len) {
		client->stats->connect_errors++;
		conn_end(client, conn, CONN_REFUSED);
		return;
	}
	conn->state = CONN_UPGRADING;
	if (conn->wants_out) {
		conn->wants_out = 0;
		epoll_ctl(client->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event);
	}
}

static void
accept_check(struct client *client, struct conn *conn, const char *head)
{
	static const char name[] = "\r\nsec-websocket-accept:";
	char key[WIRE_KEY_LEN + 1], wanted[WIRE_ACCEPT_LEN + 1];
	const char *at;

	if (client->opts->verify == VERIFY_NONE ||
	    (client->opts->verify == VERIFY_ONCE && client->stats->opened > 0))
		return;
	wire_key_format(key_seed(client, conn), key);
	at = strcasestr(head, name);
	if (at != NULL) {
		at += sizeof(name) - 1;
		at += strspn(at, " ");
	}
	if (at == NULL ||
	    wire_accept_format(&client->digest, key, wanted) < 0 ||
	    strncmp(at, wanted, WIRE_ACCEPT_LEN) != 0)
		client->stats->bad_accepts++;
}

static void
on_opened(struct client *client, struct conn *conn)
{
	const struct load_opts *opts = client->opts;
	int is_first = !conn->is_settled;

	client->stats->opened++;
	client->handshakes--;
	conn->state = CONN_OPEN;
	if (is_first) {
		conn->is_settled = 1;
		client->settled++;
	}
	if (is_first || opts->mode == MODE_STORM) {
		hist_add(&client->stats->handshake,
		    client->now_ns - conn->begun_ns);
	} else {
		client->stats->reconnects++;
		hist_add(&client->stats->displaced,
		    client->now_ns - conn->begun_ns);
	}
	conn->opened_ns = client->now_ns;
	if (opts->mode == MODE_STORM) {
		if (opts->sends_close)
			conn_send_control(client, conn, WIRE_OP_CLOSE,
			    (const uint8_t *)"\x03\xe8", 2);
		conn_end(client, conn, CONN_CLOSED);
	} else if (opts->mode == MODE_SEQUENCE ||
	    (opts->mode == MODE_ECHO && client->phase == PHASE_RUN)) {
		conn->credit = client->phase <= PHASE_RUN ?
		    (uint32_t)opts->depth :
		    0;
	}
}

static void
on_refused(struct client *client, struct conn *conn, const char *head)
{
	unsigned long status = strtoul(head + 9, NULL, 10);

	conn->code = (uint16_t)(status < CLIENT_MAX_STATUS ? status : 0);
	client->stats->statuses[conn->code]++;
	(void)retry_after_parse(head, random_next(client), &conn->told_ms);
	conn_end(client, conn, CONN_REFUSED);
}

size_t
conn_on_answer(struct client *client, struct conn *conn, const uint8_t *bytes,
    size_t len)
{
	const uint8_t *end = memmem(bytes, len, "\r\n\r\n", 4);
	char head[4096];
	size_t head_len;

	if (end == NULL && len < sizeof(head))
		return 0;
	head_len = end == NULL ? len : (size_t)(end - bytes) + 4;
	if (head_len >= sizeof(head) || len < 13 ||
	    memcmp(bytes, "HTTP/1.1 ", 9) != 0) {
		client->stats->protocol_errors++;
		conn_end(client, conn, CONN_REFUSED);
		return len;
	}
	memcpy(head, bytes, head_len);
	head[head_len] = '\0';
	if (memcmp(head + 9, "101", 3) != 0) {
		on_refused(client, conn, head);
		return len;
	}
	accept_check(client, conn, head);
	on_opened(client, conn);
	return head_len;
}

static void
reopen_plan(struct client *client, struct conn *conn, int was_open)
{
	const struct retry_end end = { .was_open = was_open,
		.lasted_ms = (client->now_ns - conn->opened_ns) / 1000000,
		.told_ms = conn->told_ms };
	uint64_t wait_ms = 10; /* a storm, after an error: no spinning loop */

	if (client->opts->mode != MODE_STORM)
		wait_ms = retry_wait_ms(&client->opts->retry, &end,
		    random_next(client), &conn->attempt);
	conn->state = CONN_BACKING_OFF;
	/* Never earlier than told: the turn's clock is cut to milliseconds. */
	timer_wheel_set(&client->timers, (uint32_t)(conn - client->conns),
	    (uint32_t)(client->now_ns / 1000000 + 1 + wait_ms));
}

void
conn_end(struct client *client, struct conn *conn, enum conn_state how)
{
	int was_open = conn->state == CONN_OPEN || conn->state == CONN_CLOSING;
	const struct load_opts *opts = client->opts;

	if (conn->fd >= 0)
		close(conn->fd);
	conn->fd = -1;
	free(conn->part);
	free(conn->pong);
	conn->part = conn->pong = NULL;
	conn->part_len = conn->part_size = 0;
	timer_wheel_cancel(&client->timers, (uint32_t)(conn - client->conns));
	conn->state = (uint8_t)how;
	conn->abandoned += conn->in_flight;
	client->in_flight -= conn->in_flight;
	conn->in_flight = conn->credit = 0;
	if (!was_open) {
		client->handshakes--;
		client->stats->refused++;
	} else if (how == CONN_SEVERED) {
		conn->severed++;
		client->stats->severed++;
	} else {
		client->stats->closed++;
		if (opts->mode != MODE_STORM && conn->code < CLIENT_MAX_CODE)
			client->stats->codes[conn->code]++;
	}
	if (opts->mode == MODE_STORM && was_open) {
		conn->state = CONN_IDLE;
		client->idle[client->n_idle++] = (uint32_t)(conn -
		    client->conns);
		return;
	}
	if (opts->mode != MODE_STORM && was_open)
		conn->begun_ns = client->now_ns;
	if ((opts->retry.base_ms != 0 || opts->mode == MODE_STORM) &&
	    !(how == CONN_CLOSED && retry_is_final(conn->code))) {
		reopen_plan(client, conn, was_open);
	} else if (!conn->is_settled) {
		conn->is_settled = 1;
		client->settled++;
	}
}
