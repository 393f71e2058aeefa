/* SPDX-License-Identifier: ISC */
/*
 * How a tenant without a supervisor finds one: it connects to the socket in
 * node.run_dir, says Hello and claims its slot with the fds that make it.  A
 * supervisor that takes the claim answers with Hello and a channel for the
 * keeper; the connection is the tenant's channel from then on.  Whatever goes
 * wrong, it tries again later.  A tenant that dies on the way leaves nothing:
 * the next one closes the fds that the directory does not know, and claims.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/backoff.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/proc.h"
#include "lib/random.h"
#include "proto/hello.h"
#include "worker/slot_fds.h"
#include "worker/tenant.h"

#define SOCKET_NAME  "supervisor.sock"
#define RETRY_MS     20
#define RETRY_MAX_MS 200
/* From connect(2) to the answer: a supervisor may be busy starting. */
#define ANSWER_MS 2000
/* Tries that wait for the keeper. */
#define WAITS_MAX 20u

struct tenant_claim {
	struct event *timer;	/* owned: the next try, or the deadline */
	struct event *readable; /* owned; NULL: no claim under way */
	struct channel channel; /* fd -1: no claim under way */
	struct backoff backoff;
	bool is_greeted;
	uint32_t waits;
};

/* The names of what is claimed, in the order of the fds beside them. */
struct bundle {
	int fds[CHANNEL_MAX_FDS];
	Holdfast__Fds__Spec specs[CHANNEL_MAX_FDS];
	Holdfast__Fds__Spec *list[CHANNEL_MAX_FDS];
	size_t count;
};

static void
arm(struct tenant_claim *claim, uint32_t ms)
{
	struct timeval tv = { .tv_sec = ms / 1000,
		.tv_usec = (suseconds_t)(ms % 1000) * 1000 };

	(void)event_add(claim->timer, &tv);
}

static bool
has_keeper(const struct worker *worker)
{
	return (uint32_t)getppid() == worker->slot->keeper_pid;
}

static void
give_up(struct tenant_claim *claim)
{
	if (claim->readable != NULL)
		event_free(claim->readable);
	claim->readable = NULL;
	if (claim->channel.fd != -1)
		channel_clear(&claim->channel);
	arm(claim, backoff_next(&claim->backoff, random_u32()));
}

static int
connect_to(const char *run_dir, int *out_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int len = snprintf(address.sun_path, sizeof(address.sun_path),
	    "%s/" SOCKET_NAME, run_dir);
	int fd, rc = 0;

	if (len < 0 || (size_t)len >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == -1)
		rc = -errno;
	if (rc != 0)
		fd_close(&fd);
	else
		*out_fd = fd;
	return rc;
}

/* Of the relay's many only the tables: by them the supervisor sees whether it
 * knows the gateways' latest memory. */
static bool
is_claimed(const struct worker *worker, uint32_t kind)
{
	switch (kind) {
	case SLOT_FD_TABLE:
	case SLOT_FD_NODE:
		return true;
	case SLOT_FD_API_LISTENER:
	case SLOT_FD_PEER_LISTENER:
		return worker->ops->kind == SLOT_KIND_RELAY;
	case SLOT_FD_ARENA:
	case SLOT_FD_LISTENER:
	case SLOT_FD_RING_UP:
	case SLOT_FD_RING_UP_EVENT:
	case SLOT_FD_RING_DOWN:
	case SLOT_FD_RING_DOWN_EVENT:
		return worker->ops->kind == SLOT_KIND_GATEWAY;
	default:
		return false;
	}
}

static void
fill(const struct worker *worker, struct bundle *bundle)
{
	bundle->count = 0;
	for (uint32_t i = 0; i < SLOT_MAX_FDS; i++) {
		const struct slot_fd *entry = &worker->slot->fds[i];
		Holdfast__Fds__Spec *spec = &bundle->specs[bundle->count];

		if (!is_claimed(worker, entry->kind) ||
		    bundle->count == CHANNEL_MAX_FDS)
			continue;
		holdfast__fds__spec__init(spec);
		spec->kind = entry->kind;
		spec->index = entry->index;
		bundle->fds[bundle->count] = entry->fd;
		bundle->list[bundle->count++] = spec;
	}
}

static int
send_claim(const struct worker *worker, struct channel *channel)
{
	const struct hello_peer self = { .role = PEER_TENANT,
		.slot = worker->slot_no,
		.nonce = worker->slot->nonce,
		.pid = getpid(),
		.start_time = proc_start_time(getpid()) };
	struct bundle *bundle = malloc(sizeof(*bundle));
	Holdfast__Claim body = HOLDFAST__CLAIM__INIT;
	Holdfast__Hello hello;
	int rc;

	if (bundle == NULL)
		return -ENOMEM;
	hello_fill(&hello, &self);
	rc = channel_send(channel, MSG_HELLO, &hello.base, NULL, 0);
	if (rc == 0) {
		fill(worker, bundle);
		body.generation = worker->generation;
		body.n_spec = bundle->count;
		body.spec = bundle->list;
		rc = channel_send(channel, MSG_CLAIM, &body.base, bundle->fds,
		    (int)bundle->count);
	}
	free(bundle);
	return rc;
}

static int
on_hello(struct worker *worker, const struct message *msg)
{
	const Holdfast__Hello *hello = (const Holdfast__Hello *)msg->body;
	const struct hello_peer expected = { .role = PEER_SUPERVISOR,
		.slot = worker->slot_no,
		.nonce = worker->slot->nonce };
	const char *fault = hello_fault(hello, &expected);

	if (fault != NULL) {
		log_error("hello_refused", fault,
		    log_text("build", hello->build));
		return -EPROTO;
	}
	worker->claim->is_greeted = true;
	return 0;
}

/*
 * The claim is taken.  The keeper's channel first: who dies in between leaves
 * a keeper with a supervisor, and a successor that claims.  The keeper still
 * looks at the old one, so that closing it is the keeper's; not so when there
 * is no keeper any more.
 */
static int
on_taken(struct worker *worker, struct message *msg)
{
	const Holdfast__Fds *fds = (const Holdfast__Fds *)msg->body;
	struct tenant_claim *claim = worker->claim;
	int fd, old, rc;

	if (!claim->is_greeted || fds->n_spec != 1 ||
	    fds->spec[0]->kind != SLOT_FD_KEEPER_CHANNEL)
		return -EPROTO;
	rc = slot_fds_put(worker->slot, SLOT_FD_KEEPER_CHANNEL, 0, msg->fds[0],
	    &old);
	if (rc != 0)
		return rc;
	msg->fds[0] = -1;
	if (!has_keeper(worker))
		fd_close(&old);
	fd = claim->channel.fd;
	rc = slot_fds_put(worker->slot, SLOT_FD_TENANT_CHANNEL, 0, fd, &old);
	if (rc != 0)
		return rc;
	claim->channel.fd = -1;
	return tenant_channel_watch(worker, fd);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;
	struct tenant_claim *claim = worker->claim;
	struct message msg;
	int rc;

	(void)fd;
	(void)what;
	worker_beat(worker);
	while (claim->channel.fd != -1) {
		tenant_spare_fds(worker, false);
		rc = channel_recv(&claim->channel, &msg);
		tenant_spare_fds(worker, true);
		if (rc == 0)
			return;
		if (rc == 1) {
			rc = -EPROTO;
			if (msg.kind == MSG_HELLO)
				rc = on_hello(worker, &msg);
			else if (msg.kind == MSG_FDS)
				rc = on_taken(worker, &msg);
			message_clear(&msg);
		}
		if (rc < 0) {
			log_debug("claim_failed", NULL, log_errno(rc));
			give_up(claim);
			return;
		}
	}
	event_free(claim->readable);
	claim->readable = NULL;
	(void)event_del(claim->timer);
	backoff_reset(&claim->backoff);
	claim->waits = 0;
	log_notice("supervisor_back", NULL);
}

static int
try(struct worker *worker)
{
	struct tenant_claim *claim = worker->claim;
	int fd = -1, rc;

	tenant_spare_fds(worker, false);
	rc = connect_to(worker->settings.node.run_dir, &fd);
	if (rc == 0) {
		channel_init(&claim->channel, fd, PEER_TENANT, PEER_SUPERVISOR);
		claim->is_greeted = false;
		rc = send_claim(worker, &claim->channel);
	}
	tenant_spare_fds(worker, true);
	if (rc != 0)
		return rc;
	/* What the kernel did not take at once it would hardly take later. */
	if (channel_wants_write(&claim->channel))
		return -EAGAIN;
	claim->readable = event_new(worker->base, fd, EV_READ | EV_PERSIST,
	    on_readable, worker);
	if (claim->readable == NULL || event_add(claim->readable, NULL) == -1)
		return -ENOMEM;
	arm(claim, ANSWER_MS);
	return 0;
}

/*
 * The keeper has not taken up the channel that the last claim brought; one more
 * in its place would be an fd that nobody closes.  It looks several times a
 * second; one that does not is stopped, or worse.
 */
static bool
must_wait_for_keeper(struct worker *worker)
{
	int fd = worker_fd(worker, SLOT_FD_KEEPER_CHANNEL, 0);

	return fd != -1 && has_keeper(worker) &&
	    fd != atomic_load(&worker->slot->keeper_channel) &&
	    worker->claim->waits++ < WAITS_MAX;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;
	struct tenant_claim *claim = worker->claim;

	(void)fd;
	(void)what;
	if (worker->is_leaving || worker->channel.fd != -1)
		return;
	/* Its deadline has passed, or there is nobody yet. */
	if (claim->channel.fd != -1 || must_wait_for_keeper(worker) ||
	    try(worker) != 0)
		give_up(claim);
}

int
tenant_claim_init(struct worker *worker)
{
	struct tenant_claim *claim = calloc(1, sizeof(*claim));

	if (claim == NULL)
		return -ENOMEM;
	claim->channel.fd = -1;
	backoff_init(&claim->backoff, RETRY_MS, RETRY_MAX_MS);
	claim->timer = evtimer_new(worker->base, on_timer, worker);
	if (claim->timer == NULL) {
		free(claim);
		return -ENOMEM;
	}
	worker->claim = claim;
	return 0;
}

void
tenant_claim_begin(struct worker *worker)
{
	arm(worker->claim, RETRY_MS);
}
