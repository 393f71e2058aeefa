/* SPDX-License-Identifier: ISC */
/*
 * What the rows of the settings table cannot say: relations between keys, such
 * as loopback only without auth.  Pure; `holdfastd -n` and every reload ask.
 */
#ifndef HOLDFAST_PROTO_SETTINGS_CHECK_H
#define HOLDFAST_PROTO_SETTINGS_CHECK_H

#include <stdbool.h>

#include "proto/settings.h"

/* 0, or -EINVAL with a sentence in out that begins with the key. */
int settings_validate(const struct settings *, char *out, size_t out_size);

/* Is the peer port on loopback, but Redis, and so the fleet, is not?  Whoever
 * asks there asks itself. */
bool settings_peer_is_hidden(const struct settings *);

#endif
