/* SPDX-License-Identifier: ISC */
/*
 * What a supervisor that starts finds in its run directory: slots that serve
 * without one.  They are taken over with the settings they run with; the
 * configuration that we were started with is applied afterwards, as a reload.
 */
#ifndef HOLDFAST_SLOT_STARTUP_FOUND_H
#define HOLDFAST_SLOT_STARTUP_FOUND_H

#include <stdint.h>

#include "proto/settings.h"
#include "supervisor/slot/slots_file.h"

struct supervisor;

struct startup_found {
	struct slots_file *slots; /* owned; NULL: nothing lives */
	struct settings *wanted;  /* owned: those of the configuration */
};

/* Looks, and puts the settings in force into sup->conf.  -EPROTONOSUPPORT: what
 * lives is of another kind; -errno; a line is in the log. */
int startup_found_load(struct supervisor *sup, struct startup_found *out);
/* Waits until all that lives is ours, or may come later. */
int startup_found_adopt(struct supervisor *sup,
    const struct startup_found *found);
void startup_found_reload(struct supervisor *sup,
    const struct startup_found *found);
void startup_found_clear(struct startup_found *found);

#endif
