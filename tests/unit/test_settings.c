/* SPDX-License-Identifier: ISC */
/*
 * The rows of the configuration, the relations between keys, and the way of
 * settings to a worker and back.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/log_line.h"
#include "proto/settings_check.h"
#include "proto/settings_pack.h"

static void
set(struct settings *settings, const char *name, const char *text)
{
	char reason[CONF_REASON_SIZE];

	if (conf_table_set(settings_table(), settings, name, text, reason) != 0)
		fail_msg("%s = %s: %s", name, text, reason);
}

static void
test_rows_are_sound(void **state)
{
	char reason[CONF_REASON_SIZE] = "";

	(void)state;
	if (conf_table_check(settings_table(), reason) != 0)
		fail_msg("%s", reason);
}

/* Words become enum values by their place in the row. */
static void
test_enums(void **state)
{
	struct settings s;

	(void)state;
	settings_defaults(&s);
	set(&s, "upstream.mode", "echo");
	assert_int_equal(s.upstream.mode, UPSTREAM_ECHO);
	set(&s, "auth.mode", "proxy");
	assert_int_equal(s.auth.mode, AUTH_PROXY);
	set(&s, "websocket.slow_consumer", "drop");
	assert_int_equal(s.websocket.slow_consumer, SLOW_DROP);
	for (int level = LOG_LEVEL_DEBUG; level <= LOG_LEVEL_ERROR; level++) {
		set(&s, "log.level", log_level_name((enum log_level)level));
		assert_int_equal(s.log.level, level);
	}
	set(&s, "log.format", log_format_name(LOG_FORMAT_JSON));
	assert_int_equal(s.log.format, LOG_FORMAT_JSON);
}

static void
test_defaults(void **state)
{
	struct settings s;
	char why[200] = "";

	(void)state;
	settings_defaults(&s);
	if (settings_validate(&s, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	assert_int_equal(s.node.capacity, 100000);
	assert_int_equal(s.listen_count, 1);
	assert_string_equal(s.listen[0].address, "127.0.0.1");
	assert_int_equal(s.listen[0].port, 8080);
	assert_int_equal(s.websocket.max_message, 1048576);
	assert_int_equal(s.websocket.ping_interval_ms, 15000);
	assert_int_equal(s.websocket.ping_misses, 2);
	assert_int_equal(s.admission.queue_ms, 500);
	assert_int_equal(s.drain.window_ms, 180000);
}

static void
test_validation(void **state)
{
	static const struct {
		const char *names[3];
		const char *texts[3];
		const char *key; /* named in the sentence; NULL: valid */
	} cases[] = {
		{ { "listen[0].address" }, { "0.0.0.0" }, "listen[0].address" },
		{ { "listen[0].address" }, { "::1" }, NULL },
		{ { "listen[]", "listen[1].address" }, { "2", "10.0.0.1" },
		    "listen[1].address" },
		{ { "listen[]" }, { "0" }, "listen" },
		{ { "auth.mode" }, { "proxy" }, "auth.trusted_proxies" },
		{ { "upstream.mode" }, { "stream" }, "upstream.mode" },
		{ { "upstream.mode", "redis.url" },
		    { "stream", "redis://10.0.0.1" }, NULL },
		{ { "upstream.mode", "redis.url", "websocket.max_message" },
		    { "stream", "redis://10.0.0.1", "1MiB" }, NULL },
		{ { "upstream.mode", "redis.url", "websocket.max_message" },
		    { "stream", "redis://10.0.0.1", "1048577" },
		    "websocket.max_message" },
		{ { "upstream.mode", "websocket.max_message" },
		    { "echo", "1GiB" }, NULL },
		{ { "redis.sentinel_user" }, { "asker" },
		    "redis.sentinel_password_file" },
		{ { "auth.mode", "auth.trusted_proxies", "listen[0].address" },
		    { "proxy", "10.0.0.0/8", "0.0.0.0" }, NULL },
		{ { "api.address" }, { "10.0.0.1" }, "api.tokens_file" },
		{ { "api.address", "api.tokens_file" },
		    { "10.0.0.1", "/etc/tokens" }, NULL },
		{ { "api.address", "api.enabled" }, { "10.0.0.1", "false" },
		    NULL },
		{ { "worker.backoff", "worker.backoff_max" }, { "2s", "1s" },
		    "worker.backoff" },
		{ { "node.id" }, { "ws-node_east.44" }, NULL },
		{ { "node.id" }, { "ws node" }, "node.id" },
		{ { "node.id" }, { "{ws}" }, "node.id" },
		{ { "node.id" }, { "ws:node" }, "node.id" },
		{ { "node.id" }, { "ws\xc3\xa9" }, "node.id" },
		{ { "peer.address" }, { "10.0.0.1" }, NULL },
		{ { "peer.address" }, { "0.0.0.0" }, "peer.address" },
		{ { "peer.address" }, { "::" }, "peer.address" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct settings s;
		char why[200] = "untouched";
		int rc;

		settings_defaults(&s);
		for (int j = 0; j < 3 && cases[i].names[j] != NULL; j++)
			set(&s, cases[i].names[j], cases[i].texts[j]);
		rc = settings_validate(&s, why, sizeof(why));
		if (cases[i].key == NULL) {
			assert_int_equal(rc, 0);
			continue;
		}
		assert_int_equal(rc, -EINVAL);
		assert_non_null(strstr(why, cases[i].key));
	}
}

static void
test_hidden_peer(void **state)
{
	static const struct {
		const char *peer, *redis;
		bool is_hidden;
	} cases[] = {
		{ "127.0.0.1", "", false },
		{ "127.0.0.1", "redis://127.0.0.2,localhost:7000,[::1]",
		    false },
		{ "127.0.0.1", "unix:///run/redis.sock", false },
		{ "127.0.0.1", "redis://10.0.0.1", true },
		{ "::1", "redis://127.0.0.1,redis.example.com", true },
		{ "10.0.0.2", "redis://10.0.0.1", false },
		{ "", "redis://10.0.0.1", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct settings s;

		settings_defaults(&s);
		if (cases[i].peer[0] != '\0')
			set(&s, "peer.address", cases[i].peer);
		if (cases[i].redis[0] != '\0')
			set(&s, "redis.url", cases[i].redis);
		assert_int_equal(settings_peer_is_hidden(&s),
		    cases[i].is_hidden);
	}
}

static void
test_round_trip(void **state)
{
	struct settings sent, got;
	uint32_t skipped = 99;
	uint8_t *bytes;
	size_t len;

	(void)state;
	settings_defaults(&sent);
	set(&sent, "node.id", "node-1");
	set(&sent, "websocket.origins", "https://a.example, https://b.example");
	set(&sent, "auth.trusted_proxies", "10.0.0.0/8, ::1");
	set(&sent, "worker.stall", "700ms");
	set(&sent, "api.max_body", "2KiB");
	set(&sent, "node.user", "somebody");
	set(&sent, "redis.url", "redis://10.0.0.1");
	set(&sent, "redis.user", "relay");
	set(&sent, "redis.password_file", "/etc/secret");
	set(&sent, "redis.sentinel_user", "asker");
	set(&sent, "redis.sentinel_password_file", "/etc/other-secret");
	assert_int_equal(settings_pack(&sent, SETTINGS_GATEWAY, &bytes, &len),
	    0);
	assert_int_equal(settings_unpack(bytes, len, &got, &skipped), 0);
	assert_int_equal(skipped, 0);
	assert_string_equal(got.node.id, "node-1");
	assert_string_equal(got.websocket.origins, sent.websocket.origins);
	assert_memory_equal(&got.auth.trusted_proxies,
	    &sent.auth.trusted_proxies, sizeof(sent.auth.trusted_proxies));
	assert_int_equal(got.worker.stall_ms, 700);
	/* what is not a gateway's business is not sent to one */
	assert_int_equal(got.api.max_body, 1048576);
	assert_string_equal(got.node.user, "holdfast");
	assert_null(memmem(bytes, len, "redis.", strlen("redis.")));
	assert_null(memmem(bytes, len, "secret", strlen("secret")));
	assert_string_equal(got.redis.url, "");
	assert_string_equal(got.redis.password_file, "");
	free(bytes);

	/* every row reaches whom it is meant for */
	assert_int_equal(settings_pack(&sent,
			     SETTINGS_SUPERVISOR | SETTINGS_GATEWAY |
				 SETTINGS_RELAY,
			     &bytes, &len),
	    0);
	assert_int_equal(settings_unpack(bytes, len, &got, &skipped), 0);
	assert_int_equal(conf_table_diff(settings_table(), &sent, &got, NULL,
			     NULL),
	    0);
	free(bytes);
}

/* Names and values of another version are skipped, and said so. */
static void
test_unknown(void **state)
{
	static const uint8_t packed[] = "\x0a\x0e"
					"\x0a\x09node.soul\x12\x01x"
					"\x0a\x12"
					"\x0a\x0cworker.stall\x12\x02"
					"0x"
					"\x0a\x13"
					"\x0a\x0cworker.stall\x12\x03"
					"900";
	static const uint8_t good[] = "\x0a\x15"
				      "\x0a\x0cworker.stall\x12\x05"
				      "900ms";
	struct settings got;
	uint32_t skipped = 0;

	(void)state;
	assert_int_equal(settings_unpack(packed, sizeof(packed) - 1, &got,
			     &skipped),
	    0);
	assert_int_equal(skipped, 3);
	assert_int_equal(got.worker.stall_ms, 5000);
	assert_int_equal(settings_unpack(good, sizeof(good) - 1, &got,
			     &skipped),
	    0);
	assert_int_equal(skipped, 0);
	assert_int_equal(got.worker.stall_ms, 900);
	/* nothing at all is the defaults, garbage is refused */
	assert_int_equal(settings_unpack(good, 0, &got, &skipped), 0);
	assert_int_equal(got.worker.stall_ms, 5000);
	got.worker.stall_ms = 1;
	assert_int_equal(settings_unpack(good, 7, &got, &skipped), -EPROTO);
	assert_int_equal(got.worker.stall_ms, 1);
}

/* Sends one value, by name and text, to other settings. */
static void
on_value(const char *name, const char *text, void *arg)
{
	struct settings *other = arg;

	set(other, name, text);
}

/* Whatever a row holds is printed as a text that sets it again. */
static void
test_every_row(void **state)
{
	const struct conf_table *table = settings_table();
	struct textbuf text, again;
	struct settings s, other;

	(void)state;
	settings_defaults(&s);
	memset(&other, 0, sizeof(other));
	conf_table_each(table, &s, UINT32_MAX, on_value, &other);
	assert_int_equal(conf_table_diff(table, &s, &other, NULL, NULL), 0);
	textbuf_init(&text, 1024);
	textbuf_init(&again, 1024);
	for (size_t i = 0; i < table->key_count; i++) {
		const char *name = table->keys[i].name;
		struct conf_entry entry;

		assert_int_equal(conf_table_find(table, name, &entry), 0);
		assert_ptr_equal(entry.key, &table->keys[i]);
		textbuf_reset(&text);
		textbuf_reset(&again);
		assert_int_equal(conf_table_get(table, &s, name, &text), 0);
		set(&s, name, textbuf_text(&text));
		assert_int_equal(conf_table_get(table, &s, name, &again), 0);
		assert_string_equal(textbuf_text(&text), textbuf_text(&again));
		assert_true(table->keys[i].programs != 0);
	}
	textbuf_clear(&text);
	textbuf_clear(&again);
}

/* Bytes that are not settings, or not all of them: refused or understood in
 * part, and then still settings that can be printed. */
static void
test_garbage(void **state)
{
	struct settings s, got;
	uint8_t *bytes;
	size_t len;

	(void)state;
	settings_defaults(&s);
	assert_int_equal(settings_pack(&s, SETTINGS_RELAY, &bytes, &len), 0);
	for (size_t i = 0; i < len * 8; i++) {
		uint32_t skipped = 99;
		size_t n = i % 8 == 0 ? i / 8 : len;
		int rc;

		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
		memset(&got, 0xaa, sizeof(got));
		rc = settings_unpack(bytes, n, &got, &skipped);
		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
		if (rc != 0) {
			assert_int_equal(rc, -EPROTO);
			assert_int_equal(skipped, 99);
			assert_int_equal(((uint8_t *)&got)[0], 0xaa);
			continue;
		}
		memset(&s, 0, sizeof(s));
		conf_table_each(settings_table(), &got, UINT32_MAX, on_value,
		    &s);
	}
	free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_are_sound),
		cmocka_unit_test(test_enums),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_validation),
		cmocka_unit_test(test_hidden_peer),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_every_row),
		cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
