/* SPDX-License-Identifier: ISC */
/*
 * Finds and takes over what lives already (see startup_found.h).
 */
#include "supervisor/slot/startup_found.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/textbuf.h"
#include "proto/message.h"
#include "supervisor/log_setup.h"
#include "supervisor/reload.h"
#include "supervisor/slot/slot_adopt.h"
#include "supervisor/supervisor.h"
#include "supervisor/upgrade/resume.h"

/* Who claims at all does so within a fraction of a second. */
#define CLAIMS_MS 2000

static void
list_pids(const struct slots_file *slots, struct textbuf *out)
{
	uint32_t i;
	pid_t tenant;

	for (i = 0; i < slots->count; i++) {
		const struct slots_entry *entry = &slots->entries[i];

		if (slot_adopt_lives(entry, &tenant))
			textbuf_printf(out, "%s%d",
			    textbuf_text(out)[0] == '\0' ? "" : " ",
			    (int)(tenant != 0 ? tenant : entry->keeper));
	}
}

/* We could neither move them to us nor let them go on as they are. */
static int
check_kind(const struct slots_file *slots)
{
	struct textbuf pids;

	if (slots->protocol == MESSAGE_PROTOCOL &&
	    table_layout_meets(slots->layouts[0], slots->layouts,
		slots->layout_count))
		return 0;
	textbuf_init(&pids, 4096);
	list_pids(slots, &pids);
	log_error("slots_foreign",
	    "slots of another version of holdfast serve here; start that "
	    "version, or end them",
	    log_text("build", slots->build),
	    log_uint("protocol", slots->protocol),
	    log_uint("layout", slots->layouts[0]),
	    log_text("pids", textbuf_text(&pids)));
	textbuf_clear(&pids);
	return -EPROTONOSUPPORT;
}

/* sup->conf has the settings of the configuration; they are put aside. */
static int
take_settings(struct supervisor *sup, struct startup_found *found)
{
	struct settings *running = malloc(sizeof(*running));
	int rc;

	found->wanted = malloc(sizeof(*found->wanted));
	if (running == NULL || found->wanted == NULL) {
		free(running);
		return -ENOMEM;
	}
	*found->wanted = sup->conf.settings;
	rc = sup->upgrade.resumes ? 1 : run_state_load_settings(sup, running);
	if (rc == 0) {
		sup->conf.settings = *running;
		(void)log_setup(&sup->conf.settings);
	} else if (rc < 0) {
		log_warn("settings_unknown",
		    "the slots are taken to run with this configuration",
		    log_errno(rc));
	}
	free(running);
	/* Slots that were added or removed by a signal are in no file. */
	sup->conf.settings.node.workers = found->slots->gateways;
	return 0;
}

int
startup_found_load(struct supervisor *sup, struct startup_found *out)
{
	struct startup_found found = { .slots = calloc(1,
					   sizeof(*found.slots)) };
	uint32_t living = 0;
	int rc = -ENOMEM;

	if (found.slots != NULL)
		rc = run_state_load_slots(sup, found.slots);
	if (rc == 0)
		living = readopt_count_living(found.slots);
	else if (rc == -EPROTO)
		log_warn("slots_unreadable", "nothing is taken over");
	else if (rc != -ENOENT)
		log_error("slots_unreadable", "what lives cannot be known",
		    log_errno(rc));
	if (rc == -EPROTO || rc == -ENOENT)
		rc = 0;
	if (living > 0) {
		log_notice("slots_found", "they serve without a supervisor",
		    log_uint("slots", living),
		    log_text("build", found.slots->build));
		rc = check_kind(found.slots);
		if (rc == 0)
			rc = take_settings(sup, &found);
	} else {
		free(found.slots);
		found.slots = NULL;
	}
	if (rc != 0)
		startup_found_clear(&found);
	else
		*out = found;
	return rc;
}

static void
on_adopted(struct supervisor *sup, uint32_t missing, void *arg)
{
	bool *done = arg;

	(void)sup;
	(void)missing;
	*done = true;
}

/* Is there one who may still hold what we would open anew? */
static bool
must_wait(const struct supervisor *sup)
{
	const struct settings *set = &sup->conf.settings;
	bool lacks_client = false, awaits_gateway = false;
	uint32_t i;

	for (i = 0; i < set->listen_count; i++)
		lacks_client |= sup->listeners.clients[i].fd == -1;
	for (i = 0; i < sup->gateways; i++)
		awaits_gateway |= sup->slots[i]->state == SLOT_AWAITED;
	if (awaits_gateway && lacks_client)
		return true;
	if (readopt_missing(sup) > 0 && sup->node_fd == -1)
		return true;
	return ((set->api.enabled && sup->listeners.api.fd == -1) ||
		   (listener_set_wants_peers(set) &&
		       sup->listeners.peers.fd == -1)) &&
	    sup->relay->state == SLOT_AWAITED;
}

int
startup_found_adopt(struct supervisor *sup, const struct startup_found *found)
{
	bool done = false;
	int rc;

	if (found->slots == NULL)
		return 0;
	rc = readopt_begin(sup, found->slots, CLAIMS_MS, on_adopted, &done);
	while (rc == 0 && (!done || must_wait(sup))) {
		if (event_base_loop(sup->base, EVLOOP_ONCE) != 0)
			rc = -EIO;
	}
	if (rc != 0)
		log_error("readopt_failed", "the slots serve on",
		    log_errno(rc));
	return rc;
}

static void
on_difference(const struct conf_change *change, void *arg)
{
	(void)change;
	(void)arg;
}

/* How many slots a signal has asked for, before us; 0: none has.  Workers can
 * write that word, too. */
static uint32_t
asked_workers(const struct supervisor *sup)
{
	uint32_t asked = atomic_load(&sup->node.shared->workers_asked);

	return asked <= SLOT_MAX_WORKERS ? asked : 0;
}

void
startup_found_reload(struct supervisor *sup, const struct startup_found *found)
{
	uint32_t asked = asked_workers(sup);

	if (found->slots == NULL)
		return;
	/* The one before us may have died over what it had to tell. */
	resume_settings(sup);
	if (sup->upgrade.resumes) {
		(void)resizer_set(sup, found->wanted->node.workers, NULL);
	} else {
		if (asked != 0)
			found->wanted->node.workers =
			    sup->conf.settings.node.workers;
		if (conf_table_diff(settings_table(), &sup->conf.settings,
			found->wanted, on_difference, NULL) != 0) {
			log_notice("config_differs",
			    "it is applied as a reload");
			reload_by_signal(sup);
		}
	}
	if (asked != 0)
		(void)resizer_set(sup, asked, "a signal");
}

void
startup_found_clear(struct startup_found *found)
{
	free(found->slots);
	free(found->wanted);
	found->slots = NULL;
	found->wanted = NULL;
}
