/* SPDX-License-Identifier: ISC */
/*
 * Control channels over real socket pairs: order, fds, queueing, and what
 * happens to a peer that breaks protocol.
 */
#include "proto/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fd.h"
#include "proto/holdfast.pb-c.h"

struct pair {
	struct channel supervisor;
	struct channel keeper;
	int open_fds; /* before the pair was made */
};

static int
setup(void **state)
{
	static struct pair pair;
	int fds[2];

	pair.open_fds = fd_count_open();
	if (channel_pair(fds) != 0)
		return -1;
	channel_init(&pair.supervisor, fds[0], PEER_SUPERVISOR, PEER_KEEPER);
	channel_init(&pair.keeper, fds[1], PEER_KEEPER, PEER_SUPERVISOR);
	*state = &pair;
	return 0;
}

/* No test may leak an fd, whatever went wrong on its channel. */
static int
teardown(void **state)
{
	struct pair *pair = *state;

	channel_clear(&pair->supervisor);
	channel_clear(&pair->keeper);
	return pair->supervisor.fd == -1 && fd_count_open() == pair->open_fds ?
	    0 :
	    -1;
}

static int
send_start(struct channel *ch, uint32_t cpu)
{
	Holdfast__Start start = HOLDFAST__START__INIT;

	start.has_cpu = 1;
	start.cpu = cpu;
	return channel_send(ch, MSG_START, &start.base, NULL, 0);
}

static int
send_fds(struct channel *ch, const int *fds, size_t count)
{
	Holdfast__Fds__Spec spec = HOLDFAST__FDS__SPEC__INIT;
	Holdfast__Fds__Spec *specs[CHANNEL_MAX_FDS];
	Holdfast__Fds body = HOLDFAST__FDS__INIT;

	for (size_t i = 0; i < count; i++)
		specs[i] = &spec;
	body.n_spec = count;
	body.spec = specs;
	return channel_send(ch, MSG_FDS, &body.base, fds, (int)count);
}

static void
test_order(void **state)
{
	struct pair *pair = *state;
	struct message msg;

	assert_int_equal(channel_recv(&pair->keeper, &msg), 0);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(send_start(&pair->supervisor, i), 0);
	for (uint32_t i = 0; i < 10; i++) {
		assert_int_equal(channel_recv(&pair->keeper, &msg), 1);
		assert_int_equal(msg.kind, MSG_START);
		assert_int_equal(((Holdfast__Start *)msg.body)->cpu, i);
		message_clear(&msg);
	}
	assert_int_equal(channel_recv(&pair->keeper, &msg), 0);
}

static void
test_fds(void **state)
{
	struct pair *pair = *state;
	int fds[CHANNEL_MAX_FDS];
	struct message msg;
	int pipe_fds[2];
	char byte = 'x';

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	for (int i = 0; i < CHANNEL_MAX_FDS; i++)
		fds[i] = pipe_fds[1];
	assert_int_equal(send_fds(&pair->supervisor, fds, CHANNEL_MAX_FDS), 0);
	assert_int_equal(channel_recv(&pair->keeper, &msg), 1);
	assert_int_equal(msg.nfds, CHANNEL_MAX_FDS);
	assert_int_equal(fcntl(msg.fds[252], F_GETFD), FD_CLOEXEC);
	/* what is kept survives */
	fds[0] = msg.fds[252];
	msg.fds[252] = -1;
	message_clear(&msg);
	close(pipe_fds[1]);
	assert_int_equal(write(fds[0], &byte, 1), 1);
	assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
	close(fds[0]);
	assert_int_equal(read(pipe_fds[0], &byte, 1), 0);
	close(pipe_fds[0]);
}

static void
test_forbidden_send(void **state)
{
	struct pair *pair = *state;
	int fd = pair->supervisor.fd;

	assert_int_equal(send_start(&pair->keeper, 1), -EINVAL);
	assert_int_equal(send_fds(&pair->supervisor, NULL, 0), -EINVAL);
	assert_int_equal(send_fds(&pair->keeper, &fd, 1), -EINVAL);
}

static void
test_queue(void **state)
{
	struct pair *pair = *state;
	uint32_t sent = 0, got = 0;
	struct message msg;
	int pipe_fds[2];
	char byte;

	while (!channel_wants_write(&pair->supervisor)) {
		assert_int_equal(send_start(&pair->supervisor, sent++), 0);
		assert_true(sent < 100000);
	}
	/* the sender's fd may go while its packet waits */
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	assert_int_equal(send_fds(&pair->supervisor, &pipe_fds[1], 1), 0);
	close(pipe_fds[1]);
	assert_int_equal(channel_flush(&pair->supervisor), 1);
	while (got < sent) {
		if (channel_recv(&pair->keeper, &msg) == 0) {
			assert_true(channel_flush(&pair->supervisor) >= 0);
			continue;
		}
		assert_int_equal(((Holdfast__Start *)msg.body)->cpu, got++);
		message_clear(&msg);
	}
	assert_int_equal(channel_flush(&pair->supervisor), 0);
	assert_false(channel_wants_write(&pair->supervisor));
	assert_int_equal(pair->supervisor.queued_bytes, 0);
	assert_int_equal(channel_recv(&pair->keeper, &msg), 1);
	assert_int_equal(msg.kind, MSG_FDS);
	assert_int_equal(fcntl(msg.fds[0], F_GETFL) & O_ACCMODE, O_WRONLY);
	message_clear(&msg);
	assert_int_equal(read(pipe_fds[0], &byte, 1), 0);
	close(pipe_fds[0]);
}

static void
test_queue_limit(void **state)
{
	struct pair *pair = *state;
	int fds[2] = { pair->keeper.fd, pair->keeper.fd };
	int rc;

	pair->supervisor.max_queued = 100;
	do
		rc = send_fds(&pair->supervisor, fds, 2);
	while (rc == 0);
	assert_int_equal(rc, -ENOBUFS);
	assert_in_range(pair->supervisor.queued_bytes, 1, 100);
}

static void
test_end(void **state)
{
	struct pair *pair = *state;
	struct message msg;

	assert_int_equal(send_start(&pair->supervisor, 7), 0);
	channel_clear(&pair->supervisor);
	assert_int_equal(channel_recv(&pair->keeper, &msg), 1);
	message_clear(&msg);
	assert_int_equal(channel_recv(&pair->keeper, &msg), -ECONNRESET);
	assert_int_equal(send_start(&pair->supervisor, 7), -EPIPE);
}

static void
test_send_to_nobody(void **state)
{
	struct pair *pair = *state;

	channel_clear(&pair->keeper);
	assert_int_equal(send_start(&pair->supervisor, 7), -EPIPE);
}

/* Packets no honest peer sends; the fds beside them must be closed. */
static void
test_broken_peers(void **state)
{
	static uint8_t big[CHANNEL_MAX_PACKET + 1];
	static const struct {
		size_t len;
		uint8_t kind;
		int nfds;
	} cases[] = {
		{ 1, MSG_START, 0 },
		{ 2, MSG_NONE, 0 },
		{ 2, MSG_KIND_MAX, 1 },
		{ 2, MSG_START, 1 },	      /* takes no fds */
		{ 2, MSG_TENANT_STARTED, 1 }, /* wrong direction */
		{ 2, MSG_FDS, 2 },	      /* does not name its fds */
		{ 2, MSG_HELLO, 0 },	      /* lacks required fields */
		{ 4, MSG_START, 0 },	      /* not a protobuf */
		{ sizeof(big), MSG_START, 1 },
	};
	struct pair *pair = *state;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control;
	struct message msg;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t fd_bytes = (size_t)cases[i].nfds * sizeof(int);
		int fds[2] = { pair->keeper.fd, pair->keeper.fd };
		struct iovec iov = { big, cases[i].len };
		struct msghdr out = { .msg_iov = &iov, .msg_iovlen = 1 };
		int before;

		memset(big, 0xff, sizeof(big));
		big[0] = cases[i].kind;
		big[1] = 0;
		if (fd_bytes > 0) {
			out.msg_control = &control;
			out.msg_controllen = CMSG_SPACE(fd_bytes);
			control.align.cmsg_level = SOL_SOCKET;
			control.align.cmsg_type = SCM_RIGHTS;
			control.align.cmsg_len = CMSG_LEN(fd_bytes);
			memcpy(CMSG_DATA(&control.align), fds, fd_bytes);
		}
		before = fd_count_open();
		assert_int_equal(sendmsg(pair->supervisor.fd, &out, 0),
		    (ssize_t)cases[i].len);
		assert_int_equal(channel_recv(&pair->keeper, &msg), -EPROTO);
		assert_int_equal(fd_count_open(), before);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forbidden_send, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(test_queue_limit, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_send_to_nobody, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_broken_peers, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
