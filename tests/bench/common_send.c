/* SPDX-License-Identifier: ISC */
/*
 * Sending side of a load connection.  A message can be built again from its
 * number, so a connection keeps no bytes: only how far it has come.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/common_client.h"

static void
watch_output(struct client *client, struct conn *conn, int wants_out)
{
	struct epoll_event event = { .events = EPOLLIN };

	if (conn->wants_out == wants_out)
		return;
	conn->wants_out = (uint8_t)wants_out;
	event.events |= wants_out ? (uint32_t)EPOLLOUT : 0;
	event.data.u32 = (uint32_t)(conn - client->conns);
	epoll_ctl(client->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event);
}

static void
note_sent(struct client *client, struct conn *conn, size_t bytes)
{
	size_t i = (size_t)(conn - client->conns) * client->opts->depth;
	size_t done = conn->sent_off + bytes;

	if (conn->in_flight == 0)
		conn->waiting_ns = client->now_ns;
	for (; done >= client->frame_len; done -= client->frame_len) {
		client->sent_at[i + conn->next_number % client->opts->depth] =
		    client->now_ns;
		conn->next_number++;
		conn->credit--;
		conn->in_flight++;
		client->in_flight++;
		client->stats->sent++;
	}
	conn->sent_off = (uint32_t)done;
}

static void
send_pong(struct client *client, struct conn *conn)
{
	ssize_t sent = send(conn->fd, conn->pong, conn->pong_len, MSG_NOSIGNAL);

	/* A torn or unsent pong would spoil the stream: give up on it whole. */
	if (sent != conn->pong_len && !(sent < 0 && errno == EAGAIN)) {
		client->stats->protocol_errors++;
		conn_end(client, conn, CONN_SEVERED);
		return;
	}
	if (sent < 0) {
		watch_output(client, conn, 1);
		return;
	}
	conn->pong_len = 0;
}

void
conn_send_messages(struct client *client, struct conn *conn)
{
	uint8_t opcode = client->opts->is_binary ? WIRE_OP_BINARY :
						   WIRE_OP_TEXT;
	size_t len;
	uint32_t i;
	ssize_t sent;

	if (conn->state != CONN_OPEN)
		return;
	if (conn->pong_len > 0 && conn->sent_off == 0)
		send_pong(client, conn);
	while (conn->state == CONN_OPEN && conn->credit > 0) {
		len = 0;
		for (i = 0; i < conn->credit &&
		     len + client->frame_len <= client->out_size;
		     i++) {
			len += wire_message_format(&client->pattern,
			    client->out + len, opcode, conn->index,
			    conn->next_number + i, client->opts->payload);
		}
		len -= conn->sent_off;
		sent = send(conn->fd, client->out + conn->sent_off, len,
		    MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN) {
			watch_output(client, conn, 1);
			return;
		}
		if (sent < 0) {
			conn_end(client, conn, CONN_SEVERED);
			return;
		}
		note_sent(client, conn, (size_t)sent);
		if ((size_t)sent < len) {
			watch_output(client, conn, 1);
			return;
		}
		if (conn->pong_len > 0)
			send_pong(client, conn);
	}
	if (conn->state == CONN_OPEN && conn->pong_len == 0)
		watch_output(client, conn, 0);
}

void
conn_grant(struct client *client, struct conn *conn, uint32_t messages)
{
	conn->credit += messages;
	if (!conn->wants_out)
		conn_send_messages(client, conn);
}

void
conn_send_control(struct client *client, struct conn *conn, uint8_t opcode,
    const uint8_t *payload, size_t len)
{
	static const uint8_t mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
	uint8_t frame[WIRE_MAX_HEADER + 125];
	size_t at;

	at = wire_header_format(frame, opcode, len, mask);
	wire_mask(frame + at, payload, len, mask);
	at += len;
	if (conn->sent_off == 0 && conn->pong_len == 0 &&
	    send(conn->fd, frame, at, MSG_NOSIGNAL) == (ssize_t)at)
		return;
	if (opcode != WIRE_OP_PONG)
		return;
	/* In the middle of a message: the pong follows it. */
	if (conn->pong == NULL)
		conn->pong = malloc(sizeof(frame));
	if (conn->pong == NULL)
		return;
	memcpy(conn->pong, frame, at);
	conn->pong_len = (uint8_t)at;
	if (conn->sent_off == 0)
		watch_output(client, conn, 1);
}
