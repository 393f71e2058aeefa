/* SPDX-License-Identifier: ISC */
/*
 * The keeper's end of the control channel.  Messages are decoded into a static
 * pool and nothing is queued, so that the keeper allocates nothing: what does
 * not fit into the socket is sent when it does (TenantStarted) or left out
 * (TenantExited: the supervisor has the pidfd).
 */
#include <errno.h>
#include <sched.h>
#include <stdalign.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "proto/hello.h"
#include "worker/keeper.h"
#include "worker/slot_fds.h"

/* A Fds message with 253 names takes half of it, scratch space included. */
#define POOL_SIZE (64u * 1024)

static struct {
	alignas(max_align_t) uint8_t bytes[POOL_SIZE];
	size_t used;
} pool;

static void *
pool_alloc(void *arg, size_t size)
{
	const size_t align = alignof(max_align_t);
	uint8_t *p = pool.bytes + pool.used;

	(void)arg;
	if (size > POOL_SIZE - pool.used)
		return NULL;
	size = (size + align - 1) / align * align;
	pool.used += size < POOL_SIZE - pool.used ? size :
						    POOL_SIZE - pool.used;
	return p;
}

/* Everything goes when the next message is decoded. */
static void
pool_free(void *arg, void *p)
{
	(void)arg;
	(void)p;
}

static ProtobufCAllocator pool_allocator = { pool_alloc, pool_free, NULL };

/* The supervisor is gone or breaks protocol: the slot goes on without it. */
static void
lose_supervisor(struct keeper *k, int rc)
{
	k->has_supervisor = false;
	k->owes_started = false;
	shutdown(k->channel.fd, SHUT_RDWR);
	if (rc == -ECONNRESET || rc == -EPIPE)
		log_notice("supervisor_gone", "the slot runs on without it");
	else
		log_warn("channel_broken", "the slot runs on without it",
		    log_errno(rc));
}

static void
send_message(struct keeper *k, enum message_kind kind,
    const ProtobufCMessage *body, const int *fds, int nfds)
{
	int rc;

	if (!k->has_supervisor)
		return;
	rc = channel_send(&k->channel, kind, body, fds, nfds);
	if (rc == -ENOBUFS)
		k->owes_started = kind == MSG_TENANT_STARTED;
	else if (rc == -EPIPE)
		lose_supervisor(k, rc);
	else if (rc != 0)
		log_warn("send_failed", "the message is lost",
		    log_text("message", message_kind_name(kind)),
		    log_errno(rc));
}

void
keeper_channel_open(struct keeper *k, int fd, bool hello)
{
	/* Before Start there is no slot, nor its nonce. */
	const struct hello_peer self = { .role = PEER_KEEPER,
		.slot = k->slot_no,
		.nonce = k->slot == NULL ? 0 : k->slot->nonce,
		.pid = getpid(),
		.start_time = k->start_time };
	Holdfast__Hello body;

	channel_init(&k->channel, fd, PEER_KEEPER, PEER_SUPERVISOR);
	k->channel.max_queued = 0;
	k->channel.allocator = &pool_allocator;
	k->channel.refuses_fds = k->slot != NULL;
	k->has_supervisor = true;
	if (k->slot != NULL)
		atomic_store(&k->slot->keeper_channel, fd);
	if (!hello)
		return;
	hello_fill(&body, &self);
	send_message(k, MSG_HELLO, &body.base, NULL, 0);
}

static int
on_hello(struct keeper *k, struct message *msg)
{
	const Holdfast__Hello *hello = (const Holdfast__Hello *)msg->body;
	const struct hello_peer expected = { .role = PEER_SUPERVISOR,
		.slot = k->slot_no };
	const char *fault = hello_fault(hello, &expected);

	if (fault == NULL)
		return 0;
	log_error("hello_refused", fault, log_text("build", hello->build),
	    log_uint("protocol", hello->protocol),
	    log_uint("layout", hello->layout), log_uint("slot", hello->slot));
	return -EPROTO;
}

/* Comes before Start only: afterwards the channel takes no fds. */
static int
on_fds(struct keeper *k, struct message *msg)
{
	const Holdfast__Fds *fds = (const Holdfast__Fds *)msg->body;

	for (size_t i = 0; i < fds->n_spec; i++) {
		uint32_t kind = fds->spec[i]->kind;
		struct keeper_fd *given = &k->given[k->given_count];

		if (kind == SLOT_FD_NONE || kind >= SLOT_FD_KIND_MAX)
			return -EPROTO;
		if (kind == SLOT_FD_LOG) {
			dup2(msg->fds[i], STDERR_FILENO);
			continue;
		}
		if (k->given_count == SLOT_MAX_FDS)
			return -EPROTO;
		given->kind = (enum slot_fd_kind)kind;
		given->index = fds->spec[i]->index;
		given->fd = msg->fds[i];
		msg->fds[i] = -1;
		k->given_count++;
	}
	return 0;
}

static int
on_start(struct keeper *k, struct message *msg)
{
	const Holdfast__Start *start = (const Holdfast__Start *)msg->body;
	cpu_set_t cpus;

	k->is_started = true;
	k->is_taker = start->has_receive && start->receive;
	k->channel.refuses_fds = true;
	if (!start->has_cpu || start->cpu >= CPU_SETSIZE)
		return 0;
	/* Tenants inherit it, and it survives the exec. */
	CPU_ZERO(&cpus);
	CPU_SET(start->cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) == -1)
		log_warn("pin_failed", "the slot runs on any CPU",
		    log_uint("cpu", start->cpu), log_errno(errno));
	return 0;
}

static int
on_stop(struct keeper *k, struct message *msg)
{
	(void)msg;
	k->is_stopped = true;
	return 0;
}

void
keeper_channel_read(struct keeper *k)
{
	static int (*const handlers[MSG_KIND_MAX])(struct keeper *,
	    struct message *) = {
		[MSG_HELLO] = on_hello,
		[MSG_FDS] = on_fds,
		[MSG_START] = on_start,
		[MSG_STOP] = on_stop,
	};
	struct message msg;
	int rc = 0;

	while (k->has_supervisor && !k->is_stopped) {
		pool.used = 0;
		rc = channel_recv(&k->channel, &msg);
		if (rc == 0)
			return;
		if (rc == 1) {
			rc = handlers[msg.kind] == NULL ?
			    -EPROTO :
			    handlers[msg.kind](k, &msg);
			message_clear(&msg);
		}
		if (rc < 0)
			lose_supervisor(k, rc);
	}
}

void
keeper_tell_started(struct keeper *k)
{
	Holdfast__TenantStarted body = HOLDFAST__TENANT_STARTED__INIT;
	bool is_allowed = false;

	k->owes_started = false;
	body.pid = (uint32_t)k->pid;
	body.generation = k->slot->generation;
	/* unix(7), ETOOMANYREFS: the sender's limit of open files counts the
	 * fds that all processes of this user have in flight. */
	if (k->fd_limit != 0 && process_allow_fds(k->fd_limit) == 0)
		is_allowed = true;
	send_message(k, MSG_TENANT_STARTED, &body.base, &k->pidfd, 1);
	if (is_allowed && process_forbid_fds(&k->fd_limit) != 0)
		k->fd_limit = 0;
}

void
keeper_tell_exited(struct keeper *k, uint32_t restart_ms)
{
	Holdfast__TenantExited body = HOLDFAST__TENANT_EXITED__INIT;

	k->owes_started = false;
	body.pid = (uint32_t)k->pid;
	body.generation = k->slot->generation;
	body.status = k->slot->last_exit;
	body.restart_ms = restart_ms;
	send_message(k, MSG_TENANT_EXITED, &body.base, NULL, 0);
}

void
keeper_channel_renew(struct keeper *k)
{
	int fd = slot_fds_find(k->slot, SLOT_FD_KEEPER_CHANNEL, 0);

	if (k->has_supervisor || fd == -1 || fd == k->channel.fd)
		return;
	channel_clear(&k->channel);
	keeper_channel_open(k, fd, true);
	log_notice("supervisor_back", NULL);
	if (k->pidfd != -1)
		keeper_tell_started(k);
}

void
keeper_channel_tidy(struct keeper *k)
{
	int fd = slot_fds_find(k->slot, SLOT_FD_KEEPER_CHANNEL, 0);

	if (k->has_supervisor)
		return;
	if (fd != -1 && fd == k->channel.fd)
		slot_fds_remove(k->slot, SLOT_FD_KEEPER_CHANNEL, 0);
	channel_clear(&k->channel);
	/* A tenant may have died right after it had entered a new one. */
	keeper_channel_renew(k);
}
