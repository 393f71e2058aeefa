/* SPDX-License-Identifier: ISC */
/*
 * What comes by the channel of this node: dispatch documents for its clients,
 * and word of other nodes.  At most once: what cannot be taken is counted and
 * dropped.
 */
#ifndef HOLDFAST_RELAY_PUSHES_H
#define HOLDFAST_RELAY_PUSHES_H

#include <stddef.h>

struct relay;

void pushes_take(struct relay *, const char *bytes, size_t len);

#endif
