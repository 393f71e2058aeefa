/* SPDX-License-Identifier: ISC */
/*
 * The tenant's end of the control channel: the messages that all programs
 * handle alike, fds and settings that change at run time, and what is told to
 * the supervisor.  Without one (it is away, or broke protocol) the tenant runs
 * on and messages are dropped.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/proc.h"
#include "proto/hello.h"
#include "worker/handoff.h"
#include "worker/process.h"
#include "worker/slot_fds.h"
#include "worker/tenant.h"

/* Messages handled in one turn of the loop; clients are to get theirs. */
#define MESSAGES_PER_TURN 16

static void
forget_channel(struct worker *worker)
{
	if (worker->channel_read != NULL)
		event_free(worker->channel_read);
	if (worker->channel_write != NULL)
		event_free(worker->channel_write);
	worker->channel_read = NULL;
	worker->channel_write = NULL;
	slot_fds_remove(worker->slot, SLOT_FD_TENANT_CHANNEL, 0);
	channel_clear(&worker->channel);
}

static void
lose_supervisor(struct worker *worker, int rc)
{
	forget_channel(worker);
	tenant_claim_begin(worker);
	if (rc == -ECONNRESET || rc == -EPIPE)
		log_notice("supervisor_gone", "the tenant runs on without it");
	else
		log_warn("channel_broken", "the tenant runs on without it",
		    log_errno(rc));
}

void
worker_send(struct worker *worker, enum message_kind kind,
    const ProtobufCMessage *body)
{
	int rc;

	if (worker->channel.fd == -1)
		return;
	rc = channel_send(&worker->channel, kind, body, NULL, 0);
	/* Whoever is gone shows on the reading side. */
	if (rc != 0 && rc != -EPIPE)
		log_warn("send_failed", "the message is lost",
		    log_text("message", message_kind_name(kind)),
		    log_errno(rc));
	if (channel_wants_write(&worker->channel))
		event_add(worker->channel_write, NULL);
}

/* A copy that protobuf-c, which only reads it, may point at. */
static char *
copy_text(char *copy, size_t cap, const char *text)
{
	size_t len = strnlen(text, cap - 1);

	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

void
worker_event(struct worker *worker, const char *kind, const char *client,
    const char *text, int64_t value)
{
	Holdfast__Event body = HOLDFAST__EVENT__INIT;
	char kind_copy[64], client_copy[256], text_copy[1024];

	log_notice(kind, text, log_text("client", client),
	    log_int("value", value));
	body.kind = copy_text(kind_copy, sizeof(kind_copy), kind);
	if (client != NULL)
		body.client = copy_text(client_copy, sizeof(client_copy),
		    client);
	if (text != NULL)
		body.text = copy_text(text_copy, sizeof(text_copy), text);
	body.has_slot = 1;
	body.slot = worker->slot_no;
	body.has_time_ms = 1;
	body.time_ms = clock_real_ms();
	body.has_value = 1;
	body.value = value;
	worker_send(worker, MSG_EVENT, &body.base);
}

static int
on_hello(struct worker *worker, struct message *msg)
{
	const Holdfast__Hello *hello = (const Holdfast__Hello *)msg->body;
	const struct hello_peer expected = { .role = PEER_SUPERVISOR,
		.slot = worker->slot_no,
		.nonce = worker->slot->nonce };
	const char *fault = hello_fault(hello, &expected);

	if (fault == NULL)
		return 0;
	log_error("hello_refused", fault, log_text("build", hello->build),
	    log_uint("protocol", hello->protocol),
	    log_uint("layout", hello->layout), log_uint("slot", hello->slot));
	return -EPROTO;
}

static void
change_settings(struct worker *worker)
{
	struct settings old = worker->settings;
	int rc = tenant_read_settings(worker);

	if (rc != 0) {
		log_error("settings_unreadable", "the old ones stay in force",
		    log_errno(rc));
		worker->settings = old;
		return;
	}
	tenant_apply_settings(worker);
	if (worker->ops->settings_changed != NULL)
		worker->ops->settings_changed(worker, &old);
}

/* Shared with the keeper, which logs there, too. */
static void
take_log(int fd)
{
	if (dup2(fd, STDERR_FILENO) == -1)
		log_warn("log_kept", NULL, log_errno(errno));
}

/* Takes fd in every case. */
static void
take_fd(struct worker *worker, enum slot_fd_kind kind, uint32_t index, int fd)
{
	int old, rc;

	if (kind == SLOT_FD_LOG) {
		take_log(fd);
		fd_close(&fd);
		return;
	}
	old = slot_fds_find(worker->slot, kind, index);
	if (old != -1 && fd_is_same(old, fd)) {
		/* Said again, for a predecessor may have died over it. */
		fd_close(&fd);
		return;
	}
	rc = slot_fds_put(worker->slot, kind, index, fd, &old);
	if (rc != 0) {
		log_error("fd_refused", "the directory has no room for it",
		    log_text("kind", slot_fd_kind_name(kind)),
		    log_uint("index", index), log_errno(rc));
		fd_close(&fd);
		return;
	}
	if (kind == SLOT_FD_SETTINGS)
		change_settings(worker);
	else if (worker->ops->fd_changed != NULL)
		worker->ops->fd_changed(worker, kind, index, old);
	fd_close(&old);
}

static int
on_fds(struct worker *worker, struct message *msg)
{
	const Holdfast__Fds *fds = (const Holdfast__Fds *)msg->body;

	for (size_t i = 0; i < fds->n_spec; i++) {
		uint32_t kind = fds->spec[i]->kind;
		int fd = msg->fds[i];

		/* Channels are not replaced over themselves. */
		if (kind == SLOT_FD_NONE || kind >= SLOT_FD_KIND_MAX ||
		    kind == SLOT_FD_KEEPER_CHANNEL ||
		    kind == SLOT_FD_TENANT_CHANNEL)
			return -EPROTO;
		msg->fds[i] = -1;
		crash_mark();
		take_fd(worker, (enum slot_fd_kind)kind, fds->spec[i]->index,
		    fd);
	}
	return 0;
}

void
worker_give(struct worker *worker)
{
	Holdfast__HandoffFailed failed = HOLDFAST__HANDOFF_FAILED__INIT;
	const char *reason = NULL;
	char copy[256];
	int rc = handoff_give(worker, &reason);

	if (rc == 0) {
		process_step_back();
		worker_leave(worker, WORKER_EXIT_LEAVE);
		return;
	}
	log_warn("handoff_failed", "the slot stays here",
	    log_text("reason", reason), log_errno(rc));
	failed.reason = copy_text(copy, sizeof(copy), reason);
	failed.has_number = 1;
	failed.number = worker->handoff_number;
	failed.has_is_final = 1;
	failed.is_final = rc == -EPROTONOSUPPORT || rc == -ENOTSUP;
	worker_send(worker, MSG_HANDOFF_FAILED, &failed.base);
	if (worker->ops->keep != NULL)
		worker->ops->keep(worker);
}

/* A second order takes the place of the first, whose copies are then waited
 * for no longer: the supervisor ends one taker before it starts the next. */
static int
on_handoff(struct worker *worker, struct message *msg)
{
	const Holdfast__Handoff *body = (const Holdfast__Handoff *)msg->body;
	int fd = msg->fds[0], old, rc;

	msg->fds[0] = -1;
	rc = slot_fds_put(worker->slot, SLOT_FD_HANDOFF, 0, fd, &old);
	if (rc != 0) {
		fd_close(&fd); /* which ends the taker */
		return 0;
	}
	handoff_forget_early(worker);
	fd_close(&old);
	worker->handoff_fd = fd;
	worker->handoff_deadline_ms = body->deadline_ms;
	worker->handoff_number = body->has_number ? body->number : 0;
	return 1;
}

static int
on_handoff_now(struct worker *worker, struct message *msg)
{
	if (on_handoff(worker, msg) != 1)
		return 0;
	if (worker->ops->let_go != NULL)
		worker->ops->let_go(worker);
	else if (handoff_give_early(worker) != 0)
		worker_give(worker);
	return 0;
}

static int
on_forget(struct worker *worker, struct message *msg)
{
	const Holdfast__Forget *forget = (const Holdfast__Forget *)msg->body;

	for (size_t i = 0; i < forget->n_spec; i++) {
		enum slot_fd_kind kind =
		    (enum slot_fd_kind)forget->spec[i]->kind;
		uint32_t index = forget->spec[i]->index;
		int fd = slot_fds_find(worker->slot, kind, index);

		/* Said again, for a predecessor may have died over it. */
		if (fd == -1)
			continue;
		if (worker->ops->fd_going == NULL ||
		    !worker->ops->fd_going(worker, kind, index, fd))
			return -EPROTO;
		crash_mark();
		fd = slot_fds_remove(worker->slot, kind, index);
		crash_mark();
		fd_close(&fd);
	}
	return 0;
}

static int
on_recycle(struct worker *worker, struct message *msg)
{
	(void)msg;
	tenant_recycle(worker, "operator");
	return 0;
}

static int
handle(struct worker *worker, struct message *msg)
{
	static int (*const handlers[MSG_KIND_MAX])(struct worker *,
	    struct message *) = {
		[MSG_HELLO] = on_hello,
		[MSG_FDS] = on_fds,
		[MSG_RECYCLE] = on_recycle,
		[MSG_HANDOFF] = on_handoff_now,
		[MSG_FORGET] = on_forget,
	};

	if (handlers[msg->kind] != NULL)
		return handlers[msg->kind](worker, msg);
	if (worker->ops->message != NULL)
		worker->ops->message(worker, msg);
	return 0;
}

static void
on_channel_read(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;
	struct message msg;
	int rc = 1;

	(void)fd;
	(void)what;
	worker_beat(worker);
	for (int i = 0; i < MESSAGES_PER_TURN && rc == 1 && !worker->is_leaving;
	     i++) {
		/* A packet's fds are cut off where there is no room. */
		tenant_spare_fds(worker, false);
		rc = channel_recv(&worker->channel, &msg);
		tenant_spare_fds(worker, true);
		if (rc != 1)
			break;
		rc = handle(worker, &msg) == 0 ? 1 : -EPROTO;
		message_clear(&msg);
	}
	if (rc < 0)
		lose_supervisor(worker, rc);
}

/* Nothing serves yet: fds go into the directory, where the program looks for
 * them when it starts, and orders to it come too early to matter. */
static int
put_aside(struct worker *worker, struct message *msg)
{
	const Holdfast__Fds *fds = (const Holdfast__Fds *)msg->body;

	if (msg->kind == MSG_HANDOFF)
		return on_handoff(worker, msg);
	for (int i = 0; msg->kind == MSG_FDS && i < msg->nfds; i++) {
		uint32_t kind = fds->spec[i]->kind;
		int old;

		if (kind == SLOT_FD_LOG)
			take_log(msg->fds[i]);
		if (kind == SLOT_FD_NONE || kind >= SLOT_FD_KIND_MAX ||
		    kind == SLOT_FD_KEEPER_CHANNEL ||
		    kind == SLOT_FD_TENANT_CHANNEL || kind == SLOT_FD_LOG ||
		    slot_fds_put(worker->slot, (enum slot_fd_kind)kind,
			fds->spec[i]->index, msg->fds[i], &old) != 0)
			continue;
		msg->fds[i] = -1;
		fd_close(&old);
	}
	return 0;
}

void
tenant_give_first(struct worker *worker)
{
	int fd = worker_fd(worker, SLOT_FD_TENANT_CHANNEL, 0);
	bool is_ordered = false;
	struct message msg;

	if (fd == -1)
		return;
	channel_init(&worker->channel, fd, PEER_TENANT, PEER_SUPERVISOR);
	while (!is_ordered && channel_recv(&worker->channel, &msg) == 1) {
		is_ordered = put_aside(worker, &msg) == 1;
		message_clear(&msg);
	}
	if (is_ordered)
		worker_give(worker);
	worker->channel.fd = -1;
}

static void
on_channel_write(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;

	(void)fd;
	(void)what;
	/* An error shows on the reading side, too. */
	if (channel_flush(&worker->channel) != 1)
		event_del(worker->channel_write);
}

static void
say_hello(struct worker *worker)
{
	const struct hello_peer self = { .role = PEER_TENANT,
		.slot = worker->slot_no,
		.nonce = worker->slot->nonce,
		.pid = getpid(),
		.start_time = proc_start_time(getpid()) };
	Holdfast__Hello body;

	hello_fill(&body, &self);
	worker_send(worker, MSG_HELLO, &body.base);
}

int
tenant_channel_watch(struct worker *worker, int fd)
{
	channel_init(&worker->channel, fd, PEER_TENANT, PEER_SUPERVISOR);
	worker->channel_read = event_new(worker->base, fd, EV_READ | EV_PERSIST,
	    on_channel_read, worker);
	worker->channel_write = event_new(worker->base, fd,
	    EV_WRITE | EV_PERSIST, on_channel_write, worker);
	if (worker->channel_read != NULL && worker->channel_write != NULL &&
	    event_add(worker->channel_read, NULL) == 0)
		return 0;
	forget_channel(worker);
	return -ENOMEM;
}

int
tenant_channel_open(struct worker *worker)
{
	int fd = worker_fd(worker, SLOT_FD_TENANT_CHANNEL, 0);
	int rc = tenant_claim_init(worker);

	if (rc != 0)
		return rc;
	if (fd == -1) {
		tenant_claim_begin(worker);
		return 0;
	}
	rc = tenant_channel_watch(worker, fd);
	if (rc == 0)
		say_hello(worker);
	return rc;
}
