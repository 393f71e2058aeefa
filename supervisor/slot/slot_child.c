/* SPDX-License-Identifier: ISC */
/*
 * Fork, drop, exec (see slot_child.h; capabilities(7) for why the bounding set
 * goes first and what an exec by uid 0 would otherwise give back).
 */
#include "supervisor/slot/slot_child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"

#define CHANNEL_FD   3
#define EXIT_NO_EXEC 127

int
slot_user_find(const char *name, struct slot_user *out_user)
{
	struct slot_user user = { 0 };
	const struct passwd *pw;

	if (name[0] != '\0' && geteuid() == 0) {
		errno = 0;
		pw = getpwnam(name);
		if (pw == NULL)
			return errno == 0 ? -ENOENT : -errno;
		user.uid = pw->pw_uid;
		user.gid = pw->pw_gid;
		user.change = user.uid != 0;
	}
	*out_user = user;
	return 0;
}

/* fd 0 and 1 nothing, 2 the log, 3 the channel, and nothing else. */
static int
arrange_fds(const struct slot_child_spec *spec)
{
	int channel, log = -1, null;

	/* Out of the way first: either may sit on a number that we fill. */
	channel = fcntl(spec->channel, F_DUPFD, 16);
	if (channel == -1)
		return -errno;
	if (spec->log_fd != -1 &&
	    (log = fcntl(spec->log_fd, F_DUPFD, 16)) == -1)
		return -errno;
	null = open("/dev/null", O_RDWR);
	if (null == -1 || dup2(null, 0) == -1 || dup2(null, 1) == -1)
		return -errno;
	if (log != -1 && dup2(log, 2) == -1)
		return -errno;
	if (log == -1 && fcntl(2, F_GETFD) == -1 && dup2(null, 2) == -1)
		return -errno;
	if (dup2(channel, CHANNEL_FD) == -1)
		return -errno;
	if (syscall(SYS_close_range, CHANNEL_FD + 1, ~0u,
		CLOSE_RANGE_CLOEXEC) == -1)
		return -errno;
	return 0;
}

static int
drop_capabilities(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[2] = { 0 };

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1 &&
	    errno != EINVAL)
		return -errno;
	if (syscall(SYS_capset, &header, none) == -1)
		return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return -errno;
	return 0;
}

static int
drop_privileges(const struct slot_user *user)
{
	int cap;

	/* EPERM: not ours to drop; no_new_privs then keeps them away. */
	for (cap = 0; cap <= 63; cap++) {
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1)
			break;
	}
	if (user->change) {
		if (setgroups(1, &user->gid) == -1 ||
		    setresgid(user->gid, user->gid, user->gid) == -1 ||
		    setresuid(user->uid, user->uid, user->uid) == -1)
			return -errno;
	}
	return drop_capabilities();
}

static int
limit_core(bool core_dumps)
{
	struct rlimit limit = { 0, 0 };

	/* A dump delays recovery and holds what clients said. */
	if (!core_dumps && setrlimit(RLIMIT_CORE, &limit) == -1)
		return -errno;
	return 0;
}

static _Noreturn void
run_child(const struct slot_child_spec *spec)
{
	char program[64], number[16];
	char keeper[] = "--keeper", slot[] = "--slot", channel[] = "--channel";
	char channel_fd[] = "3";
	char *argv[] = { program, keeper, slot, number, channel, channel_fd,
		NULL };
	const char *what = "arrange its fds";
	sigset_t none;
	int rc;

	snprintf(program, sizeof(program), "%s", spec->name);
	snprintf(number, sizeof(number), "%u", spec->slot);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(077);
	rc = setpgid(0, 0) == -1 ? -errno : arrange_fds(spec);
	if (rc == 0) {
		what = "limit core dumps";
		rc = limit_core(spec->core_dumps);
	}
	if (rc == 0) {
		what = "drop privileges";
		rc = drop_privileges(&spec->user);
	}
	if (rc == 0) {
		what = "execute the worker";
		rc = worker_program_exec(spec->program, argv);
	}
	log_error("worker_exec_failed", "the slot is tried again later",
	    log_text("act", what), log_text("path", spec->program->path),
	    log_uint("slot", spec->slot), log_errno(rc));
	_exit(EXIT_NO_EXEC);
}

int
slot_child_spawn(const struct slot_child_spec *spec, pid_t *out_pid,
    int *out_pidfd)
{
	int rc = fd_fork(out_pid, out_pidfd);

	if (rc == 0 && *out_pid == 0)
		run_child(spec);
	return rc;
}
