/* SPDX-License-Identifier: ISC */
/*
 * Streaming UTF-8 validation (RFC 3629): overlong forms, surrogates and
 * everything above U+10FFFF are refused at the first byte that proves them.
 * Pure; the state is one word that starts as 0 and may be copied.  Used by
 * the gateway for text messages and close reasons.
 */
#ifndef HOLDFAST_GATEWAY_WS_UTF8_H
#define HOLDFAST_GATEWAY_WS_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define WS_UTF8_START 0u

/*
 * Go on with n bytes.  Returns 0 while all is well, -EILSEQ otherwise; the
 * state then stays refused, whatever follows.
 */
int ws_utf8_feed(uint32_t *state, const uint8_t *p, size_t n)
    __attribute__((warn_unused_result));

/* 0 when the text may end here, -EILSEQ in the middle of a character. */
int ws_utf8_done(uint32_t state) __attribute__((warn_unused_result));

#endif
