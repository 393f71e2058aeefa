/* SPDX-License-Identifier: ISC */
/*
 * What the rest of the supervisor asks of a slot (see slot.h): start, stop,
 * drain, recycle, new settings.
 */
#include <errno.h>

#include "lib/log.h"
#include "supervisor/slot_link.h"
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
	slot_feed(slot, SLOT_EV_STOP);
	/* The second one kills. */
	if (now && slot->state == SLOT_STOPPING)
		slot_feed(slot, SLOT_EV_STOP);
}

int
slot_drain(struct slot *slot, uint32_t code, uint64_t window_ms, bool leave)
{
	Holdfast__Drain drain = HOLDFAST__DRAIN__INIT;

	slot->drained = false;
	drain.close_code = code;
	drain.window_ms = window_ms;
	drain.has_leave = 1;
	drain.leave = leave;
	return slot_link_send(&slot->to_tenant, MSG_DRAIN, &drain.base, NULL,
	    0);
}

int
slot_undrain(struct slot *slot)
{
	Holdfast__Drain drain = HOLDFAST__DRAIN__INIT;

	slot->drained = false;
	drain.has_undo = 1;
	drain.undo = 1;
	return slot_link_send(&slot->to_tenant, MSG_DRAIN, &drain.base, NULL,
	    0);
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

int
slot_send_log_level(struct slot *slot, const char *level)
{
	Holdfast__LogLevel message = HOLDFAST__LOG_LEVEL__INIT;
	char text[16];

	slot_set_keeper_log(slot);
	snprintf(text, sizeof(text), "%s", level);
	message.level = text;
	return slot_link_send(&slot->to_tenant, MSG_LOG_LEVEL, &message.base,
	    NULL, 0);
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
slot_send_log(struct slot *slot, int fd)
{
	return send_fd(slot, SLOT_FD_LOG, fd);
}
