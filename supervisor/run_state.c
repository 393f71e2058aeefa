/* SPDX-License-Identifier: ISC */
/*
 * Reads and writes what the next supervisor needs (see run_state.h).
 */
#include "supervisor/run_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "proto/message.h"
#include "proto/settings_pack.h"
#include "supervisor/slot/slot_handoff.h"
#include "supervisor/supervisor.h"

#define SLOTS_NAME	   "slots"
#define SETTINGS_NAME	   "settings"
#define SETTINGS_MAX_BYTES (1024u * 1024)
#define EVERY_PROGRAM	   UINT32_MAX

/* A keeper that has not said hello has been given nothing, and ends with us:
 * nothing is lost with it. */
static bool
is_listed(const struct slot *slot)
{
	return slot->group != 0 && slot->state != SLOT_DOWN &&
	    slot->state != SLOT_STARTING && slot->state != SLOT_WAITING &&
	    slot->state != SLOT_STOPPED;
}

static void
list_slot(const struct slot *slot, struct slots_file *file)
{
	if (!is_listed(slot) || file->count == SLOTS_FILE_MAX)
		return;
	file->entries[file->count++] = (struct slots_entry){
		.number = slot->number,
		.kind = slot->kind,
		.nonce = slot->nonce,
		.keeper = slot->group,
		.start_time = slot->keeper_start,
	};
}

static void
list_slots(const struct supervisor *sup, struct slots_file *file)
{
	struct stat st;
	uint32_t i;

	memset(file, 0, sizeof(*file));
	snprintf(file->build, sizeof(file->build), "%s", HOLDFAST_VERSION);
	file->protocol = MESSAGE_PROTOCOL;
	file->layout_count = (uint32_t)table_layout_list(file->layouts);
	file->gateways = sup->gateways;
	if (sup->node_fd != -1 && fstat(sup->node_fd, &st) == 0)
		file->node_inode = st.st_ino;
	for (i = 0; i < sup->slot_count; i++) {
		const struct slot *slot = sup->slots[i];
		const struct slot *taker = slot_handoff_taker(slot);

		list_slot(slot, file);
		/* Which of the two gets it need not be known yet. */
		if (taker != NULL)
			list_slot(taker, file);
	}
}

static int
save_slots(struct supervisor *sup)
{
	struct slots_file *file = malloc(sizeof(*file));
	struct textbuf text;
	int rc;

	if (file == NULL)
		return -ENOMEM;
	list_slots(sup, file);
	textbuf_init(&text, SLOTS_FILE_MAX_BYTES);
	slots_file_format(file, &text);
	rc = textbuf_error(&text);
	if (rc == 0)
		rc = run_dir_store(&sup->run_dir, SLOTS_NAME,
		    textbuf_text(&text), strlen(textbuf_text(&text)), 0600);
	textbuf_clear(&text);
	free(file);
	return rc;
}

static int
save_settings(struct supervisor *sup)
{
	uint8_t *bytes;
	size_t len;
	int rc = settings_pack(&sup->conf.settings, EVERY_PROGRAM, &bytes,
	    &len);

	if (rc != 0)
		return rc;
	rc = run_dir_store(&sup->run_dir, SETTINGS_NAME, bytes, len, 0600);
	free(bytes);
	return rc;
}

static void
complain(const char *name, int rc)
{
	log_error("run_state_failed",
	    "a supervisor that starts now could not take the slots over; it is "
	    "tried again",
	    log_text("file", name), log_errno(rc));
}

void
run_state_save_slots(struct supervisor *sup)
{
	int rc = save_slots(sup);

	if (rc != 0 && !sup->owes_slots)
		complain(SLOTS_NAME, rc);
	sup->owes_slots = rc != 0;
}

void
run_state_save_settings(struct supervisor *sup)
{
	int rc = save_settings(sup);

	if (rc != 0 && !sup->owes_settings)
		complain(SETTINGS_NAME, rc);
	sup->owes_settings = rc != 0;
}

void
run_state_retry(struct supervisor *sup)
{
	if (sup->owes_slots)
		run_state_save_slots(sup);
	if (sup->owes_settings)
		run_state_save_settings(sup);
}

void
run_state_remove(struct supervisor *sup)
{
	char path[512];

	if (run_dir_path(&sup->run_dir, SLOTS_NAME, path, sizeof(path)) == 0)
		(void)unlink(path);
	if (run_dir_path(&sup->run_dir, SETTINGS_NAME, path, sizeof(path)) == 0)
		(void)unlink(path);
}

static int
load(const struct supervisor *sup, const char *name, char *bytes, size_t cap,
    size_t *out_len)
{
	char path[512];
	int rc = run_dir_path(&sup->run_dir, name, path, sizeof(path));

	return rc != 0 ? rc : fd_read_file(path, bytes, cap, out_len);
}

int
run_state_load_slots(const struct supervisor *sup, struct slots_file *out)
{
	char *text = malloc(SLOTS_FILE_MAX_BYTES);
	size_t len;
	int rc;

	if (text == NULL)
		return -ENOMEM;
	rc = load(sup, SLOTS_NAME, text, SLOTS_FILE_MAX_BYTES, &len);
	if (rc == 0)
		rc = slots_file_parse(text, out);
	free(text);
	return rc;
}

int
run_state_load_settings(const struct supervisor *sup, struct settings *out)
{
	char *bytes = malloc(SETTINGS_MAX_BYTES);
	uint32_t skipped;
	size_t len;
	int rc;

	if (bytes == NULL)
		return -ENOMEM;
	rc = load(sup, SETTINGS_NAME, bytes, SETTINGS_MAX_BYTES, &len);
	if (rc == 0)
		rc = settings_unpack((const uint8_t *)bytes, len, out,
		    &skipped);
	free(bytes);
	return rc;
}
