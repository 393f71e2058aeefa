/* SPDX-License-Identifier: ISC */
/*
 * Client ids: which names are allowed, and a fresh one for a client that
 * brings none.  Pure; used by the gateway's handshake.
 */
#ifndef HOLDFAST_GATEWAY_CLIENT_ID_H
#define HOLDFAST_GATEWAY_CLIENT_ID_H

#include <stddef.h>
#include <stdint.h>

#define CLIENT_ID_MAX	    100
#define CLIENT_ID_RANDOM    16 /* bytes in */
#define CLIENT_ID_GENERATED 26 /* characters out: 128 bits, 5 each */

/* 0 for 1 to 100 bytes of printable ASCII without blanks, else -EINVAL. */
int client_id_check(const char *id, size_t len)
    __attribute__((warn_unused_result));

/* Turn random bytes into an id of lower-case base32, with a NUL behind it. */
void client_id_generate(const uint8_t random[CLIENT_ID_RANDOM],
    char out_id[CLIENT_ID_GENERATED + 1]);

#endif
