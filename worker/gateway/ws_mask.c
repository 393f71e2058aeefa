/* SPDX-License-Identifier: ISC */
/*
 * XOR with the repeated four-byte key (RFC 6455 section 5.3), 64 bytes a turn
 * through plain words that the compiler turns into vectors.  memcpy() makes
 * each load and store right for any alignment and costs nothing.  Pure; called
 * by the gateway's message reader.
 */
#include "worker/gateway/ws_mask.h"

#include <string.h>

#define WORDS 8 /* 64 bytes: a cache line */

void
ws_unmask(uint8_t *restrict dst, const uint8_t *restrict src, size_t n,
    uint32_t key, uint32_t phase)
{
	uint8_t bytes[8], key_bytes[4];
	uint64_t pattern, word[WORDS];
	size_t i;

	memcpy(key_bytes, &key, sizeof(key_bytes));
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = key_bytes[(i + phase) & 3];
	memcpy(&pattern, bytes, sizeof(pattern));

	for (; n >= sizeof(word); n -= sizeof(word)) {
		memcpy(word, src, sizeof(word));
		for (i = 0; i < WORDS; i++)
			word[i] ^= pattern;
		memcpy(dst, word, sizeof(word));
		src += sizeof(word);
		dst += sizeof(word);
	}
	for (; n >= sizeof(word[0]); n -= sizeof(word[0])) {
		memcpy(&word[0], src, sizeof(word[0]));
		word[0] ^= pattern;
		memcpy(dst, &word[0], sizeof(word[0]));
		src += sizeof(word[0]);
		dst += sizeof(word[0]);
	}
	for (i = 0; i < n; i++)
		dst[i] = src[i] ^ bytes[i];
}
