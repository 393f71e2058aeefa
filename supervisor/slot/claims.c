/* SPDX-License-Identifier: ISC */
/*
 * Takes claims in (see claims.h); slot_adopt.c judges them and takes them over.
 */
#include "supervisor/slot/claims.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "proto/channel.h"
#include "supervisor/slot/slot_adopt.h"
#include "supervisor/supervisor.h"

#define SOCKET_NAME "supervisor.sock"
#define BACKLOG	    (2 * SUPERVISOR_MAX_SLOTS)
#define CLAIMERS    (2 * SUPERVISOR_MAX_SLOTS)
#define DEADLINE_S  5

/* Somebody who has connected and not claimed yet. */
struct claimer {
	struct claimer *next; /* owned */
	struct supervisor *sup;
	struct channel channel;
	struct event *readable; /* owned; the timeout is the deadline */
	pid_t pid;
	Holdfast__Hello *hello; /* owned; NULL: has not come yet */
};

void
claims_init(struct claims *claims)
{
	*claims = (struct claims){ .fd = -1 };
}

static void
claimer_free(struct claimer *claimer)
{
	struct claims *claims = &claimer->sup->claims;
	struct claimer **at = &claims->first;

	while (*at != claimer)
		at = &(*at)->next;
	*at = claimer->next;
	claims->count--;
	if (claimer->readable != NULL)
		event_free(claimer->readable);
	if (claimer->channel.fd != -1)
		channel_clear(&claimer->channel);
	if (claimer->hello != NULL)
		holdfast__hello__free_unpacked(claimer->hello, NULL);
	free(claimer);
}

static void
refuse(struct claimer *claimer, const char *why)
{
	struct supervisor *sup = claimer->sup;
	const Holdfast__Hello *hello = claimer->hello;

	sup->claims.refused++;
	log_warn("claim_refused", why, log_int("peer_pid", claimer->pid),
	    log_int("slot", hello == NULL ? -1 : (int64_t)hello->slot),
	    log_text("build", hello == NULL ? NULL : hello->build));
	supervisor_event(sup, "claim_refused", -1, NULL, why, claimer->pid);
	claimer_free(claimer);
}

static void
on_claim(struct claimer *claimer, struct message *message)
{
	struct slot_claim claim = {
		.hello = claimer->hello,
		.pid = claimer->pid,
		.channel_fd = claimer->channel.fd,
		.message = message,
	};
	struct supervisor *sup = claimer->sup;
	struct slot *slot;
	const char *fault;

	if (claimer->hello == NULL) {
		refuse(claimer, "a claim without a Hello");
		return;
	}
	fault = slot_adopt_judge(sup, &claim, &slot);
	if (fault == NULL)
		fault = slot_adopt_memory(slot, &claim);
	if (fault != NULL) {
		refuse(claimer, fault);
		return;
	}
	/* The connection is the slot's from here on. */
	event_free(claimer->readable);
	claimer->readable = NULL;
	claimer->channel.fd = -1;
	sup->claims.accepted++;
	slot_adopt_take(slot, &claim);
	claimer_free(claimer);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct claimer *claimer = arg;
	struct message message;
	int rc;

	(void)fd;
	if ((what & EV_TIMEOUT) != 0) {
		refuse(claimer, "it did not claim in time");
		return;
	}
	rc = channel_recv(&claimer->channel, &message);
	if (rc == 0)
		return;
	if (rc == -ECONNRESET || rc == -EPIPE) {
		claimer_free(claimer);
		return;
	}
	if (rc < 0) {
		refuse(claimer, "it broke protocol");
		return;
	}
	if (message.kind == MSG_HELLO && claimer->hello == NULL) {
		claimer->hello = (Holdfast__Hello *)message.body;
		message.body = NULL;
	} else if (message.kind == MSG_CLAIM) {
		on_claim(claimer, &message);
	} else {
		refuse(claimer, "it broke protocol");
	}
	message_clear(&message);
}

/* Workers run as node.user; root and ourselves may do anything anyway. */
static bool
is_allowed(const struct supervisor *sup, int fd, pid_t *out_pid)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == -1)
		return false;
	*out_pid = peer.pid;
	return peer.uid == 0 || peer.uid == geteuid() ||
	    (sup->user.change && peer.uid == sup->user.uid);
}

/* Takes fd in every case. */
static int
claimer_new(struct supervisor *sup, int fd, pid_t pid)
{
	struct timeval deadline = { .tv_sec = DEADLINE_S };
	struct claimer *claimer = calloc(1, sizeof(*claimer));

	if (claimer == NULL) {
		fd_close(&fd);
		return -ENOMEM;
	}
	claimer->sup = sup;
	claimer->pid = pid;
	channel_init(&claimer->channel, fd, PEER_SUPERVISOR, PEER_TENANT);
	claimer->next = sup->claims.first;
	sup->claims.first = claimer;
	sup->claims.count++;
	claimer->readable = event_new(sup->base, fd, EV_READ | EV_PERSIST,
	    on_readable, claimer);
	if (claimer->readable != NULL &&
	    event_add(claimer->readable, &deadline) == 0)
		return 0;
	claimer_free(claimer);
	return -ENOMEM;
}

static void
on_connect(evutil_socket_t listener, short what, void *arg)
{
	struct supervisor *sup = arg;
	pid_t pid = 0;
	int fd;

	(void)what;
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1)
		return;
	if (sup->claims.count >= CLAIMERS || !is_allowed(sup, fd, &pid)) {
		sup->claims.refused++;
		log_warn("claim_refused", "not a worker, or one too many",
		    log_int("peer_pid", pid));
		fd_close(&fd);
		return;
	}
	if (claimer_new(sup, fd, pid) != 0)
		log_error("claim_failed", "it will try again",
		    log_errno(-ENOMEM));
}

/* For everybody: peers are told apart by their credentials, and a supervisor
 * without CAP_CHOWN cannot give a socket away. */
static int
bind_socket(struct supervisor *sup, int *out_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, rc;

	rc = run_dir_path(&sup->run_dir, SOCKET_NAME, address.sun_path,
	    sizeof(address.sun_path));
	if (rc != 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -errno;
	/* We hold the directory's lock: a socket there is a dead one's. */
	(void)unlink(address.sun_path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == -1 ||
	    chmod(address.sun_path, 0666) == -1 || listen(fd, BACKLOG) == -1) {
		rc = -errno;
		fd_close(&fd);
		return rc;
	}
	*out_fd = fd;
	return 0;
}

int
claims_start(struct supervisor *sup)
{
	struct claims *claims = &sup->claims;
	int rc = bind_socket(sup, &claims->fd);

	if (rc != 0)
		return rc;
	claims->readable = event_new(sup->base, claims->fd,
	    EV_READ | EV_PERSIST, on_connect, sup);
	if (claims->readable != NULL && event_add(claims->readable, NULL) == 0)
		return 0;
	claims_stop(sup);
	return -ENOMEM;
}

void
claims_stop(struct supervisor *sup)
{
	struct claims *claims = &sup->claims;
	struct claimer *claimer, *next;
	char path[512];

	if (claims->fd == -1)
		return;
	for (claimer = claims->first; claimer != NULL; claimer = next) {
		next = claimer->next;
		claimer_free(claimer);
	}
	if (claims->readable != NULL)
		event_free(claims->readable);
	claims->readable = NULL;
	fd_close(&claims->fd);
	if (run_dir_path(&sup->run_dir, SOCKET_NAME, path, sizeof(path)) == 0)
		(void)unlink(path);
}
