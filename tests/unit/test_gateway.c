/* SPDX-License-Identifier: ISC */
/*
 * Connections of a gateway from accept to close, over loopback TCP: what a
 * client gets, and that at rest the records count what the kernel counts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/gateway_help.h"

#define BIG (900u * 1024)

static void
expect_frame(struct gateway_help *help, int client, uint8_t b0,
    const char *payload)
{
	char got[256];
	size_t len;

	assert_int_equal(gateway_help_next(help, client, got, sizeof(got),
			     &len),
	    b0);
	assert_int_equal(len, strlen(payload));
	assert_string_equal(got, payload);
}

static void
expect_end(struct gateway_help *help, int client)
{
	char byte;

	assert_false(gateway_help_recv(help, client, &byte, 1));
	(void)close(client);
}

static void
test_echo(void **state)
{
	struct gateway_help *help = *state;
	int client = gateway_help_open(help, "alice");

	gateway_help_at_rest(help);
	gateway_help_frame(help, client, 0x81, "hello", 5);
	expect_frame(help, client, 0x81, "hello");
	gateway_help_frame(help, client, 0x82, "", 0);
	expect_frame(help, client, 0x82, "");
	gateway_help_frame(help, client, 0x01, "one ", 4);
	gateway_help_frame(help, client, 0x89, "ping", 4);
	gateway_help_frame(help, client, 0x00, "two ", 4);
	gateway_help_frame(help, client, 0x80, "three", 5);
	expect_frame(help, client, 0x8a, "ping");
	expect_frame(help, client, 0x81, "one two three");
	gateway_help_at_rest(help);
	(void)close(client);
	gateway_help_live(help, 0);
	gateway_help_at_rest(help);
}

/* Requests and frames that come one byte at a time. */
static void
test_byte_by_byte(void **state)
{
	static const char bytes[] =
	    "GET /ws?client_id=slow HTTP/1.1\r\nHost: h\r\n"
	    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	    "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
	struct gateway_help *help = *state;
	int client = gateway_help_connect(help);
	char head[1024];
	size_t have = 0;

	for (size_t i = 0; i < sizeof(bytes) - 1; i++)
		gateway_help_send(help, client, bytes + i, 1);
	while (have < 4 || memcmp(head + have - 4, "\r\n\r\n", 4) != 0) {
		assert_true(gateway_help_recv(help, client, head + have, 1));
		assert_true(++have < sizeof(head));
	}
	expect_frame(help, client, 0x81, "Hello");
	gateway_help_at_rest(help);
	(void)close(client);
}

static bool
is_queued(void *arg)
{
	const struct record_body *body = arg;

	return (body->flags & RECORD_WANT_OUT) != 0;
}

/* An answer that the kernel cannot take at once waits in the arena. */
static void
test_slow_reader(void **state)
{
	struct gateway_help *help = *state;
	char *sent = malloc(BIG), *got = malloc(BIG + 1);
	int client = gateway_help_open(help, "bob");
	uint32_t rec = gateway_help_rec(help, "bob");
	int small = 128 * 1024;
	size_t len;

	assert_non_null(sent);
	assert_non_null(got);
	assert_int_equal(setsockopt(help->g->table.records[rec].body.fd,
			     SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)),
	    0);
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_RCVBUF, &small,
			     sizeof(small)),
	    0);
	for (size_t i = 0; i < BIG; i++)
		sent[i] = (char)(i * 7 + i / 256);
	for (int i = 0; i < 2; i++)
		gateway_help_frame(help, client, 0x82, sent, BIG);
	gateway_help_until(help, is_queued, &help->g->table.records[rec].body);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(gateway_help_next(help, client, got, BIG + 1,
				     &len),
		    0x82);
		assert_int_equal(len, BIG);
		assert_memory_equal(got, sent, BIG);
	}
	gateway_help_at_rest(help);
	(void)close(client);
	free(sent);
	free(got);
}

static void
test_client_closes(void **state)
{
	struct gateway_help *help = *state;
	int client = gateway_help_open(help, "alice");

	gateway_help_frame(help, client, 0x88, "\x03\xe8", 2);
	expect_frame(help, client, 0x88, "\x03\xe8");
	expect_end(help, client);
	gateway_help_live(help, 0);
	gateway_help_at_rest(help);
}

static void
test_violations(void **state)
{
	static const struct {
		uint8_t b0;
		const char *payload;
		uint16_t code;
	} cases[] = {
		{ 0x83, "x", 1002 }, /* no such opcode */
		{ 0x80, "x", 1002 }, /* nothing to continue */
		{ 0xc1, "x", 1002 }, /* compression was not agreed */
		{ 0x09, "x", 1002 }, /* a ping in parts */
		{ 0x88, "\x01\x01", 1002 },
		{ 0x81, "\xff", 1007 },
		{ 0x88, "\x03\xe8\xff", 1007 },
	};
	struct gateway_help *help = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int client = gateway_help_open(help, "mallory");

		gateway_help_frame(help, client, cases[i].b0, cases[i].payload,
		    strlen(cases[i].payload));
		gateway_help_expect_close(help, client, cases[i].code);
		expect_end(help, client);
		gateway_help_live(help, 0);
		gateway_help_at_rest(help);
	}
}

static void
test_too_big(void **state)
{
	struct gateway_help *help = *state;
	int client = gateway_help_open(help, "mallory");

	/* 2 MiB are announced: refused before a byte of them came */
	gateway_help_send(help, client, "\x82\xff\0\0\0\0\0\x20\0\0\1\2\3\4",
	    14);
	gateway_help_expect_close(help, client, 1009);
	(void)close(client);
	gateway_help_live(help, 0);
	gateway_help_at_rest(help);
}

static void
test_replaced(void **state)
{
	struct gateway_help *help = *state;
	int first = gateway_help_open(help, "alice");
	uint32_t rec = gateway_help_rec(help, "alice");
	int second = gateway_help_open(help, "alice");

	assert_int_not_equal(gateway_help_rec(help, "alice"), rec);
	gateway_help_expect_close(help, first, 4001);
	expect_end(help, first);
	gateway_help_live(help, 1);
	gateway_help_frame(help, second, 0x81, "still", 5);
	expect_frame(help, second, 0x81, "still");
	gateway_help_at_rest(help);
	(void)close(second);
}

/* The next tenant goes on in the middle of a message. */
static void
test_next_tenant(void **state)
{
	struct gateway_help *help = *state;
	int client = gateway_help_open(help, "alice");
	int waiting = gateway_help_connect(help);

	gateway_help_live(help, 2);
	gateway_help_frame(help, client, 0x01, "be", 2);
	gateway_help_send(help, client, "\x00", 1);
	gateway_help_send(help, waiting, "GET", 3);
	gateway_help_start(help);
	assert_int_equal(help->serving.adopted, 2);
	assert_int_equal(help->serving.discarded, 0);
	gateway_help_send(help, client, "\x81\0\0\0\0f", 6);
	gateway_help_start(help);
	gateway_help_frame(help, client, 0x80, "ore", 3);
	expect_frame(help, client, 0x81, "before");
	(void)close(waiting);
	gateway_help_live(help, 1);
	gateway_help_at_rest(help);
	(void)close(client);
}

/* A record that cannot be is given up, and the relay has to look at them all:
 * nobody told it of that end. */
static void
test_impossible_record(void **state)
{
	struct gateway_help *help = *state;
	int client = gateway_help_open(help, "alice");
	uint32_t rec = gateway_help_rec(help, "alice");
	struct record_body body = help->g->table.records[rec].body;
	uint32_t before = atomic_load(&help->g->slot->resync_wanted);
	int fd = body.fd;

	body.fd = -1;
	table_write(&help->g->table, rec, &body);
	gateway_help_start(help);
	assert_int_equal(help->serving.discarded, 1);
	assert_int_not_equal(atomic_load(&help->g->slot->resync_wanted),
	    before);
	gateway_help_live(help, 0);
	(void)close(fd);
	(void)close(client);
}

#define CASE(f)                                                                \
	cmocka_unit_test_setup_teardown(f, gateway_help_setup,                 \
	    gateway_help_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_echo),
		CASE(test_byte_by_byte),
		CASE(test_slow_reader),
		CASE(test_client_closes),
		CASE(test_violations),
		CASE(test_too_big),
		CASE(test_replaced),
		CASE(test_next_tenant),
		CASE(test_impossible_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
