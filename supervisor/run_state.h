/* SPDX-License-Identifier: ISC */
/*
 * What a supervisor leaves in the run directory for the one after it: the list
 * of slots and the settings that they run with.  Both are replaced in one
 * step, so that a supervisor killed at any moment leaves whole ones.
 */
#ifndef HOLDFAST_SUPERVISOR_RUN_STATE_H
#define HOLDFAST_SUPERVISOR_RUN_STATE_H

#include "proto/settings.h"
#include "supervisor/slot/slots_file.h"

struct supervisor;

/* Written anew at each change of keepers.  When that fails it is said, and
 * tried again each second (run_state_retry): meanwhile only a restart of the
 * supervisor is at risk, not a connection. */
void run_state_save_slots(struct supervisor *sup);
void run_state_save_settings(struct supervisor *sup);
void run_state_retry(struct supervisor *sup);
/* After an orderly stop: there is nothing to find. */
void run_state_remove(struct supervisor *sup);

/* -ENOENT: no supervisor has run here, or it ended in good order; -EPROTO. */
int run_state_load_slots(const struct supervisor *sup, struct slots_file *out);
int run_state_load_settings(const struct supervisor *sup, struct settings *out);

#endif
