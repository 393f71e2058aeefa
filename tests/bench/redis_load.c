/* SPDX-License-Identifier: ISC */
/*
 * redis_load: the other side of a node that hears a channel of Redis, and what
 * the node's own share of the work is measured by.
 *
 *	publish	 -m documents of -s bytes to -k CHANNEL, in turn to the
 *		 clients of a ws_load with -c CONNECTIONS and --id-prefix
 *		 PREFIX (-i); -r a second, or as fast as Redis answers
 *	count	 a bare subscriber, which does nothing but count -m documents:
 *		 what there is to be had on this machine
 *	xadd	 -m entries with data of -s bytes to 16 streams -k:PARTITION,
 *		 with the fields that a node adds what its clients send with
 *
 * Each prints one JSON object.  count says "ready" on stderr when it hears the
 * channel.  Exit code: 0, or 2 for usage and for a Redis that goes away.
 */
#include <err.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <hiredis/hiredis.h>

#include "lib/clock.h"
#include "lib/parse.h"
#include "tests/bench/common_push.h"

enum { BATCH_MAX = 256, HEAD_MAX = 512, PARTITIONS = 16, TICK_NS = 500000 };

struct load {
	const char *channel;
	const char *prefix;
	uint64_t port;
	uint64_t messages;
	uint64_t connections;
	uint64_t rate; /* 0: any */
	uint64_t size;
};

static _Noreturn void
usage(void)
{
	fprintf(stderr,
	    "usage: redis_load publish|count|xadd -p PORT -k CHANNEL "
	    "-m MESSAGES\n"
	    "\t[-c CONNECTIONS] [-i ID_PREFIX] [-r RATE] [-s BYTES]\n");
	exit(2);
}

static uint64_t
number(const char *text, uint64_t min, uint64_t max)
{
	uint64_t value;

	if (parse_u64(text, min, max, &value) < 0)
		errx(2, "%s: not a number from %" PRIu64 " to %" PRIu64, text,
		    min, max);
	return value;
}

static void
options_parse(int argc, char **argv, struct load *out)
{
	int option;

	*out = (struct load){ .channel = "channel:bench",
		.prefix = "push-",
		.port = 6379,
		.messages = 1000,
		.connections = 1,
		.size = 500 };
	while ((option = getopt(argc, argv, "p:k:m:c:i:r:s:")) != -1) {
		switch (option) {
		case 'p':
			out->port = number(optarg, 1, 65535);
			break;
		case 'k':
			out->channel = optarg;
			break;
		case 'm':
			out->messages = number(optarg, 1, UINT32_MAX);
			break;
		case 'c':
			out->connections = number(optarg, 1, UINT32_MAX);
			break;
		case 'i':
			out->prefix = optarg;
			break;
		case 'r':
			out->rate = number(optarg, 0, 10000000);
			break;
		case 's':
			out->size = number(optarg, PUSH_MIN_LEN, PUSH_MAX_LEN);
			break;
		default:
			usage();
		}
	}
	if (optind != argc || strlen(out->channel) > HEAD_MAX / 2 ||
	    strlen(out->prefix) >= WIRE_CLIENT_ID_LEN)
		usage();
}

static redisReply *
take(redisContext *redis)
{
	void *reply;

	if (redisGetReply(redis, &reply) != REDIS_OK)
		errx(2, "redis-server: %s", redis->errstr);
	return reply;
}

/* ---- publish */

/* The command, with a document to be filled in; returns its length. */
static size_t
command_format(const struct load *load, char *out, size_t *out_doc_at)
{
	int len;

	len = snprintf(out, HEAD_MAX,
	    "*3\r\n$7\r\nPUBLISH\r\n$%zu\r\n%s\r\n$%" PRIu64 "\r\n",
	    strlen(load->channel), load->channel, load->size);
	*out_doc_at = (size_t)len;
	push_format(out + len, load->size);
	memcpy(out + len + load->size, "\r\n", 2);
	return (size_t)len + load->size + 2;
}

/* So many of them may have been sent by now. */
static uint64_t
due(const struct load *load, uint64_t begun_ns)
{
	uint64_t count;

	if (load->rate == 0)
		return load->messages;
	count = (clock_mono_ns() - begun_ns) / 1000 * load->rate / 1000000;
	return count < load->messages ? count : load->messages;
}

static void
batch_send(const struct load *load, redisContext *redis, char *command,
    size_t len, size_t doc_at, uint64_t first, uint64_t count)
{
	char id[WIRE_CLIENT_ID_LEN + 1];
	uint64_t i;

	for (i = first; i < first + count; i++) {
		wire_client_id_format(load->prefix, i % load->connections, id);
		push_set(command + doc_at, id,
		    (uint32_t)(i / load->connections), clock_mono_ns());
		if (redisAppendFormattedCommand(redis, command, len) !=
		    REDIS_OK)
			errx(2, "redis-server: %s", redis->errstr);
	}
	for (i = 0; i < count; i++)
		freeReplyObject(take(redis));
}

static void
publish(const struct load *load, redisContext *redis)
{
	const struct timespec tick = { .tv_nsec = TICK_NS };
	char *command = malloc(HEAD_MAX + PUSH_MAX_LEN + 3);
	uint64_t sent = 0, count, begun_ns;
	size_t len, doc_at;

	if (command == NULL)
		err(2, "malloc");
	len = command_format(load, command, &doc_at);
	begun_ns = clock_mono_ns();
	while (sent < load->messages) {
		count = due(load, begun_ns) - sent;
		if (count == 0) {
			nanosleep(&tick, NULL);
			continue;
		}
		if (count > BATCH_MAX)
			count = BATCH_MAX;
		batch_send(load, redis, command, len, doc_at, sent, count);
		sent += count;
	}
	printf("{\"messages\": %" PRIu64 ", \"seconds\": %.6f}\n", sent,
	    (double)(clock_mono_ns() - begun_ns) / 1e9);
	free(command);
}

/* ---- count */

static void
count(const struct load *load, redisContext *redis)
{
	uint64_t counted = 0, first_ns = 0;

	if (redisAppendCommand(redis, "SUBSCRIBE %s", load->channel) !=
	    REDIS_OK)
		errx(2, "redis-server: %s", redis->errstr);
	freeReplyObject(take(redis));
	fprintf(stderr, "ready\n");
	while (counted < load->messages) {
		freeReplyObject(take(redis));
		if (counted++ == 0)
			first_ns = clock_mono_ns();
	}
	printf("{\"messages\": %" PRIu64 ", \"seconds\": %.6f}\n", counted,
	    (double)(clock_mono_ns() - first_ns) / 1e9);
}

/* ---- xadd */

static void
entry_append(const struct load *load, redisContext *redis, const char *data,
    uint64_t number)
{
	uint64_t client = number % load->connections;
	char key[HEAD_MAX], id[WIRE_CLIENT_ID_LEN + 1], uuid[48], seq[24],
	    at[24];
	const char *argv[] = { "XADD", key, "*", "client_id", id, "node",
		"bench", "connection", uuid, "seq", seq, "type", "text",
		"received_at", at, "data", data };
	enum { ARGC = sizeof(argv) / sizeof(argv[0]) };
	size_t i, lens[ARGC];

	snprintf(key, sizeof(key), "%s:%" PRIu64, load->channel,
	    client % PARTITIONS);
	wire_client_id_format(load->prefix, client, id);
	snprintf(uuid, sizeof(uuid), "00000000-0000-4000-8000-%012" PRIx64,
	    client);
	snprintf(seq, sizeof(seq), "%" PRIu64, number / load->connections + 1);
	snprintf(at, sizeof(at), "%" PRIu64, clock_real_ms());
	for (i = 0; i < ARGC; i++)
		lens[i] = strlen(argv[i]);
	if (redisAppendCommandArgv(redis, ARGC, argv, lens) != REDIS_OK)
		errx(2, "redis-server: %s", redis->errstr);
}

static void
xadd(const struct load *load, redisContext *redis)
{
	char *data = malloc(load->size + 1);
	uint64_t sent = 0, added, begun_ns = clock_mono_ns();

	if (data == NULL)
		err(2, "malloc");
	memset(data, 'x', load->size);
	data[load->size] = '\0';
	for (added = 0; added < load->messages; added++) {
		/* One batch is under way while the next one is made. */
		if (added % BATCH_MAX == 0)
			for (; sent < load->messages &&
			     sent < added + 2ull * BATCH_MAX;
			     sent++)
				entry_append(load, redis, data, sent);
		freeReplyObject(take(redis));
	}
	printf("{\"messages\": %" PRIu64 ", \"seconds\": %.6f}\n", sent,
	    (double)(clock_mono_ns() - begun_ns) / 1e9);
	free(data);
}

int
main(int argc, char **argv)
{
	redisContext *redis;
	struct load load;

	if (argc < 2)
		usage();
	options_parse(argc - 1, argv + 1, &load);
	redis = redisConnect("127.0.0.1", (int)load.port);
	if (redis == NULL || redis->err != 0)
		errx(2, "redis-server: %s",
		    redis == NULL ? "no memory" : redis->errstr);
	if (strcmp(argv[1], "publish") == 0)
		publish(&load, redis);
	else if (strcmp(argv[1], "count") == 0)
		count(&load, redis);
	else if (strcmp(argv[1], "xadd") == 0)
		xadd(&load, redis);
	else
		usage();
	redisFree(redis);
	return 0;
}
