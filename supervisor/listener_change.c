/* SPDX-License-Identifier: ISC */
/*
 * Changes the listen sockets of a running node (see listener_change.h).
 */
#include "supervisor/listener_change.h"

#include <errno.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/log.h"

/* The place of the listener that has just this address and port. */
static bool
keep(struct listener_change *change, const struct listener_set *set,
    const struct settings_listen *listen)
{
	uint32_t p;

	for (p = 0; p < set->count; p++) {
		const struct listener *have = &set->clients[p];

		if (have->fd == -1 || change->keeps[p] ||
		    have->asked_port != listen->port ||
		    strcmp(have->address, listen->address) != 0)
			continue;
		change->keeps[p] = true;
		change->kept[p] = *listen;
		return true;
	}
	return false;
}

static bool
is_taken(const struct listener_change *change, uint32_t place)
{
	uint32_t i;

	for (i = 0; i < change->fresh_count; i++) {
		if (change->place[i] == place)
			return true;
	}
	return false;
}

/* One that nobody had before, or else one whose connections are all gone. */
static int
find_place(const struct listener_change *change, const struct listener_set *set,
    listener_used_cb *is_used, void *arg, uint32_t *out_place)
{
	uint32_t p;

	for (p = 0; p < SLOT_MAX_LISTENERS; p++) {
		if (set->clients[p].address[0] == '\0' &&
		    !is_taken(change, p)) {
			*out_place = p;
			return 0;
		}
	}
	for (p = 0; p < SLOT_MAX_LISTENERS; p++) {
		if (set->clients[p].fd == -1 && !is_taken(change, p) &&
		    !is_used(p, arg)) {
			*out_place = p;
			return 0;
		}
	}
	return -ENOSPC;
}

static int
add(struct listener_change *change, const struct listener_set *set,
    const struct settings_listen *listen, listener_used_cb *is_used, void *arg)
{
	struct listener *fresh = &change->fresh[change->fresh_count];
	uint32_t place;
	int rc;

	rc = find_place(change, set, is_used, arg, &place);
	if (rc != 0)
		return rc;
	memset(fresh, 0, sizeof(*fresh));
	fresh->fd = -1;
	rc = listener_open_client(fresh, listen);
	if (rc == 0)
		change->place[change->fresh_count++] = place;
	return rc;
}

int
listener_change_prepare(struct listener_change *change,
    const struct listener_set *set, const struct settings *settings,
    listener_used_cb *is_used, void *arg, uint32_t *out_index)
{
	bool kept[SETTINGS_MAX_LISTEN] = { false };
	uint32_t i;
	int rc = 0;

	memset(change, 0, sizeof(*change));
	for (i = 0; i < settings->listen_count; i++)
		kept[i] = keep(change, set, &settings->listen[i]);
	for (i = 0; rc == 0 && i < settings->listen_count; i++) {
		if (kept[i])
			continue;
		*out_index = i;
		rc = add(change, set, &settings->listen[i], is_used, arg);
	}
	while (rc != 0 && change->fresh_count > 0)
		fd_close(&change->fresh[--change->fresh_count].fd);
	return rc;
}

static void
remove_listener(struct listener *listener)
{
	log_info("listener_removed", "its connections stay",
	    log_text("address", listener->address),
	    log_uint("port", listener->port));
	fd_close(&listener->fd);
}

void
listener_change_commit(struct listener_change *change, struct listener_set *set)
{
	uint32_t i, p;

	for (p = 0; p < set->count; p++) {
		struct listener *have = &set->clients[p];

		if (have->fd == -1)
			continue;
		if (!change->keeps[p])
			remove_listener(have);
		else if (have->asked_backlog != change->kept[p].backlog)
			listener_set_backlog(have, &change->kept[p]);
	}
	for (i = 0; i < change->fresh_count; i++) {
		p = change->place[i];
		set->clients[p] = change->fresh[i];
		if (set->count <= p)
			set->count = p + 1;
		listener_tell(&set->clients[p], "clients");
	}
	change->fresh_count = 0;
}
