/* SPDX-License-Identifier: ISC */
/*
 * Reload: parse the new file, validate, compare, swap.  A bad file changes
 * nothing.  Keys that need a restart keep their old value and are reported.
 */
#ifndef HOLDFAST_SUPERVISOR_RELOAD_H
#define HOLDFAST_SUPERVISOR_RELOAD_H

#include "lib/conf_table.h"
#include "lib/textbuf.h"

struct supervisor;

/* Calls tell for each value that differs.  -errno: nothing was changed
 * and errors has a line a mistake. */
int reload_run(struct supervisor *sup, conf_change_cb *tell, void *arg,
    struct textbuf *errors);

/* The same, told in the log only. */
void reload_by_signal(struct supervisor *sup);

#endif
