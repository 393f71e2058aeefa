/* SPDX-License-Identifier: ISC */
/*
 * The slot and the obedient tenant of test_keeper.c (see keeper_help.h).
 */
#include "tests/unit/keeper_help.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fd.h"
#include "proto/settings_pack.h"
#include "worker/worker.h"

#define DEADLINE_MS 20000

/* ---- the tenant ---- */

static struct {
	uint32_t settings_changes;
	uint32_t messages;
	uint32_t adopted;
	uint32_t orphans;
} tenant;

/* The fds of RIG_STRAY, plus one, in fields this tenant has no use for. */
static bool
on_knows_fd(struct worker *worker, int fd)
{
	bool known = (uint32_t)fd + 1 == worker->slot->death_rec;

	tenant.adopted += known;
	return known;
}

static bool
on_claims_fd(struct worker *worker, int fd)
{
	bool claimed = (uint32_t)fd + 1 == worker->slot->death_gen;

	tenant.orphans += claimed;
	return claimed;
}

static void
on_settings_changed(struct worker *worker, const struct settings *old)
{
	tenant.settings_changes += worker->settings.worker.stall_ms !=
	    old->worker.stall_ms;
}

static void
on_message(struct worker *worker, struct message *msg)
{
	(void)worker;
	tenant.messages += msg->kind == MSG_DRAIN;
}

static void
answer(struct worker *worker, int fd)
{
	struct rig_answer reply = { .generation = worker->generation,
		.open_fds = (uint32_t)fd_count_open(),
		.settings_changes = tenant.settings_changes,
		.messages = tenant.messages,
		.stall_ms = worker->settings.worker.stall_ms };
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		reply.cpus = CPU_COUNT(&cpus);
	(void)send(fd, &reply, sizeof(reply), MSG_NOSIGNAL);
}

/* Three that no exec closes. */
static void
open_strays(struct worker *worker)
{
	worker->slot->death_rec = (uint32_t)dup(STDIN_FILENO) + 1;
	worker->slot->death_gen = (uint32_t)dup(STDIN_FILENO) + 1;
	worker->slot->death_kind = (uint32_t)dup(STDIN_FILENO) + 1;
}

static void
on_command(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;
	char command = 0;
	ssize_t n = recv(fd, &command, 1, MSG_DONTWAIT);

	(void)what;
	/* A test that failed is gone; nothing may be left of it. */
	if (n == 0)
		worker_leave(worker, WORKER_EXIT_LEAVE);
	if (n != 1)
		return;
	switch (command) {
	case RIG_RECYCLE:
		worker_leave(worker, WORKER_EXIT_RECYCLE);
		return;
	case RIG_LEAVE:
		worker_leave(worker, WORKER_EXIT_LEAVE);
		return;
	case RIG_EXIT:
		_exit(3);
	case RIG_FAULT:
		signal(SIGSEGV, SIG_DFL); /* also below a sanitizer */
		raise(SIGSEGV);
		return;
	case RIG_STRAY:
		open_strays(worker);
		break;
	case RIG_EVENT:
		worker_event(worker, "rig_event", "client-1", "as asked", 7);
		break;
	default:
		break;
	}
	answer(worker, fd);
}

static int
on_start(struct worker *worker, Holdfast__Serving *out)
{
	int fd = worker_fd(worker, SLOT_FD_LISTENER, 0);
	struct event *event;

	if (worker->slot->death_count > 0) {
		worker->slot->death_count--;
		return -EIO;
	}

	event = event_new(worker->base, fd, EV_READ | EV_PERSIST, on_command,
	    worker);
	if (fd == -1 || event == NULL || event_add(event, NULL) == -1)
		return -ENOENT;
	out->adopted = tenant.adopted;
	out->orphans = tenant.orphans;
	return 0;
}

int
rig_worker(int argc, char **argv)
{
	static const struct worker_ops ops = {
		.kind = SLOT_KIND_GATEWAY,
		.program = "rig-worker",
		.label = 'g',
		.knows_fd = on_knows_fd,
		.claims_fd = on_claims_fd,
		.start = on_start,
		.settings_changed = on_settings_changed,
		.message = on_message,
	};

	return worker_main(argc, argv, &ops);
}

/* ---- the supervisor ---- */

int
rig_settings(const char *backoff, const char *stall)
{
	char reason[CONF_REASON_SIZE];
	struct settings settings;
	uint8_t *bytes;
	size_t len;
	int fd;

	settings_defaults(&settings);
	assert_int_equal(conf_table_set(settings_table(), &settings,
			     "worker.backoff", backoff, reason),
	    0);
	assert_int_equal(conf_table_set(settings_table(), &settings,
			     "worker.stall", stall, reason),
	    0);
	assert_int_equal(settings_pack(&settings, SETTINGS_GATEWAY, &bytes,
			     &len),
	    0);
	assert_int_equal(fd_memfd_create("settings", len, &fd), 0);
	assert_int_equal(pwrite(fd, bytes, len, 0), (ssize_t)len);
	free(bytes);
	return fd;
}

void
rig_send(struct channel *ch, enum message_kind kind,
    const ProtobufCMessage *body, const int *fds, int nfds)
{
	assert_int_equal(channel_send(ch, kind, body, fds, nfds), 0);
}

void
rig_send_fd(struct channel *ch, enum slot_fd_kind kind, uint32_t index, int fd)
{
	Holdfast__Fds__Spec spec = HOLDFAST__FDS__SPEC__INIT;
	Holdfast__Fds__Spec *list = &spec;
	Holdfast__Fds body = HOLDFAST__FDS__INIT;

	spec.kind = kind;
	spec.index = index;
	body.n_spec = 1;
	body.spec = &list;
	rig_send(ch, MSG_FDS, &body.base, &fd, 1);
}

const ProtobufCMessage *
rig_expect(struct rig *rig, struct channel *ch, enum message_kind kind)
{
	struct pollfd poll_fd = { .fd = ch->fd, .events = POLLIN };

	message_clear(&rig->msg);
	assert_int_equal(poll(&poll_fd, 1, DEADLINE_MS), 1);
	assert_int_equal(channel_recv(ch, &rig->msg), 1);
	assert_string_equal(message_kind_name(rig->msg.kind),
	    message_kind_name(kind));
	return rig->msg.body;
}

void
rig_expect_serving(struct rig *rig, uint32_t generation)
{
	const Holdfast__TenantStarted *started;
	const Holdfast__Hello *hello;

	started = (const Holdfast__TenantStarted *)rig_expect(rig, &rig->keeper,
	    MSG_TENANT_STARTED);
	assert_int_equal(started->generation, generation);
	fd_close(&rig->tenant_pidfd);
	rig->tenant_pidfd = rig->msg.fds[0];
	rig->msg.fds[0] = -1;
	hello = (const Holdfast__Hello *)rig_expect(rig, &rig->tenant,
	    MSG_HELLO);
	assert_int_equal(hello->role, PEER_TENANT);
	assert_true(hello->nonce == RIG_NONCE);
	assert_true(hello->start_time > 0);
	rig->serving = *(const Holdfast__Serving *)rig_expect(rig, &rig->tenant,
	    MSG_SERVING);
	assert_int_equal(rig->serving.generation, generation);
	assert_int_equal(rig->slot->generation, generation);
	assert_int_equal(rig->slot->tenant_state, TENANT_SERVING);
	assert_true(rig->slot->tenant_pid != 0);
}

uint32_t
rig_expect_exit(struct rig *rig, int32_t status)
{
	const Holdfast__TenantExited *exited;

	exited = (const Holdfast__TenantExited *)rig_expect(rig, &rig->keeper,
	    MSG_TENANT_EXITED);
	assert_int_equal(exited->status, status);
	assert_int_equal(rig->slot->last_exit, status);
	return exited->restart_ms;
}

int
rig_keeper_status(struct rig *rig)
{
	struct pollfd poll_fd = { .events = POLLIN };
	int status = 0;

	if (rig->keeper_pid == -1)
		return 0;
	assert_int_equal(fd_pidfd_open(rig->keeper_pid, &poll_fd.fd), 0);
	if (poll(&poll_fd, 1, DEADLINE_MS) != 1)
		kill(rig->keeper_pid, SIGKILL);
	close(poll_fd.fd);
	assert_int_equal(waitpid(rig->keeper_pid, &status, 0), rig->keeper_pid);
	rig->keeper_pid = -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void
rig_command(struct rig *rig, enum rig_command command)
{
	char byte = (char)command;

	assert_int_equal(send(rig->command, &byte, 1, MSG_NOSIGNAL), 1);
}

struct rig_answer
rig_ask(struct rig *rig, enum rig_command command)
{
	struct pollfd poll_fd = { .fd = rig->command, .events = POLLIN };
	struct rig_answer reply;

	rig_command(rig, command);
	assert_int_equal(poll(&poll_fd, 1, DEADLINE_MS), 1);
	assert_int_equal(recv(rig->command, &reply, sizeof(reply), 0),
	    sizeof(reply));
	return reply;
}

static void
make_slot(struct rig *rig)
{
	assert_int_equal(fd_memfd_create("table", SLOT_HEADER_BYTES,
			     &rig->table_fd),
	    0);
	rig->slot = mmap(NULL, SLOT_HEADER_BYTES, PROT_READ | PROT_WRITE,
	    MAP_SHARED, rig->table_fd, 0);
	assert_true(rig->slot != MAP_FAILED);
	rig->slot->magic = SLOT_MAGIC;
	rig->slot->layout = SLOT_LAYOUT;
	rig->slot->kind = SLOT_KIND_GATEWAY;
	rig->slot->slot = RIG_SLOT;
	rig->slot->nonce = RIG_NONCE;
}

static void
exec_keeper(int fd)
{
	char name[] = "rig-worker", keeper[] = "--keeper", slot[] = "--slot";
	char number[12], channel[] = "--channel", channel_fd[] = "3";
	char *argv[] = { name, keeper, slot, number, channel, channel_fd,
		NULL };

	snprintf(number, sizeof(number), "%u", RIG_SLOT);
	if (fd == 3)
		fcntl(fd, F_SETFD, 0);
	else
		dup2(fd, 3);
	execv("/proc/self/exe", argv);
	_exit(127);
}

void
rig_start(struct rig *rig, int cpu)
{
	Holdfast__Start start = HOLDFAST__START__INIT;

	start.has_cpu = cpu >= 0;
	start.cpu = cpu >= 0 ? (uint32_t)cpu : 0;
	rig_send(&rig->keeper, MSG_START, &start.base, NULL, 0);
}

int
rig_setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	const Holdfast__Hello *hello;
	int keeper[2], tenant_fds[2], command[2], settings;

	assert_non_null(rig);
	*state = rig;
	rig->tenant_pidfd = -1;
	make_slot(rig);
	assert_int_equal(channel_pair(keeper), 0);
	assert_int_equal(channel_pair(tenant_fds), 0);
	assert_int_equal(channel_pair(command), 0);
	channel_init(&rig->keeper, keeper[0], PEER_SUPERVISOR, PEER_KEEPER);
	channel_init(&rig->tenant, tenant_fds[0], PEER_SUPERVISOR, PEER_TENANT);
	rig->command = command[0];
	rig->keeper_pid = fork();
	assert_true(rig->keeper_pid != -1);
	if (rig->keeper_pid == 0)
		exec_keeper(keeper[1]);
	close(keeper[1]);
	hello = (const Holdfast__Hello *)rig_expect(rig, &rig->keeper,
	    MSG_HELLO);
	assert_int_equal(hello->role, PEER_KEEPER);
	assert_int_equal(hello->pid, rig->keeper_pid);
	settings = rig_settings("20ms", "5s");
	rig_send_fd(&rig->keeper, SLOT_FD_TENANT_CHANNEL, 0, tenant_fds[1]);
	rig_send_fd(&rig->keeper, SLOT_FD_LISTENER, 0, command[1]);
	rig_send_fd(&rig->keeper, SLOT_FD_SETTINGS, 0, settings);
	rig_send_fd(&rig->keeper, SLOT_FD_TABLE, SLOT_FD_OWN, rig->table_fd);
	close(tenant_fds[1]);
	close(command[1]);
	close(settings);
	return 0;
}

int
rig_teardown(void **state)
{
	struct rig *rig = *state;
	Holdfast__Stop stop = HOLDFAST__STOP__INIT;
	int status = 0;

	if (rig->keeper_pid != -1) {
		if (channel_send(&rig->keeper, MSG_STOP, &stop.base, NULL, 0) !=
		    0)
			kill(rig->keeper_pid, SIGKILL);
		status = rig_keeper_status(rig);
	}
	/* Without its keeper a tenant lives on, by design. */
	if (rig->tenant_pidfd != -1)
		(void)fd_pidfd_signal(rig->tenant_pidfd, SIGKILL);
	fd_close(&rig->tenant_pidfd);
	message_clear(&rig->msg);
	channel_clear(&rig->keeper);
	channel_clear(&rig->tenant);
	close(rig->command);
	munmap(rig->slot, SLOT_HEADER_BYTES);
	close(rig->table_fd);
	free(rig);
	return status == 0 || status == -SIGKILL ? 0 : -1;
}
