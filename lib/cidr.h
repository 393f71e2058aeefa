/* SPDX-License-Identifier: ISC */
/*
 * IP addresses in one 16-byte form (IPv4 as ::ffff:a.b.c.d) and address ranges
 * over them, for trusted proxies and limits per address. Pure.
 */
#ifndef HOLDFAST_LIB_CIDR_H
#define HOLDFAST_LIB_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* The longest address, and with "/128", and the NUL. */
#define IPADDR_TEXT_SIZE 46
#define CIDR_TEXT_SIZE	 (IPADDR_TEXT_SIZE + 4)

struct ipaddr {
	uint8_t bytes[16];
};

struct cidr {
	struct ipaddr base;
	uint8_t bits; /* 0 to 128; IPv4's /n is 96 + n */
};

#define CIDR_LIST_MAX 32

struct cidr_list {
	uint32_t count;
	struct cidr items[CIDR_LIST_MAX];
};

/* An IPv4 or IPv6 literal, no name, no port, no zone. -EINVAL. */
int ipaddr_parse(const char *text, struct ipaddr *out);

/* IPv4 prints as a dotted quad. Returns the length. */
size_t ipaddr_format(const struct ipaddr *addr,
    char out_text[IPADDR_TEXT_SIZE]);

/* -EAFNOSUPPORT for anything but AF_INET and AF_INET6. */
int ipaddr_from_sockaddr(const struct sockaddr *sa, struct ipaddr *out_addr,
    uint16_t *out_port);

/* An IPv4 address becomes AF_INET. Returns the length to pass on. */
socklen_t ipaddr_to_sockaddr(const struct ipaddr *addr, uint16_t port,
    struct sockaddr_storage *out);

bool ipaddr_is_v4(const struct ipaddr *addr);
bool ipaddr_is_loopback(const struct ipaddr *addr);
/* 0.0.0.0 or "::": every address of the host, and nobody's. */
bool ipaddr_is_any(const struct ipaddr *addr);
bool ipaddr_equals(const struct ipaddr *a, const struct ipaddr *b);

/*
 * Keeps the first v4_bits (0 to 32) or v6_bits (0 to 128) and clears the rest:
 * whom one limit counts as the same client, an IPv6 network of /64 say.
 */
void ipaddr_mask(struct ipaddr *addr, unsigned v4_bits, unsigned v6_bits);

/*
 * "10.0.0.0/8", "fd00::/8", or an address alone. -EINVAL for a malformed text
 * or a base with bits behind the prefix, which is usually a slip.
 */
int cidr_parse(const char *text, struct cidr *out);
size_t cidr_format(const struct cidr *cidr, char out_text[CIDR_TEXT_SIZE]);

/* "::/0" holds every IPv6 address and no IPv4 one. */
bool cidr_contains(const struct cidr *cidr, const struct ipaddr *addr);
bool cidr_list_contains(const struct cidr_list *list,
    const struct ipaddr *addr);

#endif
