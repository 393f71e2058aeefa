/* SPDX-License-Identifier: ISC */
/*
 * Keeper and tenant as processes: deaths of every kind, what survives them,
 * the control channels, and a supervisor that goes away.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "tests/unit/keeper_help.h"

static uint64_t
counted(const struct rig *rig, enum counter c)
{
	return counter_get(&rig->slot->counters, c);
}

static void
kill_tenant(struct rig *rig, int signo)
{
	assert_int_equal(fd_pidfd_signal(rig->tenant_pidfd, signo), 0);
}

static bool
has_resumed(const struct rig *rig)
{
	char path[40], text[256];
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", rig->keeper_pid);
	assert_int_equal(fd_read_file(path, text, sizeof(text), &len), 0);
	return memmem(text, len, "--resume", 9) != NULL;
}

/* Killed at any time, the slot's sockets stay and the next tenant serves. */
static void
test_kill(void **state)
{
	struct rig *rig = *state;
	struct rig_answer first, last;

	rig_start(rig, -1);
	rig_expect_serving(rig, 1);
	first = rig_ask(rig, RIG_PING);
	assert_int_equal(first.generation, 1);
	assert_false(has_resumed(rig));
	for (uint32_t generation = 2; generation < 6; generation++) {
		kill_tenant(rig, SIGKILL);
		rig_expect_exit(rig, -SIGKILL);
		rig_expect_serving(rig, generation);
		assert_true(has_resumed(rig));
	}
	last = rig_ask(rig, RIG_PING);
	assert_int_equal(last.generation, 5);
	/* no life leaves an fd to the next */
	assert_int_equal(last.open_fds, first.open_fds);
	assert_int_equal(rig->slot->keeper_pid, rig->keeper_pid);
	assert_int_equal(counted(rig, COUNTER_TENANT_STARTS), 5);
	assert_int_equal(counted(rig, COUNTER_RESTART_KILLED), 4);
	assert_int_equal(
	    histogram_count(
		&rig->slot->counters.histogram[HISTOGRAM_RECOVERY_US]),
	    4);
}

static void
test_fault_and_exit(void **state)
{
	struct rig *rig = *state;

	rig_start(rig, -1);
	rig_expect_serving(rig, 1);
	rig_command(rig, RIG_FAULT);
	rig_expect_exit(rig, -SIGSEGV);
	rig_expect_serving(rig, 2);
	rig->slot->crashes_in_row = 0;
	rig->slot->death_count = 2;
	rig_command(rig, RIG_EXIT);
	rig_expect_exit(rig, 3);
	assert_int_equal(rig->slot->crashes_in_row, 1);
	/* the next ones do not even start: the first of them waits, the second
	 * twice as long */
	rig_expect(rig, &rig->keeper, MSG_TENANT_STARTED);
	assert_int_equal(rig_expect_exit(rig, 11), 20);
	rig_expect(rig, &rig->tenant, MSG_HELLO);
	rig_expect(rig, &rig->keeper, MSG_TENANT_STARTED);
	assert_int_equal(rig_expect_exit(rig, 11), 40);
	rig_expect(rig, &rig->tenant, MSG_HELLO);
	assert_int_equal(rig->slot->crashes_in_row, 3);
	rig_expect_serving(rig, 5);
	assert_true(rig->slot->served_ns - rig->slot->died_ns >= 40000000);
	assert_int_equal(counted(rig, COUNTER_RESTART_FAULT), 1);
	assert_int_equal(counted(rig, COUNTER_RESTART_EXIT), 3);
}

static void
test_stall(void **state)
{
	struct rig *rig = *state;

	rig_start(rig, -1);
	rig_expect_serving(rig, 1);
	atomic_store(&rig->slot->killed_for_stall, 1);
	kill_tenant(rig, SIGKILL);
	rig_expect_exit(rig, -SIGKILL);
	rig_expect_serving(rig, 2);
	assert_int_equal(rig->slot->killed_for_stall, 2);
	assert_int_equal(counted(rig, COUNTER_RESTART_STALL), 1);
	kill_tenant(rig, SIGKILL);
	rig_expect_exit(rig, -SIGKILL);
	assert_int_equal(rig->slot->killed_for_stall, 0);
	assert_int_equal(counted(rig, COUNTER_RESTART_KILLED), 1);
}

static void
test_recycle(void **state)
{
	Holdfast__Recycle body = HOLDFAST__RECYCLE__INIT;
	struct rig *rig = *state;

	rig_start(rig, -1);
	rig_expect_serving(rig, 1);
	rig_command(rig, RIG_EXIT);
	rig_expect_exit(rig, 3);
	rig_expect_serving(rig, 2);
	rig_command(rig, RIG_RECYCLE);
	assert_int_equal(rig_expect_exit(rig, 0), 0);
	assert_int_equal(rig->slot->crashes_in_row, 0);
	rig_expect_serving(rig, 3);
	rig_send(&rig->tenant, MSG_RECYCLE, &body.base, NULL, 0);
	assert_int_equal(rig_expect_exit(rig, 0), 0);
	rig_expect_serving(rig, 4);
	assert_int_equal(counted(rig, COUNTER_RESTART_RECYCLE), 2);
}

static void
test_leave(void **state)
{
	struct rig *rig = *state;

	rig_start(rig, -1);
	rig_expect_serving(rig, 1);
	rig_command(rig, RIG_LEAVE);
	rig_expect_exit(rig, 10);
	assert_int_equal(rig_keeper_status(rig), 0);
}

static void
test_stop(void **state)
{
	Holdfast__Stop body = HOLDFAST__STOP__INIT;
	struct pollfd poll_fd = { .events = POLLIN };
	struct rig *rig = *state;

	rig_start(rig, -1);
	rig_expect_serving(rig, 1);
	rig_send(&rig->keeper, MSG_STOP, &body.base, NULL, 0);
	assert_int_equal(rig_keeper_status(rig), 0);
	poll_fd.fd = rig->tenant_pidfd;
	assert_int_equal(poll(&poll_fd, 1, 0), 1);
}

/* Stop also ends a wait between two tenants. */
static void
test_stop_in_backoff(void **state)
{
	Holdfast__Stop body = HOLDFAST__STOP__INIT;
	struct rig *rig = *state;
	int fd = rig_settings("10s", "5s");
	uint64_t before;

	rig_start(rig, -1);
	rig_expect_serving(rig, 1);
	rig_send_fd(&rig->tenant, SLOT_FD_SETTINGS, 0, fd);
	close(fd);
	while (rig->slot->backoff_ms != 10000)
		(void)rig_ask(rig, RIG_PING);
	rig->slot->death_count = 1;
	kill_tenant(rig, SIGKILL);
	rig_expect_exit(rig, -SIGKILL);
	rig_expect(rig, &rig->keeper, MSG_TENANT_STARTED);
	assert_int_equal(rig_expect_exit(rig, 11), 10000);
	before = clock_mono_ms();
	rig_send(&rig->keeper, MSG_STOP, &body.base, NULL, 0);
	assert_int_equal(rig_keeper_status(rig), 0);
	assert_true(clock_mono_ms() - before < 9000);
}

/* What records know stays, what is claimed stays, the rest is closed. */
static void
test_sweep(void **state)
{
	struct rig *rig = *state;
	uint32_t before;

	rig_start(rig, -1);
	rig_expect_serving(rig, 1);
	before = rig_ask(rig, RIG_PING).open_fds;
	assert_int_equal(rig_ask(rig, RIG_STRAY).open_fds, before + 3);
	kill_tenant(rig, SIGKILL);
	rig_expect_exit(rig, -SIGKILL);
	rig_expect_serving(rig, 2);
	assert_int_equal(rig->serving.adopted, 1);
	assert_int_equal(rig->serving.orphans, 1);
	assert_int_equal(rig_ask(rig, RIG_PING).open_fds, before + 2);
}

static void
test_signals_are_ignored(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1,
		SIGUSR2, SIGPIPE, SIGQUIT };
	struct rig *rig = *state;

	rig_start(rig, -1);
	rig_expect_serving(rig, 1);
	for (uint32_t life = 1; life < 3; life++) {
		for (size_t i = 0; i < sizeof(signals) / sizeof(int); i++) {
			assert_int_equal(kill(rig->keeper_pid, signals[i]), 0);
			kill_tenant(rig, signals[i]);
		}
		assert_int_equal(rig_ask(rig, RIG_PING).generation, life);
		kill_tenant(rig, SIGKILL);
		rig_expect_exit(rig, -SIGKILL);
		rig_expect_serving(rig, life + 1);
	}
	assert_int_equal(rig->slot->keeper_pid, rig->keeper_pid);
}

static uint64_t
cpu_time_ns(pid_t pid)
{
	struct timespec used;
	clockid_t clock;

	assert_int_equal(clock_getcpuclockid(pid, &clock), 0);
	assert_int_equal(clock_gettime(clock, &used), 0);
	return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

/* The slot outlives its supervisor, and its keeper sleeps meanwhile. */
static void
test_supervisor_gone(void **state)
{
	struct rig *rig = *state;
	uint64_t began, used;
	int pidfd = -1;

	rig_start(rig, -1);
	rig_expect_serving(rig, 1);
	channel_clear(&rig->keeper);
	channel_clear(&rig->tenant);
	assert_int_equal(rig_ask(rig, RIG_PING).generation, 1);
	used = cpu_time_ns(rig->keeper_pid);
	began = clock_mono_ns();
	while (clock_mono_ns() - began < 100000000)
		assert_int_equal(rig_ask(rig, RIG_PING).generation, 1);
	used = cpu_time_ns(rig->keeper_pid) - used;
	assert_true(used < 20000000);
	kill_tenant(rig, SIGKILL);
	assert_int_equal(rig_ask(rig, RIG_PING).generation, 2);
	assert_int_equal(fd_pidfd_open((pid_t)rig->slot->tenant_pid, &pidfd),
	    0);
	fd_close(&rig->tenant_pidfd);
	rig->tenant_pidfd = pidfd;
}

static void
test_settings_change(void **state)
{
	struct rig *rig = *state;
	struct rig_answer before, after;
	int fd = rig_settings("10ms", "7s");

	rig_start(rig, -1);
	rig_expect_serving(rig, 1);
	before = rig_ask(rig, RIG_PING);
	assert_int_equal(before.stall_ms, 5000);
	rig_send_fd(&rig->tenant, SLOT_FD_SETTINGS, 0, fd);
	close(fd);
	do
		after = rig_ask(rig, RIG_PING);
	while (after.settings_changes == 0);
	assert_int_equal(after.stall_ms, 7000);
	assert_int_equal(after.open_fds, before.open_fds);
	assert_int_equal(rig->slot->backoff_ms, 10);
	/* the next tenant has them from the start */
	kill_tenant(rig, SIGKILL);
	rig_expect_exit(rig, -SIGKILL);
	rig_expect_serving(rig, 2);
	after = rig_ask(rig, RIG_PING);
	assert_int_equal(after.stall_ms, 7000);
	assert_int_equal(after.settings_changes, 0);
}

/* A new log takes the place of fd 2, for the keeper, too. */
static void
test_log_and_event(void **state)
{
	const Holdfast__Event *event;
	struct rig *rig = *state;
	char text[8192];
	int log[2];
	ssize_t n;

	rig_start(rig, -1);
	rig_expect_serving(rig, 1);
	assert_int_equal(pipe2(log, O_CLOEXEC), 0);
	rig_send_fd(&rig->tenant, SLOT_FD_LOG, 0, log[1]);
	close(log[1]);
	rig_ask(rig, RIG_EVENT);
	event = (const Holdfast__Event *)rig_expect(rig, &rig->tenant,
	    MSG_EVENT);
	assert_string_equal(event->kind, "rig_event");
	assert_string_equal(event->client, "client-1");
	assert_int_equal(event->slot, RIG_SLOT);
	assert_int_equal(event->value, 7);
	kill_tenant(rig, SIGKILL);
	rig_expect_exit(rig, -SIGKILL);
	rig_expect_serving(rig, 2);
	n = read(log[0], text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, "tenant_died"));
	close(log[0]);
}

static void
test_tenant_messages(void **state)
{
	Holdfast__Drain drain = HOLDFAST__DRAIN__INIT;
	struct rig *rig = *state;
	struct rig_answer reply;

	rig_start(rig, -1);
	rig_expect_serving(rig, 1);
	drain.close_code = 1012;
	rig_send(&rig->tenant, MSG_DRAIN, &drain.base, NULL, 0);
	do
		reply = rig_ask(rig, RIG_PING);
	while (reply.messages == 0);
	message_clear(&rig->msg);
	/* one that breaks protocol loses its channel and nothing else */
	rig_send_fd(&rig->tenant, SLOT_FD_TENANT_CHANNEL, 0, rig->table_fd);
	do
		reply = rig_ask(rig, RIG_PING);
	while (channel_recv(&rig->tenant, &rig->msg) != -ECONNRESET);
	assert_int_equal(reply.generation, 1);
}

static void
test_pinning(void **state)
{
	struct rig *rig = *state;
	cpu_set_t cpus;
	int cpu = 0;

	assert_int_equal(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	while (!CPU_ISSET(cpu, &cpus))
		cpu++;
	rig_start(rig, cpu);
	rig_expect_serving(rig, 1);
	assert_int_equal(rig_ask(rig, RIG_PING).cpus, 1);
	kill_tenant(rig, SIGKILL);
	rig_expect_exit(rig, -SIGKILL);
	rig_expect_serving(rig, 2);
	assert_int_equal(rig_ask(rig, RIG_PING).cpus, 1);
}

/* A keeper that is given another slot than its own serves nothing. */
static void
test_wrong_slot(void **state)
{
	struct rig *rig = *state;

	rig->slot->slot = RIG_SLOT + 1;
	rig_start(rig, -1);
	assert_int_equal(rig_keeper_status(rig), 1);
	assert_int_equal(rig->slot->generation, 0);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_kill),
		TEST(test_fault_and_exit),
		TEST(test_stall),
		TEST(test_recycle),
		TEST(test_leave),
		TEST(test_stop),
		TEST(test_stop_in_backoff),
		TEST(test_sweep),
		TEST(test_signals_are_ignored),
		TEST(test_supervisor_gone),
		TEST(test_settings_change),
		TEST(test_log_and_event),
		TEST(test_tenant_messages),
		TEST(test_pinning),
		TEST(test_wrong_slot),
	};

	if (argc > 1 && strcmp(argv[1], "--keeper") == 0)
		return rig_worker(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
