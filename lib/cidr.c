/* SPDX-License-Identifier: ISC */
/*
 * Addresses and ranges (see cidr.h). The texts are read and written by
 * inet_pton() and inet_ntop(), which take no octal and no short forms.
 */
#include "lib/cidr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "lib/parse.h"

#define MAPPED_BITS 96

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff,
	0xff };

static void
set_v4(struct ipaddr *addr, const void *four)
{
	memcpy(addr->bytes, mapped_prefix, sizeof(mapped_prefix));
	memcpy(addr->bytes + sizeof(mapped_prefix), four, 4);
}

int
ipaddr_parse(const char *text, struct ipaddr *out)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, text, &v4) == 1)
		set_v4(out, &v4);
	else if (inet_pton(AF_INET6, text, &v6) == 1)
		memcpy(out->bytes, &v6, sizeof(out->bytes));
	else
		return -EINVAL;
	return 0;
}

size_t
ipaddr_format(const struct ipaddr *addr, char out_text[IPADDR_TEXT_SIZE])
{
	bool v4 = ipaddr_is_v4(addr);

	inet_ntop(v4 ? AF_INET : AF_INET6, addr->bytes + (v4 ? 12 : 0),
	    out_text, IPADDR_TEXT_SIZE);
	return strlen(out_text);
}

int
ipaddr_from_sockaddr(const struct sockaddr *sa, struct ipaddr *out_addr,
    uint16_t *out_port)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	/* Copied, since the caller's memory may not be aligned for them. */
	switch (sa->sa_family) {
	case AF_INET:
		memcpy(&v4, sa, sizeof(v4));
		set_v4(out_addr, &v4.sin_addr);
		*out_port = ntohs(v4.sin_port);
		return 0;
	case AF_INET6:
		memcpy(&v6, sa, sizeof(v6));
		memcpy(out_addr->bytes, &v6.sin6_addr, 16);
		*out_port = ntohs(v6.sin6_port);
		return 0;
	default:
		return -EAFNOSUPPORT;
	}
}

socklen_t
ipaddr_to_sockaddr(const struct ipaddr *addr, uint16_t port,
    struct sockaddr_storage *out)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	memset(out, 0, sizeof(*out));
	if (ipaddr_is_v4(addr)) {
		memcpy(&v4.sin_addr, addr->bytes + 12, 4);
		v4.sin_port = htons(port);
		memcpy(out, &v4, sizeof(v4));
		return sizeof(v4);
	}
	memcpy(&v6.sin6_addr, addr->bytes, 16);
	v6.sin6_port = htons(port);
	memcpy(out, &v6, sizeof(v6));
	return sizeof(v6);
}

bool
ipaddr_is_v4(const struct ipaddr *addr)
{
	return memcmp(addr->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

bool
ipaddr_is_loopback(const struct ipaddr *addr)
{
	static const struct ipaddr v6 = { { [15] = 1 } };

	if (ipaddr_is_v4(addr))
		return addr->bytes[12] == 127;
	return ipaddr_equals(addr, &v6);
}

bool
ipaddr_is_any(const struct ipaddr *addr)
{
	static const struct ipaddr v4 = { { [10] = 0xff, [11] = 0xff } }, v6;

	return ipaddr_equals(addr, ipaddr_is_v4(addr) ? &v4 : &v6);
}

bool
ipaddr_equals(const struct ipaddr *a, const struct ipaddr *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static void
clear_behind(struct ipaddr *addr, unsigned bits)
{
	unsigned i;

	for (i = 0; i < 16; i++) {
		unsigned keep = bits > i * 8 ? bits - i * 8 : 0;

		if (keep < 8)
			addr->bytes[i] &= (uint8_t)(0xff00u >> keep);
	}
}

void
ipaddr_mask(struct ipaddr *addr, unsigned v4_bits, unsigned v6_bits)
{
	clear_behind(addr,
	    ipaddr_is_v4(addr) ? MAPPED_BITS + v4_bits : v6_bits);
}

int
cidr_parse(const char *text, struct cidr *out)
{
	const char *slash = strchr(text, '/');
	size_t len = slash == NULL ? strlen(text) : (size_t)(slash - text);
	char base[IPADDR_TEXT_SIZE];
	struct ipaddr masked;
	struct cidr cidr;
	uint64_t bits, max;
	bool is_quad;

	if (len >= sizeof(base))
		return -EINVAL;
	memcpy(base, text, len);
	base[len] = '\0';
	if (ipaddr_parse(base, &cidr.base) != 0)
		return -EINVAL;
	/* "::ffff:10.0.0.0/104" counts its bits as IPv6 does. */
	is_quad = strchr(base, ':') == NULL;
	max = is_quad ? 32 : 128;
	bits = max;
	if (slash != NULL && parse_u64(slash + 1, 0, max, &bits) != 0)
		return -EINVAL;
	cidr.bits = (uint8_t)(is_quad ? MAPPED_BITS + bits : bits);
	masked = cidr.base;
	clear_behind(&masked, cidr.bits);
	if (!ipaddr_equals(&masked, &cidr.base))
		return -EINVAL;
	*out = cidr;
	return 0;
}

size_t
cidr_format(const struct cidr *cidr, char out_text[CIDR_TEXT_SIZE])
{
	bool v4 = ipaddr_is_v4(&cidr->base) && cidr->bits >= MAPPED_BITS;
	unsigned bits = v4 ? cidr->bits - MAPPED_BITS : cidr->bits;
	size_t len = ipaddr_format(&cidr->base, out_text);

	return len +
	    (size_t)snprintf(out_text + len, CIDR_TEXT_SIZE - len, "/%u", bits);
}

bool
cidr_contains(const struct cidr *cidr, const struct ipaddr *addr)
{
	unsigned whole = cidr->bits / 8;
	unsigned rest = cidr->bits % 8;

	if (ipaddr_is_v4(addr) && cidr->bits < MAPPED_BITS)
		return false;
	if (memcmp(cidr->base.bytes, addr->bytes, whole) != 0)
		return false;
	return rest == 0 ||
	    ((cidr->base.bytes[whole] ^ addr->bytes[whole]) &
		(0xff00u >> rest) & 0xffu) == 0;
}

bool
cidr_list_contains(const struct cidr_list *list, const struct ipaddr *addr)
{
	uint32_t i;

	for (i = 0; i < list->count && i < CIDR_LIST_MAX; i++)
		if (cidr_contains(&list->items[i], addr))
			return true;
	return false;
}
