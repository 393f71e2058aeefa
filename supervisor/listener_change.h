/* SPDX-License-Identifier: ISC */
/*
 * Another list of listen sockets for a running node, in two steps: new ones are
 * opened first, which may fail and then changes nothing; committed with the
 * rest of a reload, they join the set and those not listed any more leave it.
 * One with the same address and port stays open as it is.
 */
#ifndef HOLDFAST_SUPERVISOR_LISTENER_CHANGE_H
#define HOLDFAST_SUPERVISOR_LISTENER_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/listener.h"

struct listener_change {
	struct listener fresh[SETTINGS_MAX_LISTEN];
	uint32_t place[SETTINGS_MAX_LISTEN]; /* of the fresh ones */
	uint32_t fresh_count;
	bool keeps[SLOT_MAX_LISTENERS];
	struct settings_listen kept[SLOT_MAX_LISTENERS]; /* what is asked */
};

/* Does a connection still name this place, whose listener is gone? */
typedef bool listener_used_cb(uint32_t place, void *arg);

/* 0, or -errno with nothing left open: *out_index is that of the address in
 * the list that cannot be had.  -ENOSPC: connections name all places. */
int listener_change_prepare(struct listener_change *change,
    const struct listener_set *set, const struct settings *settings,
    listener_used_cb *is_used, void *arg, uint32_t *out_index);
/* The gateways are to be told afterwards. */
void listener_change_commit(struct listener_change *change,
    struct listener_set *set);

#endif
