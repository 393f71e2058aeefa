/* SPDX-License-Identifier: ISC */
/*
 * The fds of a claim (see slot_adopt.h): checked as what a compromised gateway
 * may send, and taken into the slot, the node and the set of listeners.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "supervisor/slot/slot_adopt.h"
#include "supervisor/slot/slot_link.h"
#include "supervisor/supervisor.h"

/* The claimed fd of that kind, taken out of the message; -1: none. */
static int
take(const struct slot_claim *claim, enum slot_fd_kind kind, uint32_t index)
{
	const Holdfast__Claim *body =
	    (const Holdfast__Claim *)claim->message->body;
	size_t i;

	for (i = 0; i < body->n_spec; i++) {
		int fd = claim->message->fds[i];

		if (fd == -1 || body->spec[i]->kind != (uint32_t)kind ||
		    body->spec[i]->index != index)
			continue;
		claim->message->fds[i] = -1;
		return fd;
	}
	return -1;
}

static uint64_t
inode_of(int fd)
{
	struct stat st;

	return fd != -1 && fstat(fd, &st) == 0 ? st.st_ino : 0;
}

/* Nobody can make us fault by shrinking it. */
static bool
is_sealed(int fd)
{
	int seals = fd == -1 ? -1 : fcntl(fd, F_GET_SEALS);

	return seals != -1 && (seals & F_SEAL_SHRINK) != 0;
}

static bool
is_eventfd(int fd)
{
	char path[64], target[64];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = readlink(path, target, sizeof(target) - 1);
	if (fd == -1 || len == -1)
		return false;
	target[len] = '\0';
	return strcmp(target, "anon_inode:[eventfd]") == 0;
}

static const char *
attach_table(const struct slot *slot, struct slot_memory *memory)
{
	const struct slot_header *header;

	if (!is_sealed(memory->table_fd))
		return "its table is not sealed";
	if (table_attach_any(&memory->table, memory->table_fd, 1) != 0)
		return "its table is none";
	header = memory->table.header;
	if (header->kind != (uint32_t)slot->kind ||
	    header->slot != slot->number || header->nonce != slot->nonce)
		return "its table is another slot's";
	return NULL;
}

static const char *
attach_rings(struct slot_memory *memory)
{
	if (!is_sealed(memory->arena_fd))
		return "its arena is not sealed";
	if (!is_sealed(memory->ring_up_fd) || !is_sealed(memory->ring_down_fd))
		return "its rings are not sealed";
	if (!is_eventfd(memory->ring_up_event) ||
	    !is_eventfd(memory->ring_down_event))
		return "its rings have no eventfds";
	if (ring_attach(&memory->ring_up, memory->ring_up_fd,
		memory->ring_up_event) != 0 ||
	    ring_attach(&memory->ring_down, memory->ring_down_fd,
		memory->ring_down_event) != 0)
		return "its rings are none";
	return NULL;
}

static const char *
take_memory(struct slot *slot, const struct slot_claim *claim)
{
	struct slot_memory memory;
	const char *fault;

	/* Only the channel was lost. */
	if (slot->memory.table.header != NULL &&
	    slot->memory.table.header->nonce == slot->nonce)
		return NULL;
	slot_memory_init(&memory);
	memory.table_fd = take(claim, SLOT_FD_TABLE, SLOT_FD_OWN);
	fault = attach_table(slot, &memory);
	if (fault == NULL && slot_is_gateway(slot)) {
		uint32_t index = slot->number;

		memory.arena_fd = take(claim, SLOT_FD_ARENA, 0);
		memory.ring_up_fd = take(claim, SLOT_FD_RING_UP, index);
		memory.ring_up_event = take(claim, SLOT_FD_RING_UP_EVENT,
		    index);
		memory.ring_down_fd = take(claim, SLOT_FD_RING_DOWN, index);
		memory.ring_down_event = take(claim, SLOT_FD_RING_DOWN_EVENT,
		    index);
		fault = attach_rings(&memory);
	}
	if (fault != NULL) {
		slot_memory_close(&memory);
		return fault;
	}
	slot_memory_close(&slot->memory);
	slot->memory = memory;
	return NULL;
}

/* All slots of a node share one node memfd; which it is, is in the list. */
static const char *
take_node(struct supervisor *sup, const struct slot_claim *claim)
{
	int fd = take(claim, SLOT_FD_NODE, 0);
	uint64_t wanted = sup->node_fd == -1 ? sup->readopt.node_inode :
					       inode_of(sup->node_fd);
	const char *fault = NULL;

	if (!is_sealed(fd))
		fault = "its node memory is not sealed";
	else if (inode_of(fd) != wanted)
		fault = "it belongs to another node";
	else if (sup->node_fd == -1 && node_attach(&sup->node, fd) != 0)
		fault = "its node memory is none";
	if (fault != NULL || sup->node_fd != -1) {
		fd_close(&fd);
		return fault;
	}
	sup->node_fd = fd;
	memcpy(sup->hash_key, sup->node.shared->hash_key,
	    sizeof(sup->hash_key));
	return NULL;
}

static void
take_listeners(struct supervisor *sup, const struct slot_claim *claim)
{
	const struct settings *settings = &sup->conf.settings;
	uint32_t i;

	for (i = 0; i < SLOT_MAX_LISTENERS; i++)
		listener_set_adopt(&sup->listeners, settings, i,
		    take(claim, SLOT_FD_LISTENER, i));
	listener_set_adopt_single(&sup->listeners, settings, LISTENER_API,
	    take(claim, SLOT_FD_API_LISTENER, 0));
	listener_set_adopt_single(&sup->listeners, settings, LISTENER_PEERS,
	    take(claim, SLOT_FD_PEER_LISTENER, 0));
}

/* The gateways' tables that the relay knows. */
static void
note_tables(struct supervisor *sup, const struct slot_claim *claim)
{
	uint32_t i;

	for (i = 0; i < SLOT_MAX_WORKERS; i++) {
		int fd = take(claim, SLOT_FD_TABLE, i);

		sup->readopt.relay_tables[i] = inode_of(fd);
		/* Perhaps one that was removed, but not told of yet. */
		if (fd != -1 && sup->resizer.most <= i)
			sup->resizer.most = i + 1;
		fd_close(&fd);
	}
}

const char *
slot_adopt_memory(struct slot *slot, const struct slot_claim *claim)
{
	struct supervisor *sup = slot->sup;
	const char *fault = take_node(sup, claim);

	slot_adopt_choose(slot, claim->pid);
	if (fault == NULL)
		fault = take_memory(slot, claim);
	if (fault != NULL)
		return fault;
	take_listeners(sup, claim);
	if (slot->kind == SLOT_KIND_RELAY)
		note_tables(sup, claim);
	return NULL;
}
