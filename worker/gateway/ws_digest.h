/* SPDX-License-Identifier: ISC */
/*
 * The digest that proves to a client that its handshake was understood
 * (RFC 6455 section 4.2.2), in a file of its own because it needs OpenSSL.
 * Pure; used by ws_handshake.
 */
#ifndef HOLDFAST_GATEWAY_WS_DIGEST_H
#define HOLDFAST_GATEWAY_WS_DIGEST_H

#define WS_DIGEST_KEY_LEN    24 /* base64 of 16 bytes */
#define WS_DIGEST_ACCEPT_LEN 28 /* base64 of 20 bytes */

/* Sec-WebSocket-Accept, with a NUL, for a Sec-WebSocket-Key.  0 or -EIO. */
int ws_digest_accept(const char key[WS_DIGEST_KEY_LEN],
    char out_accept[WS_DIGEST_ACCEPT_LEN + 1])
    __attribute__((warn_unused_result));

#endif
