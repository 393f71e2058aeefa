/* SPDX-License-Identifier: ISC */
/*
 * What a keeper is given before it starts its tenant (see slot_link.h): every
 * fd of the slot, named, in packets of as many as the kernel passes at once.
 */
#include <unistd.h>

#include "lib/fd.h"
#include "supervisor/slot/slot_link.h"
#include "supervisor/slot/slot_spawn.h"
#include "supervisor/supervisor.h"

/* A relay with all gateways there can be, and some. */
#define BUNDLE_MAX SLOT_MAX_FDS

struct bundle {
	int fds[BUNDLE_MAX];
	Holdfast__Fds__Spec specs[BUNDLE_MAX];
	Holdfast__Fds__Spec *list[BUNDLE_MAX];
	int count;
};

static void
add(struct bundle *bundle, enum slot_fd_kind kind, uint32_t index, int fd)
{
	Holdfast__Fds__Spec *spec = &bundle->specs[bundle->count];

	if (fd == -1 || bundle->count == BUNDLE_MAX)
		return;
	holdfast__fds__spec__init(spec);
	spec->kind = kind;
	spec->index = index;
	bundle->list[bundle->count] = spec;
	bundle->fds[bundle->count++] = fd;
}

static int
send_bundle(struct slot_link *link, struct bundle *bundle)
{
	int at, n, rc;

	for (at = 0; at < bundle->count; at += n) {
		Holdfast__Fds fds = HOLDFAST__FDS__INIT;

		n = bundle->count - at;
		if (n > CHANNEL_MAX_FDS)
			n = CHANNEL_MAX_FDS;
		fds.n_spec = (size_t)n;
		fds.spec = bundle->list + at;
		rc = slot_link_send(link, MSG_FDS, &fds.base, bundle->fds + at,
		    n);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static void
add_rings(struct bundle *bundle, const struct slot *gateway)
{
	const struct slot_memory *memory = &gateway->memory;
	uint32_t index = gateway->number;

	add(bundle, SLOT_FD_RING_UP, index, memory->ring_up_fd);
	add(bundle, SLOT_FD_RING_UP_EVENT, index, memory->ring_up_event);
	add(bundle, SLOT_FD_RING_DOWN, index, memory->ring_down_fd);
	add(bundle, SLOT_FD_RING_DOWN_EVENT, index, memory->ring_down_event);
}

/* What changes at run time. */
static void
add_gateway_news(struct bundle *bundle, const struct slot *slot)
{
	const struct listener_set *set = &slot->sup->listeners;
	uint32_t i;

	add(bundle, SLOT_FD_SETTINGS, 0, slot->sup->gateway_settings);
	for (i = 0; i < set->count; i++)
		add(bundle, SLOT_FD_LISTENER, i, set->clients[i].fd);
}

static void
add_gateway(struct bundle *bundle, const struct slot *slot)
{
	add(bundle, SLOT_FD_ARENA, 0, slot->memory.arena_fd);
	add_gateway_news(bundle, slot);
	add_rings(bundle, slot);
}

static void
add_relay(struct bundle *bundle, const struct slot *slot)
{
	const struct supervisor *sup = slot->sup;
	uint32_t i;

	add(bundle, SLOT_FD_SETTINGS, 0, sup->relay_settings);
	add(bundle, SLOT_FD_API_LISTENER, 0, sup->listeners.api.fd);
	add(bundle, SLOT_FD_PEER_LISTENER, 0, sup->listeners.peers.fd);
	for (i = 0; i < sup->gateways; i++) {
		add(bundle, SLOT_FD_TABLE, i, sup->slots[i]->memory.table_fd);
		add_rings(bundle, sup->slots[i]);
	}
}

static int
send_start(struct slot *slot)
{
	const struct supervisor *sup = slot->sup;
	Holdfast__Start start = HOLDFAST__START__INIT;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	/* With fewer CPUs than slots pinning only gets in the way. */
	if (sup->conf.settings.node.pin_cpus && slot_is_gateway(slot) &&
	    (long)sup->gateways <= cpus) {
		start.has_cpu = 1;
		start.cpu = slot->number;
	}
	start.has_receive = 1;
	start.receive = slot->takes_from != NULL;
	return slot_link_send(&slot->to_keeper, MSG_START, &start.base, NULL,
	    0);
}

int
slot_link_setup(struct slot *slot)
{
	static struct bundle bundle;
	int rc;

	bundle.count = 0;
	add(&bundle, SLOT_FD_TENANT_CHANNEL, 0, slot->tenant_end);
	add(&bundle, SLOT_FD_TABLE, SLOT_FD_OWN, slot->memory.table_fd);
	add(&bundle, SLOT_FD_NODE, 0, slot->sup->node_fd);
	add(&bundle, SLOT_FD_HANDOFF, 0, slot->handoff_end);
	if (slot_is_gateway(slot))
		add_gateway(&bundle, slot);
	else
		add_relay(&bundle, slot);
	rc = send_bundle(&slot->to_keeper, &bundle);
	/* With a copy here the channel would never end with the slot. */
	fd_close(&slot->tenant_end);
	fd_close(&slot->handoff_end);
	if (rc == 0)
		rc = send_start(slot);
	return rc;
}

/* Named, but with nothing to send along. */
static void
add_name(struct bundle *bundle, enum slot_fd_kind kind, uint32_t index)
{
	add(bundle, kind, index, 0);
}

static void
add_removed_listeners(struct bundle *bundle, const struct listener_set *set)
{
	uint32_t i;

	for (i = 0; i < set->count; i++) {
		if (set->clients[i].fd == -1)
			add_name(bundle, SLOT_FD_LISTENER, i);
	}
}

static void
add_removed_slots(struct bundle *bundle, const struct supervisor *sup)
{
	uint32_t i;

	for (i = sup->gateways; i < sup->resizer.most; i++) {
		add_name(bundle, SLOT_FD_TABLE, i);
		add_name(bundle, SLOT_FD_RING_UP, i);
		add_name(bundle, SLOT_FD_RING_UP_EVENT, i);
		add_name(bundle, SLOT_FD_RING_DOWN, i);
		add_name(bundle, SLOT_FD_RING_DOWN_EVENT, i);
	}
}

/* What the tenant is to take out of its directory, whether it is there or
 * not: it may be on its way. */
static int
send_forget(struct slot *slot)
{
	static struct bundle bundle;
	Holdfast__Forget forget = HOLDFAST__FORGET__INIT;

	bundle.count = 0;
	if (slot_is_gateway(slot))
		add_removed_listeners(&bundle, &slot->sup->listeners);
	else
		add_removed_slots(&bundle, slot->sup);
	if (bundle.count == 0)
		return 0;
	forget.n_spec = (size_t)bundle.count;
	forget.spec = bundle.list;
	return slot_link_send(&slot->to_tenant, MSG_FORGET, &forget.base, NULL,
	    0);
}

int
slot_link_refresh(struct slot *slot)
{
	static struct bundle bundle;
	int rc;

	bundle.count = 0;
	add(&bundle, SLOT_FD_LOG, 0, slot_spawn_log_fd(slot->sup));
	if (slot_is_gateway(slot))
		add_gateway_news(&bundle, slot);
	else
		add_relay(&bundle, slot);
	rc = send_bundle(&slot->to_tenant, &bundle);
	return rc != 0 ? rc : send_forget(slot);
}

/* Before its own set-up a relay gets everything anyway. */
static bool
is_set_up(const struct slot *relay)
{
	return relay->state != SLOT_DOWN && relay->state != SLOT_STARTING &&
	    relay->to_tenant.channel.fd != -1;
}

static int
tell_relay(struct slot *relay, const struct slot *from, bool with_rings)
{
	struct bundle bundle = { .count = 0 };

	if (!is_set_up(relay))
		return 0;
	add(&bundle, SLOT_FD_TABLE, from->number, from->memory.table_fd);
	if (with_rings)
		add_rings(&bundle, from);
	return send_bundle(&relay->to_tenant, &bundle);
}

int
slot_link_tell_relay(struct slot *relay, const struct slot *from)
{
	return tell_relay(relay, from, true);
}

int
slot_link_tell_table(struct slot *relay, const struct slot *from)
{
	return tell_relay(relay, from, false);
}
