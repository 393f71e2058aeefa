/* SPDX-License-Identifier: ISC */
/*
 * Where Redis is, as redis.url says it: what is read and what is refused.
 */
#include "lib/redis_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct redis_url
parse(const char *text)
{
	struct redis_url url;
	const char *problem = "";

	memset(&url, 0xff, sizeof(url));
	if (redis_url_parse(text, &url, &problem) != 0)
		fail_msg("%s: %s", text, problem);
	return url;
}

static void
test_hosts(void **state)
{
	struct redis_url url;

	(void)state;
	url = parse("redis://127.0.0.1:7000/3");
	assert_int_equal(url.host_count, 1);
	assert_string_equal(url.hosts[0].name, "127.0.0.1");
	assert_int_equal(url.hosts[0].port, 7000);
	assert_int_equal(url.database, 3);
	assert_string_equal(url.path, "");

	url = parse("redis://redis-1.example,[::1]:6380,redis_3");
	assert_int_equal(url.host_count, 3);
	assert_string_equal(url.hosts[0].name, "redis-1.example");
	assert_int_equal(url.hosts[0].port, 6379);
	assert_string_equal(url.hosts[1].name, "::1");
	assert_int_equal(url.hosts[1].port, 6380);
	assert_string_equal(url.hosts[2].name, "redis_3");
	assert_int_equal(url.database, 0);

	assert_false(url.tls);
	url = parse("rediss://[::1]:6380/2");
	assert_true(url.tls);
	assert_string_equal(url.hosts[0].name, "::1");
	assert_int_equal(url.database, 2);
	url = parse("redis://a/");
	assert_int_equal(url.database, 0);
	url = parse("redis://a,b,c,d,e,f,g,h/1");
	assert_int_equal(url.host_count, 8);
	assert_string_equal(url.hosts[7].name, "h");
}

static void
test_sockets(void **state)
{
	struct redis_url url;

	(void)state;
	url = parse("unix:///run/redis.sock");
	assert_string_equal(url.path, "/run/redis.sock");
	assert_int_equal(url.host_count, 0);
	assert_int_equal(url.database, 0);
	url = parse("unix:///s?db=12");
	assert_string_equal(url.path, "/s");
	assert_int_equal(url.database, 12);
}

static void
test_sentinels(void **state)
{
	struct redis_url url;

	(void)state;
	url = parse("sentinel://a,[::1]:7000/my-master");
	assert_int_equal(url.host_count, 2);
	assert_int_equal(url.hosts[0].port, 26379);
	assert_int_equal(url.hosts[1].port, 7000);
	assert_string_equal(url.master, "my-master");
	assert_int_equal(url.database, 0);
	url = parse("sentinel://a/m/5");
	assert_string_equal(url.master, "m");
	assert_int_equal(url.database, 5);
	assert_string_equal(parse("redis://a/5").master, "");

	assert_false(url.tls);
	url = parse("sentinels://a/m/5");
	assert_true(url.tls);
	assert_int_equal(url.hosts[0].port, 26379);
	assert_string_equal(url.master, "m");
	assert_int_equal(url.database, 5);
}

static void
test_refusals(void **state)
{
	static const char *const bad[] = {
		"",
		"redis:",
		"redis://",
		"redis:///1",
		"sentinel://a",
		"sentinel://a/",
		"sentinel://a//5",
		"sentinel:///m",
		"sentinels://a",
		"sentinelss://a/m",
		"sentinel://a/m m",
		"sentinel://a/m/x",
		"sentinel://a,b,c,d,e,f,g,h,i/m",
		"sentinel://a/"
		"mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
		"mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm",
		"http://a",
		"redisss://a",
		"rediss://",
		"redis://a:",
		"redis://a:0",
		"redis://a:65536",
		"redis://a:1x",
		"redis://a,",
		"redis://,a",
		"redis://a,,b",
		"redis://a b",
		"redis://[::1",
		"redis://[]",
		"redis://[::1]x",
		"redis://user:secret@a",
		"redis://a/x",
		"redis://a/1/2",
		"redis://a/65536",
		"redis://a,b,c,d,e,f,g,h,i",
		"unix://",
		"unix:///",
		"unix://x",
		"unix:///x?db=",
		"unix:///x?x=1",
	};
	struct redis_url url, before;

	(void)state;
	memset(&url, 0x55, sizeof(url));
	before = url;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *problem = NULL;

		if (redis_url_parse(bad[i], &url, &problem) == 0)
			fail_msg("taken: %s", bad[i]);
		assert_non_null(problem);
		assert_memory_equal(&url, &before, sizeof(url));
	}
}

static int
try(char *text, size_t len)
{
	struct redis_url url;
	const char *problem;
	char kept = text[len];
	int rc;

	text[len] = '\0';
	rc = redis_url_parse(text, &url, &problem);
	text[len] = kept;
	return rc;
}

static void
test_lengths(void **state)
{
	char text[300];

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "redis://", 8);
	assert_int_equal(try(text, 8 + 127), 0);
	assert_int_equal(try(text, 8 + 128), -22);
	memcpy(text, "unix:///", 8);
	assert_int_equal(try(text, 7 + 107), 0);
	assert_int_equal(try(text, 7 + 108), -22);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_sentinels),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
