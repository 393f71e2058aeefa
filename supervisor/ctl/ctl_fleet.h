/* SPDX-License-Identifier: ISC */
/*
 * What holdfastd tells of its fleet, in words: for status, top and fleet.
 */
#ifndef HOLDFAST_CTL_CTL_FLEET_H
#define HOLDFAST_CTL_CTL_FLEET_H

#include <jansson.h>

#include "lib/textbuf.h"

/* ", led by n2"; nothing before anybody has led. */
void ctl_fleet_leader(const json_t *fleet, struct textbuf *out);

/* May nodes be declared dead, and if not, why, and what goes on from there. */
void ctl_fleet_failover(const json_t *fleet, struct textbuf *out);

/* Why the leader has not been heard for so long; nothing while it is. */
void ctl_fleet_age(const json_t *fleet, struct textbuf *out);

/* What an acknowledgement has changed. */
void ctl_fleet_ack(const json_t *result, struct textbuf *out);

#endif
