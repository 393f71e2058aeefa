/* SPDX-License-Identifier: ISC */
/*
 * Takes over the slots that another supervisor has left (see readopt.h).
 */
#include "supervisor/slot/readopt.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "supervisor/slot/slot_adopt.h"
#include "supervisor/slot/slot_link.h"
#include "supervisor/supervisor.h"

uint32_t
readopt_count_living(const struct slots_file *file)
{
	uint32_t i, living = 0;
	pid_t tenant;

	for (i = 0; i < file->count; i++)
		living += slot_adopt_lives(&file->entries[i], &tenant);
	return living;
}

uint32_t
readopt_missing(const struct supervisor *sup)
{
	uint32_t i, missing = 0;

	for (i = 0; i < sup->slot_count; i++)
		missing += sup->slots[i]->state == SLOT_AWAITED;
	return missing;
}

static void
finish(struct supervisor *sup)
{
	struct readopt *readopt = &sup->readopt;
	uint32_t missing = readopt_missing(sup);

	readopt->is_running = false;
	event_del(readopt->deadline);
	log_notice("readopted",
	    missing > 0 ? "the rest may claim its slots later" : NULL,
	    log_uint("found", readopt->found), log_uint("missing", missing),
	    log_uint("ms", clock_mono_ms() - readopt->began_ms));
	supervisor_event(sup, "readopted", -1, NULL, NULL,
	    (int64_t)readopt->found - missing);
	readopt->done(sup, missing, readopt->arg);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	finish(arg);
}

static struct slot *
find_down(struct supervisor *sup, const struct slots_entry *entry)
{
	uint32_t i;

	for (i = 0; i < sup->slot_count; i++) {
		struct slot *slot = sup->slots[i];

		if (slot->number == entry->number &&
		    slot->kind == entry->kind && slot->state == SLOT_DOWN)
			return slot;
	}
	return NULL;
}

/* A slot on its way from one keeper to another has two. */
static void
note_other(struct supervisor *sup, const struct slots_entry *entry)
{
	uint32_t i;

	for (i = 0; i < sup->slot_count; i++) {
		struct slot *slot = sup->slots[i];

		if (slot->number == entry->number &&
		    slot->kind == entry->kind && slot->state == SLOT_AWAITED)
			slot->other = *entry;
	}
}

int
readopt_begin(struct supervisor *sup, const struct slots_file *file,
    uint64_t deadline_ms, readopt_cb *done, void *arg)
{
	struct readopt *readopt = &sup->readopt;
	struct timeval tv = { .tv_sec = (time_t)(deadline_ms / 1000),
		.tv_usec = (suseconds_t)(deadline_ms % 1000 * 1000) };
	uint32_t i;

	if (readopt->deadline == NULL)
		readopt->deadline = evtimer_new(sup->base, on_deadline, sup);
	if (readopt->deadline == NULL || event_add(readopt->deadline, &tv) != 0)
		return -ENOMEM;
	readopt->node_inode = file->node_inode;
	readopt->began_ms = clock_mono_ms();
	readopt->found = 0;
	readopt->done = done;
	readopt->arg = arg;
	for (i = 0; i < file->count; i++) {
		struct slot *slot = find_down(sup, &file->entries[i]);

		if (slot == NULL)
			note_other(sup, &file->entries[i]);
		if (slot != NULL &&
		    slot_adopt_await(slot, &file->entries[i]) == 0)
			readopt->found++;
	}
	readopt->has_adopted = readopt->found > 0;
	/* Not earlier: the first ones could have ended already. */
	readopt->is_running = true;
	readopt_slot_changed(sup);
	return 0;
}

void
readopt_slot_changed(struct supervisor *sup)
{
	if (sup->readopt.is_running && readopt_missing(sup) == 0)
		finish(sup);
}

void
readopt_tell_relay(struct supervisor *sup)
{
	struct slot *relay = sup->relay;
	uint32_t i;

	if (relay == NULL || !relay->is_foreign ||
	    relay->to_tenant.channel.fd == -1)
		return;
	for (i = 0; i < sup->gateways; i++) {
		const struct slot *slot = sup->slots[i];
		struct stat st;

		if (slot->memory.table_fd == -1 ||
		    fstat(slot->memory.table_fd, &st) == -1 ||
		    sup->readopt.relay_tables[i] == st.st_ino)
			continue;
		log_notice("relay_told", "it did not know the slot's memory",
		    log_text("slot", slot->label));
		if (slot_link_tell_relay(relay, slot) == 0)
			sup->readopt.relay_tables[i] = st.st_ino;
	}
}

void
readopt_let_go(struct supervisor *sup)
{
	uint32_t i;

	claims_stop(sup);
	for (i = 0; i < sup->slot_count; i++)
		slot_adopt_let_go(sup->slots[i]);
}

void
readopt_clear(struct supervisor *sup)
{
	if (sup->readopt.deadline != NULL)
		event_free(sup->readopt.deadline);
	sup->readopt.deadline = NULL;
}
