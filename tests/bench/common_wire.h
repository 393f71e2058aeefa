/* SPDX-License-Identifier: ISC */
/*
 * The client's and the floor's view of RFC 6455 bytes: upgrade request, accept
 * digest, frame headers, masking, and the numbered payload whose every byte can
 * be checked when it comes back.  Pure apart from the digest's own context.
 */
#ifndef HOLDFAST_BENCH_COMMON_WIRE_H
#define HOLDFAST_BENCH_COMMON_WIRE_H

#include <stddef.h>
#include <stdint.h>

enum {
	WIRE_OP_CONT = 0,
	WIRE_OP_TEXT = 1,
	WIRE_OP_BINARY = 2,
	WIRE_OP_CLOSE = 8,
	WIRE_OP_PING = 9,
	WIRE_OP_PONG = 10
};

enum {
	WIRE_KEY_LEN = 24,    /* base64 of 16 bytes */
	WIRE_ACCEPT_LEN = 28, /* base64 of a SHA-1 */
	WIRE_CLIENT_ID_LEN = 20,
	WIRE_MAX_HEADER = 14,  /* of a masked frame */
	WIRE_MIN_PAYLOAD = 17, /* 'E', 8 hex of the id, 8 hex of the number */
	WIRE_PATTERN_LEN = 8192
};

struct wire_frame {
	uint8_t opcode;
	uint8_t is_final;
	uint8_t is_masked;
	uint8_t rsv;
	uint8_t mask[4];
	size_t header_len;
	uint64_t payload_len;
};

/* A reusable SHA-1: OpenSSL 3 fetches the algorithm anew for every one-shot. */
struct wire_digest {
	void *md;  /* owned */
	void *ctx; /* owned */
};

struct wire_pattern {
	uint8_t bytes[WIRE_PATTERN_LEN];
};

int wire_digest_init(struct wire_digest *);
void wire_digest_clear(struct wire_digest *);
/* key is WIRE_KEY_LEN bytes; out gets WIRE_ACCEPT_LEN bytes and a NUL. */
int wire_accept_format(struct wire_digest *, const char *key,
    char out[WIRE_ACCEPT_LEN + 1]);

/* The key that belongs to seed: not secret, but never twice the same. */
void wire_key_format(uint64_t seed, char out[WIRE_KEY_LEN + 1]);

/* prefix padded with the number to exactly WIRE_CLIENT_ID_LEN characters. */
void wire_client_id_format(const char *prefix, uint64_t number,
    char out[WIRE_CLIENT_ID_LEN + 1]);

/* Returns 1 with *out set, 0 when bytes are missing. */
int wire_frame_parse(const uint8_t *, size_t len, struct wire_frame *out);

/* Header of a final frame; mask NULL for a server's.  Returns its length. */
size_t wire_header_format(uint8_t out[WIRE_MAX_HEADER], uint8_t opcode,
    size_t payload_len, const uint8_t *mask);

/* dst and src may be the same place. */
void wire_mask(uint8_t *dst, const uint8_t *src, size_t len,
    const uint8_t mask[4]);

void wire_pattern_init(struct wire_pattern *);
/* A whole masked frame with the payload of (id, number); returns its length. */
size_t wire_message_format(const struct wire_pattern *, uint8_t *out,
    uint8_t opcode, uint32_t id, uint32_t number, size_t payload_len);
/* 0 with the number, -EBADMSG when a byte differs or the id is another's. */
int wire_message_parse(const struct wire_pattern *, const uint8_t *payload,
    size_t payload_len, uint32_t id, size_t want_len, uint32_t *out_number);

#endif
