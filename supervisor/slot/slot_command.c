/* SPDX-License-Identifier: ISC */
/*
 * What the rest of the supervisor asks of a slot (see slot.h): start, stop,
 * drain, recycle, new settings.
 */
#include <errno.h>

#include "lib/log.h"
#include "supervisor/slot/slot_handoff.h"
#include "supervisor/slot/slot_link.h"
#include "supervisor/slot/slot_spawn.h"
#include "supervisor/supervisor.h"

bool
slot_is_gateway(const struct slot *slot)
{
	return slot->kind == SLOT_KIND_GATEWAY;
}

bool
slot_has_tenant(const struct slot *slot)
{
	switch (slot->state) {
	case SLOT_ADOPTING:
	case SLOT_SERVING:
	case SLOT_STALLED:
	case SLOT_EVACUATING:
	case SLOT_KEEPER_LOST:
		return true;
	default:
		return false;
	}
}

void
slot_start(struct slot *slot)
{
	slot_feed(slot, SLOT_EV_START);
}

void
slot_stop(struct slot *slot, bool now)
{
	slot = slot_handoff_end(slot, "the slot is stopped");
	slot_feed(slot, SLOT_EV_STOP);
	/* The second one kills. */
	if (now && slot->state == SLOT_STOPPING)
		slot_feed(slot, SLOT_EV_STOP);
}

static int
order_drain(struct slot *slot, const Holdfast__Drain *order)
{
	slot->drained = false;
	return slot_link_send(&slot->to_tenant, MSG_DRAIN, &order->base, NULL,
	    0);
}

int
slot_drain(struct slot *slot, uint32_t code, uint64_t window_ms,
    uint64_t hint_ms, bool leave)
{
	Holdfast__Drain order = HOLDFAST__DRAIN__INIT;

	order.close_code = code;
	order.window_ms = window_ms;
	order.has_hint_ms = hint_ms > 0;
	order.hint_ms = hint_ms;
	order.has_leave = 1;
	order.leave = leave;
	return order_drain(slot, &order);
}

int
slot_cut(struct slot *slot)
{
	Holdfast__Drain order = HOLDFAST__DRAIN__INIT;

	order.close_code = DRAIN_CLOSE_CODE;
	order.has_cut = 1;
	order.cut = 1;
	return order_drain(slot, &order);
}

int
slot_undrain(struct slot *slot)
{
	Holdfast__Drain order = HOLDFAST__DRAIN__INIT;

	order.has_undo = 1;
	order.undo = 1;
	return order_drain(slot, &order);
}

int
slot_recycle(struct slot *slot)
{
	Holdfast__Recycle recycle = HOLDFAST__RECYCLE__INIT;

	return slot_link_send(&slot->to_tenant, MSG_RECYCLE, &recycle.base,
	    NULL, 0);
}

void
slot_set_keeper_log(struct slot *slot)
{
	struct slot_header *header = slot->memory.table.header;

	if (header == NULL)
		return;
	atomic_store(&header->log_level, (uint32_t)log_get_level());
	atomic_store(&header->log_format,
	    (uint32_t)slot->sup->conf.settings.log.format);
}

static int
send_fd(struct slot *slot, enum slot_fd_kind kind, int fd)
{
	Holdfast__Fds__Spec spec = HOLDFAST__FDS__SPEC__INIT;
	Holdfast__Fds__Spec *specs[] = { &spec };
	Holdfast__Fds fds = HOLDFAST__FDS__INIT;

	if (fd == -1)
		return -EBADF;
	spec.kind = kind;
	spec.index = 0;
	fds.n_spec = 1;
	fds.spec = specs;
	return slot_link_send(&slot->to_tenant, MSG_FDS, &fds.base, &fd, 1);
}

int
slot_send_settings(struct slot *slot)
{
	slot_set_keeper_log(slot);
	return send_fd(slot, SLOT_FD_SETTINGS,
	    slot_is_gateway(slot) ? slot->sup->gateway_settings :
				    slot->sup->relay_settings);
}

int
slot_send_log(struct slot *slot)
{
	return send_fd(slot, SLOT_FD_LOG, slot_spawn_log_fd(slot->sup));
}
