/* SPDX-License-Identifier: ISC */
/*
 * The opening handshake (RFC 6455 section 4.2) and the negotiation of
 * permessage-deflate (RFC 7692 section 7.1): from a parsed request to either
 * what was agreed or a refusal, and from there to the 101 answer.  Pure; used
 * by the gateway, which has checked path, origin, identity and admission.
 */
#ifndef HOLDFAST_GATEWAY_WS_HANDSHAKE_H
#define HOLDFAST_GATEWAY_WS_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/gateway/http_answer.h"
#include "worker/gateway/http_request.h"
#include "worker/gateway/ws_digest.h"

#define WS_HANDSHAKE_PROTOCOL "holdfast.v1"
#define WS_HANDSHAKE_MAX      512 /* enough for every 101 answer */

/* What was agreed: small, without pointers, may be copied. */
struct ws_handshake {
	char accept[WS_DIGEST_ACCEPT_LEN + 1]; /* Sec-WebSocket-Accept */
	bool protocol_v1;      /* holdfast.v1 was offered: echo it */
	bool deflate;	       /* permessage-deflate is on */
	bool name_window_bits; /* the offer limited our window */
	uint8_t window_bits;   /* 8..15, for ws_deflate_message() */
};

/*
 * Judge an upgrade request.  compression says whether permessage-deflate may
 * be agreed.  Returns 0, or -EPROTO with *out_refusal filled: 426 for a
 * request that is no WebSocket upgrade or wants another version, 400 for
 * one that lacks something or has lists which break their grammar.  -EIO
 * (500 in *out_refusal) when the digest cannot be computed.
 */
int ws_handshake_parse(const struct http_request *req, bool compression,
    struct ws_handshake *out, struct http_refusal *out_refusal)
    __attribute__((warn_unused_result));

/*
 * Format the 101 answer.  Returns its length, -ENOSPC when cap is too
 * small (never with WS_HANDSHAKE_MAX).
 */
int ws_handshake_format(const struct ws_handshake *hs, char *buf, size_t cap)
    __attribute__((warn_unused_result));

#endif
