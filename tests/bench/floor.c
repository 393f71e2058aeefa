/* SPDX-License-Identifier: ISC */
/*
 * The floor: the least that any epoll WebSocket server has to do, and nothing
 * else.  accept4, EPOLL_CTL_ADD, recv, send 101; recv, unmask, send the echo;
 * recv 0, close.  Level-triggered, 512 events a turn, no timers, no limits, no
 * checks.  tests/bench/run.py measures the product against it.
 *
 *	floor [-a ADDRESS] [-p PORT] [-w WORKERS] [-P FIRST_CPU] [-C]
 *
 * -C answers with a fixed 101 instead of hashing the client's key.  The line
 * "ready PORT PID..." on stdout says that it listens.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/common_wire.h"

enum { MAX_EVENTS = 512, MAX_ACCEPTS = 64, BUFFER_BYTES = 1 << 16 };

/* What a connection has not finished reading: absent in the fast path. */
struct rest {
	uint8_t *bytes; /* owned */
	size_t len;
};

struct floor {
	int listen_fd;
	int epoll_fd;
	int is_canned;
	size_t max_fds;
	uint8_t *is_open;   /* owned, by fd: the 101 has been sent */
	struct rest *rests; /* owned, by fd */
	uint8_t *in;	    /* owned, BUFFER_BYTES + 1 */
	uint8_t *out;	    /* owned, out_size */
	size_t out_size;
	struct wire_digest digest;
};

static void
drop(struct floor *floor, int fd)
{
	free(floor->rests[fd].bytes);
	floor->rests[fd] = (struct rest){ 0 };
	floor->is_open[fd] = 0;
	close(fd);
}

/* The floor is a yardstick: when a socket is full it waits for that one. */
static int
send_all(int fd, const uint8_t *bytes, size_t len)
{
	struct pollfd full = { .fd = fd, .events = POLLOUT };
	ssize_t sent;

	while (len > 0) {
		sent = send(fd, bytes, len, MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN) {
			poll(&full, 1, 1000);
			continue;
		}
		if (sent < 0)
			return -errno;
		bytes += sent;
		len -= (size_t)sent;
	}
	return 0;
}

static int
answer_upgrade(struct floor *floor, int fd, char *request)
{
	char answer[256], digest[WIRE_ACCEPT_LEN + 1];
	const char *accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
	const char *key;
	int len;

	if (!floor->is_canned) {
		key = strcasestr(request, "sec-websocket-key: ");
		if (key == NULL || strlen(key) < 19 + WIRE_KEY_LEN)
			return -EBADMSG;
		if (wire_accept_format(&floor->digest, key + 19, digest) < 0)
			return -EIO;
		accept = digest;
	}
	len = snprintf(answer, sizeof(answer),
	    "HTTP/1.1 101 Switching "
	    "Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: %s\r\n\r\n",
	    accept);
	floor->is_open[fd] = 1;
	return send_all(fd, (const uint8_t *)answer, (size_t)len);
}

static uint8_t
answer_opcode(uint8_t opcode)
{
	return opcode == WIRE_OP_PING ? WIRE_OP_PONG : opcode;
}

static int
keep_rest(struct floor *floor, int fd, const uint8_t *bytes, size_t len,
    size_t room)
{
	struct rest *rest = &floor->rests[fd];
	uint8_t *grown;

	if (len == 0) {
		free(rest->bytes);
		*rest = (struct rest){ 0 };
		return 0;
	}
	if (rest->bytes != NULL) {
		memmove(rest->bytes, bytes, len);
		bytes = NULL;
	}
	grown = realloc(rest->bytes, len + room);
	if (grown == NULL)
		return -ENOMEM;
	if (bytes != NULL)
		memcpy(grown, bytes, len);
	*rest = (struct rest){ .bytes = grown, .len = len };
	return 0;
}

/* Echo every whole frame in bytes with one send; keep what is incomplete. */
static int
echo_frames(struct floor *floor, int fd, const uint8_t *bytes, size_t len)
{
	struct wire_frame frame;
	size_t out_len = 0, at = 0, payload_len;
	uint8_t *grown;
	int rc;

	while (wire_frame_parse(bytes + at, len - at, &frame)) {
		payload_len = (size_t)frame.payload_len;
		if (len - at - frame.header_len < payload_len)
			break;
		if (out_len + payload_len + WIRE_MAX_HEADER > floor->out_size) {
			grown = realloc(floor->out,
			    floor->out_size + payload_len + WIRE_MAX_HEADER);
			if (grown == NULL)
				return -ENOMEM;
			floor->out = grown;
			floor->out_size += payload_len + WIRE_MAX_HEADER;
		}
		out_len += wire_header_format(floor->out + out_len,
		    answer_opcode(frame.opcode), payload_len, NULL);
		wire_mask(floor->out + out_len, bytes + at + frame.header_len,
		    payload_len, frame.mask);
		out_len += payload_len;
		at += frame.header_len + payload_len;
	}
	if (out_len > 0) {
		rc = send_all(fd, floor->out, out_len);
		if (rc < 0)
			return rc;
	}
	if (at == len && floor->rests[fd].bytes == NULL)
		return 0;
	return keep_rest(floor, fd, bytes + at, len - at, BUFFER_BYTES);
}

static void
on_readable(struct floor *floor, int fd)
{
	struct rest *rest = &floor->rests[fd];
	ssize_t got;
	int rc;

	if (rest->bytes != NULL) {
		got = recv(fd, rest->bytes + rest->len, BUFFER_BYTES, 0);
		if (got > 0) {
			rc = echo_frames(floor, fd, rest->bytes,
			    rest->len + (size_t)got);
			if (rc < 0)
				drop(floor, fd);
			return;
		}
	} else {
		got = recv(fd, floor->in, BUFFER_BYTES, 0);
	}
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		drop(floor, fd);
		return;
	}
	if (floor->is_open[fd]) {
		rc = echo_frames(floor, fd, floor->in, (size_t)got);
	} else {
		floor->in[got] = '\0';
		rc = answer_upgrade(floor, fd, (char *)floor->in);
	}
	if (rc < 0)
		drop(floor, fd);
}

static void
on_acceptable(struct floor *floor)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd, i;

	for (i = 0; i < MAX_ACCEPTS; i++) {
		fd = accept4(floor->listen_fd, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		event.data.fd = fd;
		if ((size_t)fd >= floor->max_fds ||
		    epoll_ctl(floor->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
			close(fd);
	}
}

static void
worker_run(struct floor *floor)
{
	struct epoll_event events[MAX_EVENTS];
	struct epoll_event event = { .events = EPOLLIN };
	int i, n;

	floor->in = malloc(BUFFER_BYTES + 1);
	floor->out_size = BUFFER_BYTES;
	floor->out = malloc(floor->out_size);
	floor->is_open = calloc(floor->max_fds, 1);
	floor->rests = calloc(floor->max_fds, sizeof(*floor->rests));
	floor->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	event.data.fd = floor->listen_fd;
	if (floor->in == NULL || floor->out == NULL || floor->is_open == NULL ||
	    floor->rests == NULL || wire_digest_init(&floor->digest) < 0 ||
	    floor->epoll_fd < 0 ||
	    epoll_ctl(floor->epoll_fd, EPOLL_CTL_ADD, floor->listen_fd,
		&event) < 0)
		err(1, "worker");
	for (;;) {
		n = epoll_wait(floor->epoll_fd, events, MAX_EVENTS, -1);
		for (i = 0; i < n; i++) {
			if (events[i].data.fd == floor->listen_fd)
				on_acceptable(floor);
			else
				on_readable(floor, events[i].data.fd);
		}
	}
}

static int
listen_open(const char *address, int port, int *out_port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port) };
	socklen_t len = sizeof(sin);
	int fd, one = 1;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || inet_pton(AF_INET, address, &sin.sin_addr) != 1)
		errx(1, "%s: not an IPv4 address", address);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 ||
	    listen(fd, 65535) < 0 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) < 0)
		err(1, "listen on %s:%d", address, port);
	*out_port = ntohs(sin.sin_port);
	return fd;
}

static void
worker_start(struct floor *floor, int number, int first_cpu)
{
	cpu_set_t cpus;
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid > 0) {
		printf(" %d", (int)pid);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (first_cpu >= 0) {
		CPU_ZERO(&cpus);
		CPU_SET((size_t)(first_cpu + number), &cpus);
		sched_setaffinity(0, sizeof(cpus), &cpus);
	}
	worker_run(floor);
}

int
main(int argc, char **argv)
{
	struct floor floor = { .listen_fd = -1, .epoll_fd = -1 };
	const char *address = "127.0.0.1";
	int option, i, port = 0, workers = 1, first_cpu = -1;
	struct rlimit files;

	while ((option = getopt(argc, argv, "a:p:w:P:C")) != -1) {
		switch (option) {
		case 'a':
			address = optarg;
			break;
		case 'p':
			port = atoi(optarg);
			break;
		case 'w':
			workers = atoi(optarg);
			break;
		case 'P':
			first_cpu = atoi(optarg);
			break;
		case 'C':
			floor.is_canned = 1;
			break;
		default:
			errx(2,
			    "usage: floor [-a ADDRESS] [-p PORT] "
			    "[-w WORKERS] [-P FIRST_CPU] [-C]");
		}
	}
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		err(1, "getrlimit");
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		err(1, "setrlimit");
	floor.max_fds = (size_t)files.rlim_cur;
	floor.listen_fd = listen_open(address, port, &port);
	setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
	printf("ready %d", port);
	for (i = 0; i < workers; i++) {
		fflush(stdout);
		worker_start(&floor, i, first_cpu);
	}
	printf("\n");
	fflush(stdout);
	while (wait(NULL) > 0)
		;
	return 0;
}
