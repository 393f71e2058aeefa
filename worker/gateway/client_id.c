/* SPDX-License-Identifier: ISC */
/*
 * Checks client ids and makes fresh ones (base32 of RFC 4648 in lower case,
 * without padding).  Pure; called by the gateway's handshake.
 */
#include "worker/gateway/client_id.h"

#include <errno.h>

int
client_id_check(const char *id, size_t len)
{
	size_t i;

	if (len == 0 || len > CLIENT_ID_MAX)
		return (-EINVAL);
	for (i = 0; i < len; i++) {
		if (id[i] < 0x21 || id[i] > 0x7e)
			return (-EINVAL);
	}
	return (0);
}

void
client_id_generate(const uint8_t random[CLIENT_ID_RANDOM],
    char out_id[CLIENT_ID_GENERATED + 1])
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint32_t bits = 0;
	unsigned int count = 0, i, n = 0;

	for (i = 0; i < CLIENT_ID_RANDOM; i++) {
		bits = bits << 8 | random[i];
		for (count += 8; count >= 5; count -= 5)
			out_id[n++] = alphabet[bits >> (count - 5) & 31];
	}
	out_id[n++] = alphabet[bits << (5 - count) & 31];
	out_id[n] = '\0';
}
