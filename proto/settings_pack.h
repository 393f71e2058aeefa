/* SPDX-License-Identifier: ISC */
/*
 * Settings on their way to a worker: (name, text) pairs in a Settings message.
 */
#ifndef HOLDFAST_PROTO_SETTINGS_PACK_H
#define HOLDFAST_PROTO_SETTINGS_PACK_H

#include "proto/settings.h"

/*
 * The rows meant for one program (SETTINGS_*), as a packed Settings message:
 * what SLOT_FD_SETTINGS holds.  *out_bytes is malloced, the caller's.  -ENOMEM.
 */
int settings_pack(const struct settings *, uint32_t program,
    uint8_t **out_bytes, size_t *out_len);

/*
 * Defaults, then what bytes say.  Names that this program does not know and
 * values it does not take are skipped and counted: a supervisor of another
 * version may send them.  -EPROTO: no Settings message; out is untouched.
 */
int settings_unpack(const uint8_t *bytes, size_t len, struct settings *out,
    uint32_t *out_skipped);

#endif
