/* SPDX-License-Identifier: ISC */
/*
 * What a keeper does with fds: it opens and takes none while its tenant lives,
 * and sends the tenant's pidfd nevertheless.
 */
#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "tests/unit/keeper_help.h"

static void
kill_tenant(struct rig *rig, int signo)
{
	assert_int_equal(fd_pidfd_signal(rig->tenant_pidfd, signo), 0);
}

/* An fd that the keeper opened, be it for a moment, the sweep of a starting
 * tenant would close, and the keeper's close would then hit another. */
static void
test_keeper_opens_nothing(void **state)
{
	struct rig *rig = *state;
	struct rlimit keeper, tenant, own;
	uint64_t began;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &own), 0);
	rig_start(rig, -1);
	for (uint32_t life = 1; life < 3; life++) {
		rig_expect_serving(rig, life);
		assert_int_equal(rig_ask(rig, RIG_PING).generation, life);
		began = clock_mono_ns();
		do
			assert_int_equal(prlimit(rig->keeper_pid, RLIMIT_NOFILE,
					     NULL, &keeper),
			    0);
		while (keeper.rlim_cur != 3 &&
		    clock_mono_ns() - began < 1000000000);
		assert_int_equal(keeper.rlim_cur, 3);
		assert_int_equal(prlimit((pid_t)rig->slot->tenant_pid,
				     RLIMIT_NOFILE, NULL, &tenant),
		    0);
		/* the tenant leaves some to its successors */
		assert_int_equal(tenant.rlim_cur, own.rlim_cur - 32);
		kill_tenant(rig, SIGKILL);
		rig_expect_exit(rig, -SIGKILL);
	}
	rig_expect_serving(rig, 3);
}

/* unix(7), ETOOMANYREFS: what other processes of the user have in flight must
 * not keep the tenant's pidfd from the supervisor. */
static void
test_fds_in_flight(void **state)
{
	struct rig *rig = *state;
	struct channel ch;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
			     pair),
	    0);
	channel_init(&ch, pair[0], PEER_SUPERVISOR, PEER_KEEPER);
	for (uint32_t i = 0; i < 8; i++)
		rig_send_fd(&ch, SLOT_FD_LISTENER, i, rig->table_fd);
	rig_start(rig, -1);
	rig_expect_serving(rig, 1);
	kill_tenant(rig, SIGKILL);
	rig_expect_exit(rig, -SIGKILL);
	rig_expect_serving(rig, 2);
	channel_clear(&ch);
	close(pair[1]);
}

/* fds for a running slot go to the tenant; the keeper takes none. */
static void
test_keeper_refuses_fds(void **state)
{
	struct pollfd poll_fd = { .events = POLLIN };
	struct rig *rig = *state;
	struct message msg;
	uint32_t before;

	rig_start(rig, -1);
	rig_expect_serving(rig, 1);
	before = rig_ask(rig, RIG_PING).open_fds;
	rig_send_fd(&rig->keeper, SLOT_FD_NODE, 0, rig->table_fd);
	poll_fd.fd = rig->keeper.fd;
	assert_int_equal(poll(&poll_fd, 1, 20000), 1);
	assert_int_equal(channel_recv(&rig->keeper, &msg), -ECONNRESET);
	assert_int_equal(rig_ask(rig, RIG_PING).open_fds, before);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_keeper_opens_nothing),
		TEST(test_fds_in_flight),
		TEST(test_keeper_refuses_fds),
	};

	if (argc > 1 && strcmp(argv[1], "--keeper") == 0)
		return rig_worker(argc, argv);
	/* A node takes all capabilities from its workers; without this, those
	 * of root would lift the limit on fds in flight. */
	(void)prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE, 0, 0, 0);
	(void)prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
