/* SPDX-License-Identifier: ISC */
/*
 * The words under which the values of proto's enums reach logs, metrics and
 * holdfastctl.  A value from shared memory may be anything, so every function
 * takes a number and answers "unknown" beyond its table.
 */
#include <stddef.h>

#include "proto/message.h"
#include "proto/record.h"
#include "proto/slot.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *
name_of(const char *const *names, size_t count, uint32_t value)
{
	if (value >= count || names[value] == NULL)
		return "unknown";
	return names[value];
}

const char *
slot_kind_name(uint32_t kind)
{
	static const char *const names[] = {
		[SLOT_KIND_GATEWAY] = "gateway",
		[SLOT_KIND_RELAY] = "relay",
		[SLOT_KIND_AUDIT] = "audit",
	};

	return name_of(names, COUNT(names), kind);
}

const char *
slot_fd_kind_name(uint32_t kind)
{
	static const char *const names[SLOT_FD_KIND_MAX] = {
		[SLOT_FD_NONE] = "none",
		[SLOT_FD_KEEPER_CHANNEL] = "keeper_channel",
		[SLOT_FD_TENANT_CHANNEL] = "tenant_channel",
		[SLOT_FD_TABLE] = "table",
		[SLOT_FD_ARENA] = "arena",
		[SLOT_FD_NODE] = "node",
		[SLOT_FD_LISTENER] = "listener",
		[SLOT_FD_EPOLL] = "epoll",
		[SLOT_FD_RING_UP] = "ring_up",
		[SLOT_FD_RING_UP_EVENT] = "ring_up_event",
		[SLOT_FD_RING_DOWN] = "ring_down",
		[SLOT_FD_RING_DOWN_EVENT] = "ring_down_event",
		[SLOT_FD_API_LISTENER] = "api_listener",
		[SLOT_FD_PEER_LISTENER] = "peer_listener",
		[SLOT_FD_SETTINGS] = "settings",
		[SLOT_FD_LOG] = "log",
		[SLOT_FD_HANDOFF] = "handoff",
		[SLOT_FD_GIVEN_TABLE] = "given_table",
	};

	return name_of(names, COUNT(names), kind);
}

const char *
tenant_state_name(uint32_t state)
{
	static const char *const names[TENANT_STATE_MAX] = {
		[TENANT_NONE] = "none",
		[TENANT_ADOPTING] = "adopting",
		[TENANT_SERVING] = "serving",
		[TENANT_DRAINING] = "draining",
		[TENANT_LEAVING] = "leaving",
	};

	return name_of(names, COUNT(names), state);
}

const char *
step_kind_name(uint32_t kind)
{
	static const char *const names[STEP_KIND_MAX] = {
		[STEP_NONE] = "none",
		[STEP_ACCEPT] = "accept",
		[STEP_READ] = "read",
		[STEP_WRITE] = "write",
		[STEP_DELIVER] = "deliver",
		[STEP_TIMER] = "timer",
		[STEP_CLOSE] = "close",
		[STEP_DEATH] = "death",
	};

	return name_of(names, COUNT(names), kind);
}

const char *
record_state_name(uint32_t state)
{
	static const char *const names[RECORD_STATE_MAX] = {
		[RECORD_FREE] = "free",
		[RECORD_HANDSHAKE] = "handshake",
		[RECORD_OPEN] = "open",
		[RECORD_CLOSING] = "closing",
		[RECORD_LINGER] = "linger",
		[RECORD_DYING] = "dying",
	};

	return name_of(names, COUNT(names), state);
}

const char *
slot_routes_name(uint32_t state)
{
	static const char *const names[SLOT_ROUTES_MAX] = {
		[SLOT_ROUTES_AWAY] = "away",
		[SLOT_ROUTES_PURGING] = "purging",
		[SLOT_ROUTES_WRITING] = "writing",
		[SLOT_ROUTES_SYNCED] = "synced",
	};

	return name_of(names, COUNT(names), state);
}

const char *
slot_path_name(uint32_t path)
{
	static const char *const names[SLOT_PATH_MAX] = {
		[SLOT_PATH_CHANNEL] = "channel",
		[SLOT_PATH_INBOX] = "inbox",
	};

	return name_of(names, COUNT(names), path);
}

const char *
slot_hearing_name(uint32_t hearing)
{
	static const char *const names[SLOT_HEARING_MAX] = {
		[SLOT_HEARS] = "hears",
		[SLOT_HEARING_TRIED] = "tried",
		[SLOT_HEARING_RENEWED] = "renewed",
		[SLOT_DEAF] = "deaf",
	};

	return name_of(names, COUNT(names), hearing);
}

const char *
peer_role_name(enum peer_role role)
{
	static const char *const names[] = {
		[PEER_SUPERVISOR] = "supervisor",
		[PEER_KEEPER] = "keeper",
		[PEER_TENANT] = "tenant",
		[PEER_GIVER] = "giver",
		[PEER_TAKER] = "taker",
		[PEER_OUTGOING] = "outgoing",
		[PEER_INCOMING] = "incoming",
	};

	return name_of(names, COUNT(names), (uint32_t)role);
}
