/* SPDX-License-Identifier: ISC */
/*
 * Adoption of a slot's connections, see adopt.h.  The interrupted step itself
 * is settled in adopt_step.c.
 */
#include "worker/gateway/adopt.h"

#include <sys/socket.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "worker/gateway/accept.h"
#include "worker/gateway/adopt_step.h"
#include "worker/gateway/conn.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/heartbeat.h"
#include "worker/gateway/settle.h"

#define ADOPT_MAX_FDS (1u << 22)

/*
 * The connection was dying: its fd may be closed already and the number used
 * anew.  Settle that now, while nobody in this process opens fds.
 */
static void
adopt_dying(struct gateway *g)
{
	const struct step *s = &g->slot->step;
	struct record_body body;

	if (atomic_load(&s->kind) == STEP_NONE ||
	    atomic_load(&s->phase) == STEP_ANNOUNCED ||
	    s->rec >= g->table.capacity)
		return;
	body = g->table.records[s->rec].body;
	if (body.state != RECORD_DYING || body.fd < 0)
		return;
	if (settle_is_client(body.fd))
		(void)close(body.fd);
	body.fd = -1;
	table_write(&g->table, s->rec, &body);
	g->slot->journal[0].body.fd = -1;
	g->slot->journal[1].body.fd = -1;
}

static void
on_bad_record(uint32_t rec, void *arg)
{
	struct gateway *g = arg;
	struct record_body body = g->table.records[rec].body;

	log_error("record_invalid", "connection is given up",
	    log_uint("record", rec), log_uint("state", body.state));
	counter_add(gateway_counters(g), COUNTER_CLOSE_INVALID, 1);
	body.state = RECORD_FREE;
	body.fd = -1;
	body.busy = 0;
	body.flags = 0;
	body.id_len = 0;
	table_write(&g->table, rec, &body);
	table_give_back(&g->table, rec);
	/* Nobody can say any more whose route it was. */
	atomic_fetch_add(&g->slot->resync_wanted, 1);
}

static int
adopt_known_fds(struct gateway *g)
{
	uint32_t high = atomic_load(&g->slot->high_water);
	uint32_t max = 0;

	for (uint32_t i = 0; i < high; i++) {
		const struct record_body *b = &g->table.records[i].body;

		if (b->state != RECORD_FREE && b->fd >= 0 &&
		    (uint32_t)b->fd < ADOPT_MAX_FDS && (uint32_t)b->fd >= max)
			max = (uint32_t)b->fd + 1;
	}
	/* One byte per fd: 1 = a record's, 3 = and really open. */
	g->known_fds = calloc(max + 1, 1);
	if (g->known_fds == NULL)
		return -ENOMEM;
	g->known_max = max;
	for (uint32_t i = 0; i < high; i++) {
		const struct record_body *b = &g->table.records[i].body;

		if (b->state != RECORD_FREE && b->fd >= 0 &&
		    (uint32_t)b->fd < max)
			g->known_fds[b->fd] = 1;
	}
	return 0;
}

int
adopt_records(struct gateway *g)
{
	const struct step *s = &g->slot->step;
	int rc;

	if (atomic_load(&s->kind) != STEP_NONE &&
	    atomic_load(&s->phase) != STEP_ANNOUNCED)
		step_apply_journal(g, true);
	adopt_dying(g);
	rc = table_adopt(&g->table, on_bad_record, g);
	if (rc != 0)
		return rc;
	return adopt_known_fds(g);
}

bool
adopt_knows_fd(struct gateway *g, int fd)
{
	if (fd < 0 || (uint32_t)fd >= g->known_max || g->known_fds[fd] == 0)
		return false;
	g->known_fds[fd] |= 2;
	return true;
}

/* The listener whose port the socket's own address bears; -1: none. */
static int
adopt_listener_of(const struct gateway *g, int fd)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct ipaddr addr;
	uint16_t port;

	if (!settle_is_client(fd) ||
	    getsockname(fd, (struct sockaddr *)&sa, &len) != 0 ||
	    ipaddr_from_sockaddr((struct sockaddr *)&sa, &addr, &port) != 0)
		return -1;
	for (int i = 0; i < (int)SLOT_MAX_LISTENERS; i++)
		if (g->listeners[i].fd >= 0 && g->listeners[i].port == port)
			return i;
	return -1;
}

bool
adopt_claims_fd(struct gateway *g, int fd)
{
	int *more;

	if (adopt_listener_of(g, fd) < 0)
		return false;
	more = realloc(g->orphans, (g->orphan_count + 1) * sizeof(*more));
	if (more == NULL)
		return false;
	g->orphans = more;
	g->orphans[g->orphan_count++] = fd;
	return true;
}

/* Something was read or written: it was being turned away. */
static bool
adopt_is_touched(int fd)
{
	uint64_t taken = 0, given = 0;

	return settle_counts(fd, false, &taken, &given) == 0 &&
	    taken + given > 0;
}

/* Accepted by the tenant that died, but in no record: nothing was read. */
static uint32_t
adopt_orphans(struct gateway *g)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < g->orphan_count; i++) {
		struct sockaddr_storage sa;
		socklen_t len = sizeof(sa);
		int fd = g->orphans[i];
		int listener = adopt_listener_of(g, fd);

		if (listener < 0 || adopt_is_touched(fd) ||
		    getpeername(fd, (struct sockaddr *)&sa, &len) != 0) {
			(void)close(fd);
			continue;
		}
		if (accept_take(g, (uint32_t)listener, fd,
			(struct sockaddr *)&sa, true) == 0)
			kept++;
	}
	free(g->orphans);
	g->orphans = NULL;
	g->orphan_count = 0;
	counter_add(gateway_counters(g), COUNTER_ORPHANS_KEPT, kept);
	return kept;
}

/* Tells the allocator which blocks the record holds.  false: nonsense. */
static bool
adopt_blocks(struct gateway *g, const struct record_body *b)
{
	const struct record_busy *busy;

	if (b->busy == 0)
		return true;
	if (arena_mark(g->arena, b->busy, sizeof(*busy)) != 0)
		return false;
	busy = arena_at(g->arena, b->busy);
	if (busy->in_ref != 0 &&
	    (busy->in_len > busy->in_cap ||
		arena_mark(g->arena, busy->in_ref, busy->in_cap) != 0))
		return false;
	return busy->out_ref == 0 ||
	    (busy->out_len <= busy->out_cap &&
		arena_mark(g->arena, busy->out_ref, busy->out_cap) == 0);
}

static bool
adopt_record(struct gateway *g, uint32_t rec)
{
	const struct record_body *b = &g->table.records[rec].body;

	/* One that was dying has no fd any more; the interrupted step buries
	 * it and takes it off the counts again. */
	if (b->state != RECORD_DYING &&
	    (b->fd < 0 || (uint32_t)b->fd >= g->known_max ||
		!(g->known_fds[b->fd] & 2) || !adopt_blocks(g, b)))
		return false;
	if (b->flags & RECORD_INDEXED)
		g->open++;
	if (step_is_held(b))
		g->held++;
	if (b->flags & RECORD_COUNTED)
		(void)node_ip_add(&g->worker->node, g->worker->slot_no,
		    conn_address_key(g, b->addr));
	return true;
}

void
adopt_connections(struct gateway *g, Holdfast__Serving *out)
{
	uint32_t high = atomic_load(&g->slot->high_water);

	node_ip_clear(&g->worker->node, g->worker->slot_no);
	for (uint32_t i = 0; i < high; i++) {
		timer_wheel_reset(&g->wheel, i);
		if ((i & 1023) == 0)
			worker_beat(g->worker);
		if (g->table.records[i].body.state == RECORD_FREE)
			continue;
		if (adopt_record(g, i)) {
			heartbeat_arm(g, i);
			out->adopted++;
		} else {
			out->discarded++;
			table_index_drop(&g->table, i);
			on_bad_record(i, g);
		}
	}
	arena_trim(g->arena);
	out->orphans = adopt_orphans(g);
	adopt_step(g);
	conn_settle_kick(g);
	free(g->known_fds);
	g->known_fds = NULL;
	g->known_max = 0;
	counter_add(gateway_counters(g), COUNTER_ADOPTED, out->adopted);
	gateway_publish(g);
}
