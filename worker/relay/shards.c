/* SPDX-License-Identifier: ISC */
/*
 * Mapping of the gateways' tables and rings, lookup over all of them and the
 * writing end of the rings.  What is read here comes from processes that face
 * the internet: table.c and ring.c copy and check it.
 */
#include "worker/relay/shards.h"

#include <errno.h>
#include <string.h>

#include "proto/ring_messages.h"
#include "proto/slot_owner.h"

#define BUSY_TRIES 3 /* on top of the table's own */

void
shards_init(struct shards *shards)
{
	memset(shards, 0, sizeof(*shards));
}

static int
attach_rings(struct shard *shard, const struct worker *worker, uint32_t slot)
{
	int up, up_event, down, down_event, rc;

	up = worker_fd(worker, SLOT_FD_RING_UP, slot);
	up_event = worker_fd(worker, SLOT_FD_RING_UP_EVENT, slot);
	down = worker_fd(worker, SLOT_FD_RING_DOWN, slot);
	down_event = worker_fd(worker, SLOT_FD_RING_DOWN_EVENT, slot);
	if (up < 0 || up_event < 0 || down < 0 || down_event < 0)
		return -ENOENT;
	rc = ring_attach(&shard->up, up, up_event);
	if (rc != 0)
		return rc;
	rc = ring_attach(&shard->down, down, down_event);
	if (rc != 0)
		ring_detach(&shard->up);
	return rc;
}

int
shards_attach(struct shards *shards, const struct worker *worker, uint32_t slot)
{
	struct shard *shard = &shards->items[slot];
	int fd, rc;

	fd = worker_fd(worker, SLOT_FD_TABLE, slot);
	if (fd < 0)
		return -ENOENT;
	rc = table_attach_any(&shard->table, fd, 0);
	if (rc != 0)
		return rc;
	rc = attach_rings(shard, worker, slot);
	if (rc != 0) {
		table_detach(&shard->table);
		return rc;
	}
	shard->attached = true;
	ring_wake_surely(&shard->down);
	if (shards->end <= slot)
		shards->end = slot + 1;
	return 0;
}

void
shards_detach(struct shards *shards, uint32_t slot)
{
	struct shard *shard = &shards->items[slot];

	if (!shard->attached)
		return;
	ring_detach(&shard->up);
	ring_detach(&shard->down);
	table_detach(&shard->table);
	memset(shard, 0, sizeof(*shard));
	while (shards->end > 0 && !shards->items[shards->end - 1].attached)
		shards->end--;
}

bool
shards_follow(struct shards *shards, const struct worker *worker, uint32_t slot)
{
	struct shard *shard = &shards->items[slot];
	struct table table;

	if (!shard->attached ||
	    table_attach_any(&table, worker_fd(worker, SLOT_FD_TABLE, slot),
		0) != 0)
		return false;
	if (table.header->nonce != shard->table.header->nonce) {
		table_detach(&table);
		return false;
	}
	table_detach(&shard->table);
	shard->table = table;
	return true;
}

bool
shards_gives_way(const struct record_body *a, uint32_t slot_a,
    const struct record_body *b, uint32_t slot_b)
{
	if (a->established_us != b->established_us)
		return a->established_us < b->established_us;
	return slot_a < slot_b;
}

int
shards_find(const struct shards *shards, const char *id, size_t len,
    uint32_t *out_slot, struct record_view *out_view)
{
	struct record_view view;
	uint32_t slot, found = UINT32_MAX;
	int rc, tries;

	for (slot = 0; slot < shards->end; slot++) {
		if (!shards->items[slot].attached)
			continue;
		rc = -EAGAIN;
		for (tries = 0; rc == -EAGAIN && tries < BUSY_TRIES; tries++)
			rc = table_find(&shards->items[slot].table, id, len,
			    &view);
		/* Who has connected since is in a table that is on its way. */
		if (rc == -ENOENT &&
		    slot_owner_has_moved(
			&shards->items[slot].table.header->owner))
			return -EAGAIN;
		if (rc == -EAGAIN)
			return -EAGAIN;
		if (rc != 0)
			continue;
		if (found != UINT32_MAX &&
		    shards_gives_way(&view.body, slot, &out_view->body, found))
			continue;
		found = slot;
		*out_view = view;
	}
	if (found == UINT32_MAX)
		return -ENOENT;
	*out_slot = found;
	return 0;
}

int
shards_put(struct shards *shards, uint32_t slot, uint16_t kind,
    const struct ring_part *part, int parts)
{
	struct shard *shard;
	uint64_t seq;
	int rc;

	if (slot >= shards->end || !shards->items[slot].attached)
		return -ENOTCONN;
	shard = &shards->items[slot];
	rc = ring_put(&shard->down, kind, part, parts, &seq);
	shard->wake = true;
	return rc;
}

int
shards_put_kick(struct shards *shards, const struct shard_target *target,
    uint64_t token, uint16_t code, const char *reason)
{
	struct ring_kick kick;
	struct ring_part part[2];

	memset(&kick, 0, sizeof(kick));
	kick.token = token;
	kick.rec = target->rec;
	kick.gen = target->gen;
	kick.code = code;
	part[0] = (struct ring_part){ &kick, sizeof(kick) };
	part[1] = (struct ring_part){ reason, strlen(reason) };
	return shards_put(shards, target->slot, RING_KICK, part, 2);
}

void
shards_wake(struct shards *shards)
{
	uint32_t slot;

	for (slot = 0; slot < shards->end; slot++) {
		if (!shards->items[slot].wake)
			continue;
		shards->items[slot].wake = false;
		crash_mark();
		if (shards->items[slot].attached)
			ring_wake(&shards->items[slot].down);
	}
}
