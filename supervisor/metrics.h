/* SPDX-License-Identifier: ISC */
/*
 * The node's metrics in the Prometheus text format 0.0.4, rendered from the
 * slot headers without asking anybody.
 */
#ifndef HOLDFAST_SUPERVISOR_METRICS_H
#define HOLDFAST_SUPERVISOR_METRICS_H

#include "lib/textbuf.h"

struct supervisor;

#define METRICS_MAX_BYTES (8u * 1024 * 1024)
#define METRICS_TYPE	  "text/plain; version=0.0.4; charset=utf-8"

/* Check textbuf_error() afterwards. */
void metrics_render(const struct supervisor *sup, struct textbuf *out);

#endif
