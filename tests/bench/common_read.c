/* SPDX-License-Identifier: ISC */
/*
 * Receiving side of a load connection: frames out of the stream, and what each
 * of them means for the count.
 */
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/common_client.h"
#include "tests/bench/common_push.h"

/* Whoever published it may have numbered it: see common_push.h. */
static void
on_push(struct client *client, struct conn *conn, const uint8_t *payload,
    size_t len)
{
	struct load_stats *stats = client->stats;
	uint64_t at_ns;
	uint32_t number;

	stats->pushed++;
	if (push_parse(payload, len, &number, &at_ns) < 0 ||
	    !seq_take(&conn->pushes, number))
		return;
	hist_add(&stats->push, client->now_ns - at_ns);
	if (stats->push_first_ns == 0)
		stats->push_first_ns = client->now_ns;
	stats->push_last_ns = client->now_ns;
}

static void
on_echo(struct client *client, struct conn *conn, const uint8_t *payload,
    size_t len)
{
	uint64_t waited;
	uint32_t i, number, depth = (uint32_t)client->opts->depth;
	size_t slot;

	if (len > 0 && payload[0] == '{') {
		on_push(client, conn, payload, len);
		return;
	}
	if (wire_message_parse(&client->pattern, payload, len, conn->index,
		client->opts->payload, &number) < 0) {
		conn->corrupt++;
		return;
	}
	if (!seq_take(&conn->seq, number) || conn->in_flight == 0)
		return;
	slot = (size_t)(conn - client->conns) * depth + number % depth;
	hist_add(&client->stats->latency,
	    client->now_ns - client->sent_at[slot]);
	waited = client->now_ns - conn->waiting_ns;
	if (waited > conn->silence_ns)
		conn->silence_ns = waited;
	conn->waiting_ns = client->now_ns;
	conn->received++;
	client->stats->received++;
	conn->in_flight--;
	client->in_flight--;
	if (client->opts->mode == MODE_HOLD || client->phase > PHASE_RUN)
		return;
	if (client->opts->interval_ns == 0) {
		conn->credit++;
		return;
	}
	i = (uint32_t)(conn - client->conns);
	if (!timer_wheel_is_armed(&client->timers, i))
		timer_wheel_set(&client->timers, i,
		    (uint32_t)((client->now_ns + client->opts->interval_ns) /
			1000000));
}

static void
on_close(struct client *client, struct conn *conn, const uint8_t *payload,
    size_t len)
{
	conn->code = CLIENT_NO_CODE;
	if (len >= 2) {
		conn->code = (uint16_t)(payload[0] << 8 | payload[1]);
		(void)retry_hint_parse((const char *)payload + 2, len - 2,
		    &conn->told_ms);
	}
	if (conn->state == CONN_OPEN)
		conn_send_control(client, conn, WIRE_OP_CLOSE, payload,
		    len < 2 ? 0 : 2);
	conn->state = CONN_CLOSING;
}

/* Returns -EBADMSG for what no server may send. */
static int
on_frame(struct client *client, struct conn *conn,
    const struct wire_frame *frame, const uint8_t *payload)
{
	size_t len = (size_t)frame->payload_len;

	if (frame->is_masked || frame->rsv != 0 || !frame->is_final ||
	    (frame->opcode >= WIRE_OP_CLOSE && len > 125))
		return -EBADMSG;
	switch (frame->opcode) {
	case WIRE_OP_TEXT:
	case WIRE_OP_BINARY:
		on_echo(client, conn, payload, len);
		return 0;
	case WIRE_OP_PING:
		client->stats->pings++;
		if (conn->state == CONN_OPEN)
			conn_send_control(client, conn, WIRE_OP_PONG, payload,
			    len);
		return 0;
	case WIRE_OP_PONG:
		return 0;
	case WIRE_OP_CLOSE:
		on_close(client, conn, payload, len);
		return 0;
	default:
		return -EBADMSG;
	}
}

/* Takes what is whole; returns the bytes used, *out_need the next frame's. */
static size_t
take_bytes(struct client *client, struct conn *conn, const uint8_t *bytes,
    size_t len, size_t *out_need)
{
	struct wire_frame frame;
	size_t at = 0, whole;

	*out_need = 0;
	if (conn->state == CONN_UPGRADING) {
		at = conn_on_answer(client, conn, bytes, len);
		if (at == 0)
			return 0;
	}
	while (conn->state == CONN_OPEN || conn->state == CONN_CLOSING) {
		if (!wire_frame_parse(bytes + at, len - at, &frame))
			break;
		whole = frame.header_len + (size_t)frame.payload_len;
		if (len - at < whole) {
			*out_need = whole;
			break;
		}
		if (on_frame(client, conn, &frame,
			bytes + at + frame.header_len) < 0) {
			client->stats->protocol_errors++;
			conn_end(client, conn, CONN_SEVERED);
			break;
		}
		at += whole;
	}
	return at;
}

static int
part_reserve(struct conn *conn, size_t size)
{
	uint8_t *grown;

	if (size <= conn->part_size)
		return 0;
	if (size > UINT32_MAX)
		return -EMSGSIZE;
	grown = realloc(conn->part, size);
	if (grown == NULL)
		return -ENOMEM;
	conn->part = grown;
	conn->part_size = (uint32_t)size;
	return 0;
}

static int
part_keep(struct conn *conn, const uint8_t *bytes, size_t len, size_t need)
{
	if (len == 0) {
		free(conn->part);
		conn->part = NULL;
		conn->part_len = conn->part_size = 0;
		return 0;
	}
	if (conn->part_len > 0) {
		memmove(conn->part, bytes, len);
	} else {
		if (part_reserve(conn, len) < 0)
			return -ENOMEM;
		memcpy(conn->part, bytes, len);
	}
	conn->part_len = (uint32_t)len;
	return part_reserve(conn, need);
}

static void
on_bytes(struct client *client, struct conn *conn, const uint8_t *fresh,
    size_t fresh_len)
{
	const uint8_t *bytes = fresh;
	size_t len = fresh_len, used, need;

	if (conn->part_len > 0) {
		if (part_reserve(conn, conn->part_len + fresh_len) < 0) {
			conn_end(client, conn, CONN_SEVERED);
			return;
		}
		memcpy(conn->part + conn->part_len, fresh, fresh_len);
		conn->part_len += (uint32_t)fresh_len;
		bytes = conn->part;
		len = conn->part_len;
	}
	used = take_bytes(client, conn, bytes, len, &need);
	if (conn->fd < 0 || (used == len && conn->part_len == 0))
		return;
	if (part_keep(conn, bytes + used, len - used, need) < 0)
		conn_end(client, conn, CONN_SEVERED);
}

void
conn_on_readable(struct client *client, struct conn *conn)
{
	ssize_t got = recv(conn->fd, client->in, CLIENT_IN_BYTES, 0);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got > 0) {
		on_bytes(client, conn, client->in, (size_t)got);
		if (conn->credit > 0 && !conn->wants_out)
			conn_send_messages(client, conn);
		return;
	}
	if (conn->state == CONN_CLOSING)
		conn_end(client, conn, CONN_CLOSED);
	else if (conn->state == CONN_OPEN)
		conn_end(client, conn, CONN_SEVERED);
	else
		conn_end(client, conn, CONN_REFUSED);
}
