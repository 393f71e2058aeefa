/* SPDX-License-Identifier: ISC */
/*
 * The part of /metrics that tells of the fleet; metrics.c calls it.
 */
#ifndef HOLDFAST_SUPERVISOR_METRICS_FLEET_H
#define HOLDFAST_SUPERVISOR_METRICS_FLEET_H

#include "lib/textbuf.h"

struct supervisor;

/* Nothing without a fleet. */
void metrics_fleet_render(const struct supervisor *sup, struct textbuf *out);

#endif
