/* SPDX-License-Identifier: ISC */
/*
 * RFC 6455 bytes for the bench programs, see common_wire.h.  It shares no code
 * with worker/gateway: a codec that checks itself proves nothing.
 */
#include "tests/bench/common_wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

static const char wire_guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

int
wire_digest_init(struct wire_digest *digest)
{
	EVP_MD *md = EVP_MD_fetch(NULL, "SHA1", NULL);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (md == NULL || ctx == NULL) {
		EVP_MD_free(md);
		EVP_MD_CTX_free(ctx);
		return -ENOMEM;
	}
	digest->md = md;
	digest->ctx = ctx;
	return 0;
}

void
wire_digest_clear(struct wire_digest *digest)
{
	EVP_MD_free(digest->md);
	EVP_MD_CTX_free(digest->ctx);
	digest->md = NULL;
	digest->ctx = NULL;
}

int
wire_accept_format(struct wire_digest *digest, const char *key,
    char out[WIRE_ACCEPT_LEN + 1])
{
	uint8_t sum[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (EVP_DigestInit_ex(digest->ctx, digest->md, NULL) != 1 ||
	    EVP_DigestUpdate(digest->ctx, key, WIRE_KEY_LEN) != 1 ||
	    EVP_DigestUpdate(digest->ctx, wire_guid, sizeof(wire_guid) - 1) !=
		1 ||
	    EVP_DigestFinal_ex(digest->ctx, sum, &len) != 1)
		return -EIO;
	EVP_EncodeBlock((unsigned char *)out, sum, (int)len);
	return 0;
}

static uint64_t
mix(uint64_t x)
{
	/* splitmix64's finaliser. */
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

void
wire_key_format(uint64_t seed, char out[WIRE_KEY_LEN + 1])
{
	uint64_t raw[2];

	raw[0] = mix(seed);
	raw[1] = mix(raw[0]);
	EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)raw,
	    (int)sizeof(raw));
}

void
wire_client_id_format(const char *prefix, uint64_t number,
    char out[WIRE_CLIENT_ID_LEN + 1])
{
	size_t at, prefix_len = strnlen(prefix, WIRE_CLIENT_ID_LEN - 8);

	memcpy(out, prefix, prefix_len);
	for (at = WIRE_CLIENT_ID_LEN; at-- > prefix_len; number /= 10)
		out[at] = (char)('0' + number % 10);
	out[WIRE_CLIENT_ID_LEN] = '\0';
}

int
wire_frame_parse(const uint8_t *buf, size_t len, struct wire_frame *out)
{
	struct wire_frame frame;
	size_t need = 2, i;
	unsigned int short_len;

	if (len < need)
		return 0;
	frame.is_final = buf[0] >> 7;
	frame.rsv = (buf[0] >> 4) & 7;
	frame.opcode = buf[0] & 15;
	frame.is_masked = buf[1] >> 7;
	short_len = buf[1] & 127u;
	need += short_len == 127 ? 8 : short_len == 126 ? 2 : 0;
	if (len < need + (frame.is_masked ? 4u : 0u))
		return 0;
	frame.payload_len = short_len;
	if (short_len >= 126) {
		frame.payload_len = 0;
		for (i = 2; i < need; i++)
			frame.payload_len = frame.payload_len << 8 | buf[i];
	}
	if (frame.is_masked) {
		memcpy(frame.mask, buf + need, 4);
		need += 4;
	}
	frame.header_len = need;
	*out = frame;
	return 1;
}

size_t
wire_header_format(uint8_t out[WIRE_MAX_HEADER], uint8_t opcode,
    size_t payload_len, const uint8_t *mask)
{
	uint8_t mask_bit = mask != NULL ? 0x80 : 0;
	size_t at = 0;
	int shift;

	out[at++] = (uint8_t)(0x80 | opcode);
	if (payload_len < 126) {
		out[at++] = (uint8_t)(mask_bit | payload_len);
	} else if (payload_len < 65536) {
		out[at++] = mask_bit | 126;
		out[at++] = (uint8_t)(payload_len >> 8);
		out[at++] = (uint8_t)payload_len;
	} else {
		out[at++] = mask_bit | 127;
		for (shift = 56; shift >= 0; shift -= 8)
			out[at++] = (uint8_t)((uint64_t)payload_len >> shift);
	}
	if (mask != NULL) {
		memcpy(out + at, mask, 4);
		at += 4;
	}
	return at;
}

void
wire_mask(uint8_t *dst, const uint8_t *src, size_t len, const uint8_t mask[4])
{
	uint64_t wide, word;
	uint32_t narrow;
	size_t i = 0;

	memcpy(&narrow, mask, sizeof(narrow));
	wide = (uint64_t)narrow << 32 | narrow;
	for (; i + sizeof(word) <= len; i += sizeof(word)) {
		memcpy(&word, src + i, sizeof(word));
		word ^= wide;
		memcpy(dst + i, &word, sizeof(word));
	}
	for (; i < len; i++)
		dst[i] = src[i] ^ mask[i & 3];
}

void
wire_pattern_init(struct wire_pattern *pattern)
{
	size_t i;

	for (i = 0; i < sizeof(pattern->bytes); i++)
		pattern->bytes[i] = (uint8_t)(' ' + mix(i) % 95);
}

static void
put_hex(uint8_t *out, uint32_t value)
{
	static const char digits[] = "0123456789abcdef";
	int i;

	for (i = 7; i >= 0; i--, value >>= 4)
		out[i] = (uint8_t)digits[value & 15];
}

static int
get_hex(const uint8_t *in, uint32_t *out)
{
	uint32_t value = 0;
	int i;

	for (i = 0; i < 8; i++) {
		if (in[i] >= '0' && in[i] <= '9')
			value = value << 4 | (uint32_t)(in[i] - '0');
		else if (in[i] >= 'a' && in[i] <= 'f')
			value = value << 4 | (uint32_t)(in[i] - 'a' + 10);
		else
			return -EBADMSG;
	}
	*out = value;
	return 0;
}

/* Each message starts elsewhere in the pattern, so that a swap shows. */
static size_t
pattern_start(uint32_t id, uint32_t number)
{
	return (id * 131u + number * 31u) % (WIRE_PATTERN_LEN - 256);
}

size_t
wire_message_format(const struct wire_pattern *pattern, uint8_t *out,
    uint8_t opcode, uint32_t id, uint32_t number, size_t payload_len)
{
	uint32_t key = (uint32_t)mix((uint64_t)id << 32 | number) | 0x01010101u;
	size_t at, left = payload_len - WIRE_MIN_PAYLOAD, chunk, from;
	uint8_t mask[4];
	uint8_t *payload;

	memcpy(mask, &key, sizeof(mask));
	at = wire_header_format(out, opcode, payload_len, mask);
	payload = out + at;
	payload[0] = 'E';
	put_hex(payload + 1, id);
	put_hex(payload + 9, number);
	at = WIRE_MIN_PAYLOAD;
	for (from = pattern_start(id, number); left > 0; from = 0) {
		chunk = WIRE_PATTERN_LEN - from;
		if (chunk > left)
			chunk = left;
		memcpy(payload + at, pattern->bytes + from, chunk);
		at += chunk;
		left -= chunk;
	}
	wire_mask(payload, payload, payload_len, mask);
	return (size_t)(payload - out) + payload_len;
}

int
wire_message_parse(const struct wire_pattern *pattern, const uint8_t *payload,
    size_t payload_len, uint32_t id, size_t want_len, uint32_t *out_number)
{
	uint32_t number, seen_id;
	size_t at = WIRE_MIN_PAYLOAD, chunk, from;

	if (payload_len != want_len || payload[0] != 'E' ||
	    get_hex(payload + 1, &seen_id) < 0 || seen_id != id ||
	    get_hex(payload + 9, &number) < 0)
		return -EBADMSG;
	for (from = pattern_start(id, number); at < payload_len; from = 0) {
		chunk = WIRE_PATTERN_LEN - from;
		if (chunk > payload_len - at)
			chunk = payload_len - at;
		if (memcmp(payload + at, pattern->bytes + from, chunk) != 0)
			return -EBADMSG;
		at += chunk;
	}
	*out_number = number;
	return 0;
}
