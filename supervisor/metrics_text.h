/* SPDX-License-Identifier: ISC */
/*
 * What the parts of /metrics are written with: a metric's help and type stand
 * once, in front of its samples, and its name begins with holdfast_.
 */
#ifndef HOLDFAST_SUPERVISOR_METRICS_TEXT_H
#define HOLDFAST_SUPERVISOR_METRICS_TEXT_H

#include "lib/textbuf.h"

/* Help and type of the samples that follow. */
void metrics_describe(struct textbuf *out, const char *name, const char *type,
    const char *help);
/* A metric of one sample. */
void metrics_gauge(struct textbuf *out, const char *name, const char *help,
    double value);

#endif
