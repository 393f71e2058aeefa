/* SPDX-License-Identifier: ISC */
/*
 * The answers to status and workers as texts: what those commands print, and
 * what top shows anew each second.  Pure but for malloc.
 */
#ifndef HOLDFAST_CTL_CTL_VIEW_H
#define HOLDFAST_CTL_CTL_VIEW_H

#include <jansson.h>

#include "lib/textbuf.h"

/* result of status; 0 or -ENOMEM */
int ctl_view_status(const json_t *status, struct textbuf *out)
    __attribute__((warn_unused_result));
/* result of workers */
int ctl_view_workers(const json_t *result, struct textbuf *out)
    __attribute__((warn_unused_result));

#endif
