/* SPDX-License-Identifier: ISC */
/*
 * Unmasking of client payload (RFC 6455 section 5.3), from one place to
 * another: received bytes are never changed where they lie, since a crash in
 * the middle would leave them half unmasked.  Pure; used by the gateway's
 * message reader.
 */
#ifndef HOLDFAST_GATEWAY_WS_MASK_H
#define HOLDFAST_GATEWAY_WS_MASK_H

#include <stddef.h>
#include <stdint.h>

/*
 * Copy n bytes from src to dst, unmasked.  key is that of the frame header
 * as it lay in memory, phase the position of src[0] in the payload (only
 * its two lowest bits count).  The ranges must not overlap.
 */
void ws_unmask(uint8_t *restrict dst, const uint8_t *restrict src, size_t n,
    uint32_t key, uint32_t phase);

#endif
