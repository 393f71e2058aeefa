/* SPDX-License-Identifier: ISC */
/*
 * What keepers and tenants say (see slot_message.h).  The two channels of a
 * slot are not ordered against each other: a tenant may say that it serves
 * before its keeper says that it started, or that its predecessor died.  Who
 * is alive settles that: what is told of a dead one while another lives moves
 * nothing.
 */
#include "supervisor/slot/slot_message.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/proc.h"
#include "proto/hello.h"
#include "supervisor/slot/slot_handoff.h"
#include "supervisor/slot/slot_process.h"
#include "supervisor/supervisor.h"

int
slot_message_send_hello(struct slot_link *link)
{
	struct slot *slot = link->slot;
	const struct hello_peer self = { .role = PEER_SUPERVISOR,
		.slot = slot->number,
		.nonce = slot->memory.table.header->nonce,
		.pid = getpid(),
		.start_time = proc_start_time(getpid()) };
	Holdfast__Hello hello;

	hello_fill(&hello, &self);
	return slot_link_send(link, MSG_HELLO, &hello.base, NULL, 0);
}

/* NULL, or what is wrong with it. */
static const char *
peer_fault(const struct slot_link *link, const Holdfast__Hello *hello)
{
	const struct slot *slot = link->slot;
	bool keeper = link == &slot->to_keeper;
	struct hello_peer expected = { .role = link->channel.peer,
		.slot = slot->number,
		.nonce = slot->memory.table.header->nonce };
	const char *fault;
	uint64_t start_time;

	if (keeper)
		expected.pid = slot->keeper.pid;
	/* A keeper's first Hello comes before it has seen the header. */
	if (keeper && hello->nonce == 0)
		expected.nonce = 0;
	fault = hello_fault(hello, &expected);
	if (fault != NULL)
		return fault;
	/* A tenant may have died since it said Hello: 0, and no harm done. */
	start_time = proc_start_time((pid_t)hello->pid);
	if (hello->start_time != start_time && (keeper || start_time != 0))
		return "another start time";
	return NULL;
}

/* The keeper's word with the pidfd may have been lost with it. */
static void
on_tenant_hello(struct slot *slot, const Holdfast__Hello *hello)
{
	pid_t before = slot->tenant.pid;
	int rc = slot_process_set_tenant(slot, (pid_t)hello->pid, -1);

	if (rc != 0)
		log_debug("tenant_unknown", "dead, or not of the slot's group",
		    log_text("slot", slot->label),
		    log_uint("peer_pid", hello->pid), log_errno(rc));
	else if (slot->tenant.pid != before)
		slot->generation = 0; /* its own word will be the first */
}

static int
on_hello(struct slot_link *link, struct message *message)
{
	const Holdfast__Hello *hello = (const Holdfast__Hello *)message->body;
	struct slot *slot = link->slot;
	const char *fault = peer_fault(link, hello);
	bool first = !link->greeted;
	int rc;

	if (fault != NULL) {
		log_error("hello_refused", fault, log_text("slot", slot->label),
		    log_text("build", hello->build),
		    log_uint("peer_pid", hello->pid));
		return -EPROTO;
	}
	link->greeted = true;
	/* One of another version formats the table anew (table_make_own()). */
	if (hello->layout != SLOT_LAYOUT)
		slot->memory.table.is_foreign = true;
	if (link == &slot->to_keeper) {
		rc = first ? slot_message_send_hello(link) : 0;
		/* Its end is told of by its pidfd. */
		if (rc == -EPIPE)
			return 0;
		if (rc == 0 && first)
			slot_feed(slot, SLOT_EV_HELLO);
		return rc == 0 ? 0 : -EPROTO;
	}
	on_tenant_hello(slot, hello);
	(void)slot_message_send_hello(link);
	return 0;
}

/* Is there a tenant, and is it another one than that? */
static bool
lives_another(const struct slot *slot, uint32_t pid)
{
	return slot->tenant.pid != (pid_t)pid &&
	    slot_process_is_alive(&slot->tenant);
}

static int
on_tenant_started(struct slot_link *link, struct message *message)
{
	const Holdfast__TenantStarted *started =
	    (const Holdfast__TenantStarted *)message->body;
	struct slot *slot = link->slot;
	struct slot_process told = { .pidfd = message->fds[0] };
	bool known = slot->tenant.pid == (pid_t)started->pid;

	if (!known && lives_another(slot, started->pid) &&
	    !slot_process_is_alive(&told))
		return 0;
	if (slot_process_set_tenant(slot, (pid_t)started->pid,
		message->fds[0]) != 0)
		return -EPROTO;
	message->fds[0] = -1;
	slot->generation = started->generation;
	if (!known || slot->state != SLOT_SERVING)
		slot_feed(slot, SLOT_EV_TENANT_STARTED);
	return 0;
}

static int
on_tenant_exited(struct slot_link *link, struct message *message)
{
	const Holdfast__TenantExited *exited =
	    (const Holdfast__TenantExited *)message->body;
	struct slot *slot = link->slot;
	const char *by = exited->status < 0 ? "signal" : "exit";
	int64_t status = exited->status < 0 ? -(int64_t)exited->status :
					      exited->status;

	log_info("tenant_exited", NULL, log_text("slot", slot->label),
	    log_uint("tenant_pid", exited->pid), log_text("by", by),
	    log_int("status", status),
	    log_uint("restart_ms", exited->restart_ms));
	supervisor_event(slot->sup, "tenant_exited", (int)slot->number, NULL,
	    by, status);
	if (lives_another(slot, exited->pid))
		return 0;
	slot->last_status = exited->status;
	slot_feed(slot, SLOT_EV_TENANT_EXITED);
	return 0;
}

static int
on_serving(struct slot_link *link, struct message *message)
{
	const Holdfast__Serving *serving =
	    (const Holdfast__Serving *)message->body;
	struct slot *slot = link->slot;

	if (serving->generation < slot->generation)
		return 0;
	slot->generation = serving->generation;
	log_info("slot_serving", NULL, log_text("slot", slot->label),
	    log_uint("generation", serving->generation),
	    log_uint("adopted", serving->adopted),
	    log_uint("orphans", serving->orphans),
	    log_uint("discarded", serving->discarded),
	    log_uint("adoption_us", serving->adoption_us));
	supervisor_event(slot->sup, "slot_serving", (int)slot->number, NULL,
	    NULL, serving->adopted);
	slot_feed(slot, SLOT_EV_SERVING);
	return 0;
}

static int
on_event_told(struct slot_link *link, struct message *message)
{
	const Holdfast__Event *event = (const Holdfast__Event *)message->body;

	supervisor_event(link->slot->sup, event->kind, (int)link->slot->number,
	    event->client, event->text, event->has_value ? event->value : 0);
	return 0;
}

static int
on_drained(struct slot_link *link, struct message *message)
{
	struct slot *slot = link->slot;
	const Holdfast__Drained *drained =
	    (const Holdfast__Drained *)message->body;

	log_info("slot_drained", NULL, log_text("slot", slot->label),
	    log_uint("left", drained->left));
	slot->drained = true;
	slot_feed(slot, SLOT_EV_DRAINED);
	supervisor_slot_changed(slot->sup, slot);
	return 0;
}

static int
on_handoff_failed(struct slot_link *link, struct message *message)
{
	const Holdfast__HandoffFailed *failed =
	    (const Holdfast__HandoffFailed *)message->body;

	slot_handoff_failed(link->slot, failed);
	return 0;
}

static void
on_moved_again(struct slot *slot, const struct slot_handoff_result *result,
    void *arg)
{
	(void)arg;
	if (!result->moved && slot->state == SLOT_SERVING)
		(void)!slot_recycle(slot);
}

static void
on_moved(struct slot *slot, const struct slot_handoff_result *result, void *arg)
{
	(void)arg;
	if (!result->moved && slot->state == SLOT_SERVING &&
	    slot_handoff_start(slot, on_moved_again, NULL) != 0)
		(void)!slot_recycle(slot);
}

static int
on_recycle_asked(struct slot_link *link, struct message *message)
{
	struct slot *slot = link->slot;

	(void)message;
	if (slot_is_gateway(slot))
		return -EPROTO;
	if (slot->sup->fleet == NULL ||
	    slot_handoff_start(slot, on_moved, NULL) != 0)
		(void)!slot_recycle(slot);
	return 0;
}

static int
on_reply(struct slot_link *link, struct message *message)
{
	const Holdfast__Reply *reply = (const Holdfast__Reply *)message->body;

	relay_requests_answer(&link->slot->sup->requests, reply->id,
	    reply->status, reply->text, reply->node);
	return 0;
}

static int (*const handlers[MSG_KIND_MAX])(struct slot_link *,
    struct message *) = {
	[MSG_HELLO] = on_hello,
	[MSG_TENANT_STARTED] = on_tenant_started,
	[MSG_TENANT_EXITED] = on_tenant_exited,
	[MSG_SERVING] = on_serving,
	[MSG_EVENT] = on_event_told,
	[MSG_RECYCLE] = on_recycle_asked,
	[MSG_DRAINED] = on_drained,
	[MSG_REPLY] = on_reply,
	[MSG_HANDOFF_FAILED] = on_handoff_failed,
};

int
slot_message_handle(struct slot_link *link, struct message *message)
{
	/* The channel let only kinds through that this peer may send. */
	if (handlers[message->kind] == NULL)
		return -EPROTO;
	/* A keeper that did not greet has nothing to say yet. */
	if (message->kind != MSG_HELLO && link == &link->slot->to_keeper &&
	    !link->greeted)
		return -EPROTO;
	return handlers[message->kind](link, message);
}
