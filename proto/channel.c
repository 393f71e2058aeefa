/* SPDX-License-Identifier: ISC */
/*
 * Control channels over unix(7) SOCK_SEQPACKET sockets: see channel.h.  Owns
 * the socket and the packets that the kernel would not take yet, whose fds are
 * duplicates, since the sender may close its own at once.
 */
#include "proto/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fd.h"

#define MAX_QUEUED (1024u * 1024)

struct channel_packet {
	struct channel_packet *next; /* owned */
	size_t len;
	int nfds;
	int *fds;	/* owned; behind bytes in this allocation */
	uint8_t *bytes; /* behind this struct in the same allocation */
};

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * CHANNEL_MAX_FDS)];
};

int
channel_pair(int out_fds[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, out_fds) == -1)
		return -errno;
	return 0;
}

void
channel_init(struct channel *ch, int fd, enum peer_role self,
    enum peer_role peer)
{
	memset(ch, 0, sizeof(*ch));
	ch->fd = fd;
	ch->self = self;
	ch->peer = peer;
	ch->queue_tail = &ch->queue;
	ch->max_queued = MAX_QUEUED;
}

static void
free_packet(struct channel_packet *packet)
{
	for (int i = 0; i < packet->nfds; i++)
		fd_close(&packet->fds[i]);
	free(packet);
}

static void
pop_packet(struct channel *ch)
{
	struct channel_packet *packet = ch->queue;

	ch->queue = packet->next;
	if (ch->queue == NULL)
		ch->queue_tail = &ch->queue;
	ch->queued_bytes -= packet->len;
	free_packet(packet);
}

void
channel_clear(struct channel *ch)
{
	while (ch->queue != NULL)
		pop_packet(ch);
	fd_close(&ch->fd);
}

static int
send_packet(int fd, const uint8_t *bytes, size_t len, const int *fds, int nfds)
{
	union control control;
	struct iovec iov = { .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;
	size_t fd_bytes = sizeof(int) * (size_t)nfds;
	ssize_t n;

	/* sendmsg(2) only reads, iovec cannot say so. */
	memcpy(&iov.iov_base, &bytes, sizeof(bytes));
	if (nfds > 0) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(fd_bytes);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(fd_bytes);
		memcpy(CMSG_DATA(cmsg), fds, fd_bytes);
	}
	do
		n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n == -1 && errno == EINTR);
	if (n != -1)
		return 0;
	if (errno == ECONNRESET || errno == ENOTCONN)
		return -EPIPE;
	return errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

static int
queue_packet(struct channel *ch, const uint8_t *bytes, size_t len,
    const int *fds, int nfds)
{
	size_t room = (len + sizeof(int) - 1) / sizeof(int) * sizeof(int);
	struct channel_packet *packet;
	int rc;

	if (ch->queued_bytes + len > ch->max_queued)
		return -ENOBUFS;
	packet = malloc(sizeof(*packet) + room + sizeof(int) * (size_t)nfds);
	if (packet == NULL)
		return -ENOMEM;
	packet->next = NULL;
	packet->len = len;
	packet->nfds = 0;
	packet->bytes = (uint8_t *)(packet + 1);
	packet->fds = (int *)(void *)(packet->bytes + room);
	memcpy(packet->bytes, bytes, len);
	while (packet->nfds < nfds) {
		int copy = fcntl(fds[packet->nfds], F_DUPFD_CLOEXEC, 0);

		if (copy == -1) {
			rc = -errno;
			free_packet(packet);
			return rc;
		}
		packet->fds[packet->nfds++] = copy;
	}
	*ch->queue_tail = packet;
	ch->queue_tail = &packet->next;
	ch->queued_bytes += len;
	return 0;
}

int
channel_send(struct channel *ch, enum message_kind kind,
    const ProtobufCMessage *body, const int *fds, int nfds)
{
	uint8_t bytes[CHANNEL_MAX_PACKET];
	size_t len;
	int rc;

	if (ch->fd == -1)
		return -EPIPE;
	rc = message_check(kind, nfds, ch->self, ch->peer);
	if (rc == 0)
		rc = message_encode(kind, body, bytes, sizeof(bytes), &len);
	if (rc != 0)
		return rc;
	if (ch->queue == NULL) {
		rc = send_packet(ch->fd, bytes, len, fds, nfds);
		if (rc != -EAGAIN)
			return rc;
	}
	return queue_packet(ch, bytes, len, fds, nfds);
}

int
channel_flush(struct channel *ch)
{
	struct channel_packet *packet;
	int rc;

	while ((packet = ch->queue) != NULL) {
		rc = send_packet(ch->fd, packet->bytes, packet->len,
		    packet->fds, packet->nfds);
		if (rc == -EAGAIN)
			return 1;
		if (rc != 0)
			return rc;
		pop_packet(ch);
	}
	return 0;
}

int
channel_wants_write(const struct channel *ch)
{
	return ch->queue != NULL;
}

/* Moves the fds that came with a packet into *out. */
static void
take_fds(struct msghdr *msg, struct message *out)
{
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
	     cmsg = CMSG_NXTHDR(msg, cmsg)) {
		size_t count;

		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		/* The kernel sends one such header with at most 253 fds. */
		count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(out->fds, CMSG_DATA(cmsg), count * sizeof(int));
		out->nfds = (int)count;
	}
}

int
channel_recv(struct channel *ch, struct message *out)
{
	uint8_t bytes[CHANNEL_MAX_PACKET];
	union control control;
	struct iovec iov = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;
	int rc;

	if (!ch->refuses_fds) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	do
		n = recvmsg(ch->fd, &msg,
		    MSG_DONTWAIT | (ch->keeps_fds ? 0 : MSG_CMSG_CLOEXEC));
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
	out->kind = MSG_NONE;
	out->body = NULL;
	out->nfds = 0;
	out->allocator = ch->allocator;
	take_fds(&msg, out);
	/* An empty packet looks like the end and is treated as such. */
	if (n == 0)
		rc = -ECONNRESET;
	else if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
		rc = -EPROTO;
	else
		rc = message_decode(bytes, (size_t)n, out->nfds, ch->peer,
		    ch->self, ch->allocator, &out->kind, &out->body);
	if (rc != 0) {
		message_clear(out);
		return rc;
	}
	return 1;
}

void
message_clear(struct message *msg)
{
	for (int i = 0; i < msg->nfds; i++)
		fd_close(&msg->fds[i]);
	msg->nfds = 0;
	if (msg->body != NULL)
		protobuf_c_message_free_unpacked(msg->body, msg->allocator);
	msg->body = NULL;
}
