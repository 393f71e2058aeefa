/* SPDX-License-Identifier: ISC */
/*
 * Sec-WebSocket-Accept: base64(SHA-1(key GUID)), RFC 6455 section 4.2.2.  The
 * one place where the handshake touches OpenSSL.  Pure; called by
 * ws_handshake.
 */
#include "worker/gateway/ws_digest.h"

#include <errno.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

int
ws_digest_accept(const char key[WS_DIGEST_KEY_LEN],
    char out_accept[WS_DIGEST_ACCEPT_LEN + 1])
{
	unsigned char text[WS_DIGEST_KEY_LEN + sizeof(GUID) - 1];
	unsigned char digest[SHA_DIGEST_LENGTH];

	memcpy(text, key, WS_DIGEST_KEY_LEN);
	memcpy(text + WS_DIGEST_KEY_LEN, GUID, sizeof(GUID) - 1);
	if (SHA1(text, sizeof(text), digest) == NULL)
		return (-EIO);
	EVP_EncodeBlock((unsigned char *)out_accept, digest, sizeof(digest));
	return (0);
}
