/* SPDX-License-Identifier: ISC */
/*
 * The kernel's byte counts over loopback TCP: exact whatever was read, what
 * waits, and who has said its last word.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "worker/gateway/settle.h"

#define WAIT_MS 5000
#define BLOCK	65536

struct pair {
	int listener;
	int ours;
	int theirs;
	uint64_t taken; /* as a record would count them */
	uint64_t given;
	uint64_t sent; /* by the peer */
};

static void
to_loopback(struct sockaddr_in *sa)
{
	memset(sa, 0, sizeof(*sa));
	sa->sin_family = AF_INET;
	sa->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

static int
setup(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));
	struct sockaddr_in sa;
	socklen_t len = sizeof(sa);
	int on = 1;

	assert_non_null(p);
	to_loopback(&sa);
	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(p->listener >= 0);
	assert_int_equal(bind(p->listener, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(listen(p->listener, 1), 0);
	assert_int_equal(getsockname(p->listener, (struct sockaddr *)&sa, &len),
	    0);
	p->theirs = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(p->theirs, (struct sockaddr *)&sa, len), 0);
	p->ours = accept4(p->listener, NULL, NULL,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(p->ours >= 0);
	assert_int_equal(setsockopt(p->ours, SOL_SOCKET, SO_OOBINLINE, &on,
			     sizeof(on)),
	    0);
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct pair *p = *state;

	(void)close(p->listener);
	(void)close(p->ours);
	if (p->theirs >= 0)
		(void)close(p->theirs);
	free(p);
	return 0;
}

static void
peer_sends(struct pair *p, size_t len, int flags)
{
	static const char block[BLOCK];
	struct pollfd readable = { .fd = p->ours, .events = POLLIN };

	assert_true(len <= sizeof(block));
	assert_int_equal(send(p->theirs, block, len, flags), (ssize_t)len);
	p->sent += len;
	assert_int_equal(poll(&readable, 1, WAIT_MS), 1);
}

static void
we_read(struct pair *p, size_t len)
{
	char block[BLOCK];

	assert_int_equal(recv(p->ours, block, len, MSG_WAITALL), (ssize_t)len);
	p->taken += len;
}

static void
we_write(struct pair *p, size_t len)
{
	static const char block[BLOCK];
	ssize_t n = send(p->ours, block, len, MSG_NOSIGNAL);

	assert_true(n > 0);
	p->given += (uint64_t)n;
}

static void
wait_for(struct pair *p, short events)
{
	struct pollfd pfd = { .fd = p->ours, .events = events };

	assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
	assert_true(pfd.revents & events);
}

static void
wait_state(struct pair *p, uint8_t tcp_state)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	for (int i = 0; i < WAIT_MS; i++) {
		assert_int_equal(getsockopt(p->ours, IPPROTO_TCP, TCP_INFO,
				     &info, &len),
		    0);
		if (info.tcpi_state == tcp_state)
			return;
		(void)poll(NULL, 0, 1);
	}
	fail_msg("state %u, not %u", info.tcpi_state, tcp_state);
}

static void
expect(struct pair *p, bool fin_sent)
{
	uint64_t taken = 99, given = 99;

	assert_int_equal(settle_counts(p->ours, fin_sent, &taken, &given), 0);
	assert_int_equal(taken, p->taken);
	assert_int_equal(given, p->given);
}

static void
test_reads(void **state)
{
	struct pair *p = *state;

	expect(p, false);
	peer_sends(p, 1000, 0);
	expect(p, false); /* what waits is not taken */
	we_read(p, 1);
	expect(p, false);
	we_read(p, 998);
	peer_sends(p, 5000, 0);
	expect(p, false);
	we_read(p, 5001);
	expect(p, false);
}

static void
test_urgent(void **state)
{
	struct pair *p = *state;

	peer_sends(p, 10, 0);
	peer_sends(p, 5, MSG_OOB);
	peer_sends(p, 10, 0);
	expect(p, false);
	we_read(p, 14);
	expect(p, false);
	we_read(p, 1);
	expect(p, false);
	we_read(p, 10);
	expect(p, false);
}

/* Into a peer that does not read, until the kernel takes no more. */
static void
test_writes(void **state)
{
	struct pair *p = *state;
	static const char block[BLOCK];
	ssize_t n;
	int turns = 0;

	we_write(p, 1);
	expect(p, false);
	for (;;) {
		n = send(p->ours, block, sizeof(block), MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			break;
		assert_true(n > 0);
		p->given += (uint64_t)n;
		assert_true(++turns < 10000);
		expect(p, false);
	}
	expect(p, false);
	for (uint64_t left = p->given; left > 0; left -= (uint64_t)n) {
		char sink[BLOCK];

		n = recv(p->theirs, sink, sizeof(sink), 0);
		assert_true(n > 0);
		expect(p, false);
	}
}

static void
test_peer_fin(void **state)
{
	struct pair *p = *state;

	peer_sends(p, 100, 0);
	we_read(p, 40);
	we_write(p, 7);
	assert_int_equal(shutdown(p->theirs, SHUT_WR), 0);
	wait_for(p, POLLRDHUP);
	expect(p, false); /* waits behind 60 bytes */
	we_read(p, 60);
	expect(p, false); /* next to be read */
	assert_int_equal(recv(p->ours, &(char){ 0 }, 1, 0), 0);
	expect(p, false); /* read */
	we_write(p, 9);
	expect(p, false);
}

static void
test_our_fin(void **state)
{
	struct pair *p = *state;

	we_write(p, 1234);
	peer_sends(p, 10, 0);
	assert_int_equal(shutdown(p->ours, SHUT_WR), 0);
	expect(p, true);
	wait_state(p, TCP_FIN_WAIT2);
	expect(p, true); /* acknowledged */
	we_read(p, 5);
	peer_sends(p, 20, 0);
	we_read(p, 25);
	expect(p, true);
}

/* The peer's FIN came first; ours makes it LAST_ACK, then nothing is known. */
static void
test_both_fins(void **state)
{
	struct pair *p = *state;
	uint64_t taken = 99, given = 99;

	peer_sends(p, 11, 0);
	we_write(p, 22);
	we_read(p, 11);
	assert_int_equal(shutdown(p->theirs, SHUT_WR), 0);
	wait_for(p, POLLRDHUP);
	expect(p, false);
	assert_int_equal(shutdown(p->ours, SHUT_WR), 0);
	wait_state(p, TCP_CLOSE);
	assert_int_equal(settle_counts(p->ours, true, &taken, &given),
	    -ENOTCONN);
	assert_int_equal(taken, 99);
	assert_int_equal(given, 99);
}

/* Our FIN waits behind bytes that the peer has no room for. */
static void
test_fin_behind_bytes(void **state)
{
	struct pair *p = *state;
	static const char block[BLOCK];
	ssize_t n;

	while ((n = send(p->ours, block, sizeof(block), MSG_NOSIGNAL)) > 0)
		p->given += (uint64_t)n;
	assert_int_equal(shutdown(p->ours, SHUT_WR), 0);
	expect(p, true);
	peer_sends(p, 3, 0);
	expect(p, true);
	assert_int_equal(shutdown(p->theirs, SHUT_WR), 0);
	wait_state(p, TCP_CLOSING);
	expect(p, true);
}

static void
test_reset(void **state)
{
	struct pair *p = *state;
	struct linger none = { .l_onoff = 1, .l_linger = 0 };
	uint64_t taken = 99, given = 99;

	peer_sends(p, 50, 0);
	we_write(p, 50);
	assert_int_equal(setsockopt(p->theirs, SOL_SOCKET, SO_LINGER, &none,
			     sizeof(none)),
	    0);
	(void)close(p->theirs);
	p->theirs = -1;
	wait_for(p, POLLERR);
	assert_int_equal(settle_counts(p->ours, false, &taken, &given),
	    -ENOTCONN);
	assert_int_equal(taken, 99);
	assert_int_equal(given, 99);
}

/* While the peer writes without a pause the two halves still fit. */
static void
test_in_traffic(void **state)
{
	struct pair *p = *state;
	static const char block[BLOCK];
	uint64_t want = 64u << 20;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		for (uint64_t n = 0; n < want; n += sizeof(block))
			if (send(p->theirs, block, sizeof(block),
				MSG_NOSIGNAL) != sizeof(block))
				_exit(1);
		_exit(0);
	}
	while (p->taken < want) {
		char sink[BLOCK];
		ssize_t n = recv(p->ours, sink, 1 + p->taken % BLOCK, 0);

		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			wait_for(p, POLLIN);
			continue;
		}
		assert_true(n > 0);
		p->taken += (uint64_t)n;
		expect(p, false);
	}
}

static void
test_what_it_is(void **state)
{
	struct pair *p = *state;
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int local[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
			     local),
	    0);
	assert_true(settle_is_client(p->ours));
	assert_false(settle_is_client(p->listener));
	assert_false(settle_is_client(udp));
	assert_false(settle_is_client(local[0]));
	assert_false(settle_is_client(-1));
	assert_true(settle_counts(local[0], false, &p->taken, &p->given) < 0);
	(void)close(udp);
	(void)close(local[0]);
	(void)close(local[1]);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_reads),
		CASE(test_urgent),
		CASE(test_writes),
		CASE(test_peer_fin),
		CASE(test_our_fin),
		CASE(test_both_fins),
		CASE(test_fin_behind_bytes),
		CASE(test_reset),
		CASE(test_in_traffic),
		CASE(test_what_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
