/* SPDX-License-Identifier: ISC */
/* Unit tests of addresses and address ranges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "lib/cidr.h"

static struct ipaddr
addr(const char *text)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_parse(text, &a), 0);
	return a;
}

static void
test_addresses_and_texts(void **state)
{
	static const char *const texts[] = { "0.0.0.0", "127.0.0.1",
		"255.255.255.255", "::", "::1", "2001:db8::1",
		"fe80::1:2:3:4" };
	static const char *const bad[] = { "", "1.2.3", "1.2.3.4.5", "01.2.3.4",
		"256.1.1.1", "1.2.3.4 ", "::1%lo", "[::1]", "localhost",
		"1.2.3.4:80", ":::" };
	char text[IPADDR_TEXT_SIZE];
	struct ipaddr a;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		a = addr(texts[i]);
		assert_int_equal(ipaddr_format(&a, text), strlen(texts[i]));
		assert_string_equal(text, texts[i]);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ipaddr_parse(bad[i], &a), -EINVAL);
	/* The same address in two clothes. */
	a = addr("::ffff:1.2.3.4");
	assert_true(ipaddr_is_v4(&a));
	ipaddr_format(&a, text);
	assert_string_equal(text, "1.2.3.4");
}

static void
test_sockaddrs(void **state)
{
	static const char *const texts[] = { "10.1.2.3", "2001:db8::5" };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_storage ss;
	struct ipaddr a, b;
	uint16_t port;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		a = addr(texts[i]);
		assert_int_equal(ipaddr_to_sockaddr(&a, 8080, &ss),
		    i == 0 ? sizeof(struct sockaddr_in) :
			     sizeof(struct sockaddr_in6));
		assert_int_equal(ss.ss_family, i == 0 ? AF_INET : AF_INET6);
		assert_int_equal(ipaddr_from_sockaddr((struct sockaddr *)&ss,
				     &b, &port),
		    0);
		assert_true(ipaddr_equals(&a, &b));
		assert_int_equal(port, 8080);
	}
	assert_int_equal(ipaddr_from_sockaddr((struct sockaddr *)&un, &b,
			     &port),
	    -EAFNOSUPPORT);
}

static void
test_loopback_and_mask(void **state)
{
	struct ipaddr a, b;

	(void)state;
	a = addr("127.9.9.9");
	assert_true(ipaddr_is_loopback(&a));
	a = addr("::1");
	assert_true(ipaddr_is_loopback(&a));
	a = addr("128.0.0.1");
	assert_false(ipaddr_is_loopback(&a));
	a = addr("::127.0.0.1");
	assert_false(ipaddr_is_loopback(&a));
	a = addr("0.0.0.0");
	assert_true(ipaddr_is_any(&a));
	a = addr("::");
	assert_true(ipaddr_is_any(&a));
	a = addr("::1");
	assert_false(ipaddr_is_any(&a));
	a = addr("0.0.0.1");
	assert_false(ipaddr_is_any(&a));
	a = addr("10.1.2.3");
	ipaddr_mask(&a, 32, 0);
	b = addr("10.1.2.3");
	assert_true(ipaddr_equals(&a, &b));
	ipaddr_mask(&a, 12, 0);
	b = addr("10.0.0.0");
	assert_true(ipaddr_equals(&a, &b));
	a = addr("2001:db8:1:2:3:4:5:6");
	ipaddr_mask(&a, 32, 64);
	b = addr("2001:db8:1:2::");
	assert_true(ipaddr_equals(&a, &b));
	ipaddr_mask(&a, 32, 0);
	b = addr("::");
	assert_true(ipaddr_equals(&a, &b));
}

static void
test_parse_and_format(void **state)
{
	static const char *const good[] = { "10.0.0.0/8", "0.0.0.0/0",
		"1.2.3.4/32", "fd00::/8", "::/0", "::1/128",
		"2001:db8:8000::/33" };
	static const char *const bad[] = { "", "/8", "10.0.0.0/", "10.0.0.0/33",
		"10.0.0.1/8", "10.0.0.0/8/8", "10.0.0.0/+8", "10.0.0.0 /8",
		"::/129", "fd00::1/8", "10/8", "a/8",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/8" };
	char text[CIDR_TEXT_SIZE];
	struct cidr c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(cidr_parse(good[i], &c), 0);
		assert_int_equal(cidr_format(&c, text), strlen(good[i]));
		assert_string_equal(text, good[i]);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(cidr_parse(bad[i], &c), -EINVAL);
	assert_int_equal(cidr_parse("1.2.3.4", &c), 0);
	assert_int_equal(c.bits, 128);
	assert_int_equal(cidr_parse("::ffff:10.0.0.0/104", &c), 0);
	cidr_format(&c, text);
	assert_string_equal(text, "10.0.0.0/8");
}

static bool
contains(const char *range, const char *text)
{
	struct ipaddr a = addr(text);
	struct cidr c;

	assert_int_equal(cidr_parse(range, &c), 0);
	return cidr_contains(&c, &a);
}

static void
test_contains(void **state)
{
	(void)state;
	assert_true(contains("10.0.0.0/8", "10.255.0.1"));
	assert_false(contains("10.0.0.0/8", "11.0.0.0"));
	assert_true(contains("10.0.0.0/9", "10.127.255.255"));
	assert_false(contains("10.0.0.0/9", "10.128.0.0"));
	assert_true(contains("1.2.3.4/31", "1.2.3.5"));
	assert_false(contains("1.2.3.4/31", "1.2.3.6"));
	assert_true(contains("0.0.0.0/0", "255.1.2.3"));
	assert_false(contains("0.0.0.0/0", "::1"));
	/* The families stay apart. */
	assert_true(contains("::/0", "2001:db8::1"));
	assert_false(contains("::/0", "1.2.3.4"));
	assert_true(contains("::1", "::1"));
	assert_false(contains("::1", "::2"));
	assert_true(contains("fd00::/8", "fdff::"));
	assert_false(contains("fd00::/8", "fe00::"));
}

static void
test_contains_agrees_with_bit_by_bit(void **state)
{
	uint32_t x = 2463534242u;
	int round;
	unsigned i;

	(void)state;
	for (round = 0; round < 20000; round++) {
		struct ipaddr a, b;
		struct cidr c;
		bool wanted = true;

		for (i = 0; i < 16; i++) {
			x ^= x << 13;
			x ^= x >> 17;
			x ^= x << 5;
			a.bytes[i] = (uint8_t)x;
			b.bytes[i] = a.bytes[i];
		}
		a.bytes[0] = b.bytes[0] = 0x20; /* no mapped IPv4 */
		b.bytes[x % 15 + 1] ^= (uint8_t)(1u << (x >> 8) % 8);
		c.bits = (uint8_t)((x >> 16) % 129);
		c.base = a;
		for (i = 0; i < c.bits; i++)
			if (((a.bytes[i / 8] ^ b.bytes[i / 8]) &
				(0x80 >> i % 8)) != 0)
				wanted = false;
		assert_int_equal(cidr_contains(&c, &b), wanted);
	}
}

static void
test_lists(void **state)
{
	struct cidr_list list = { 0 };
	struct ipaddr a = addr("10.1.1.1");

	(void)state;
	assert_false(cidr_list_contains(&list, &a));
	assert_int_equal(cidr_parse("::/0", &list.items[0]), 0);
	assert_int_equal(cidr_parse("10.0.0.0/8", &list.items[1]), 0);
	list.count = 1;
	assert_false(cidr_list_contains(&list, &a));
	list.count = 2;
	assert_true(cidr_list_contains(&list, &a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_and_texts),
		cmocka_unit_test(test_sockaddrs),
		cmocka_unit_test(test_loopback_and_mask),
		cmocka_unit_test(test_parse_and_format),
		cmocka_unit_test(test_contains),
		cmocka_unit_test(test_contains_agrees_with_bit_by_bit),
		cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
