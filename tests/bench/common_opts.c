/* SPDX-License-Identifier: ISC */
/*
 * Command line of ws_load, see common_opts.h and the comment in ws_load.c.
 */
#include "tests/bench/common_opts.h"

#include <arpa/inet.h>

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/parse.h"
#include "tests/bench/common_wire.h"

enum {
	OPT_VERIFY = 256,
	OPT_ID_PREFIX,
	OPT_NO_CLIENT_ID,
	OPT_HEADER,
	OPT_SOURCES,
	OPT_INTERVAL,
	OPT_PROBE,
	OPT_RECONNECT,
	OPT_DRAIN,
	OPT_OPEN_TIMEOUT,
	OPT_PATH
};

enum { FLAG_JSON, FLAG_BINARY, FLAG_BRIEF, FLAG_CLOSE_FRAME, FLAG_COUNT };
enum { MAX_MS = 1000000000 };

/* Set by getopt_long() itself. */
static int flags[FLAG_COUNT];

/* Each of these fields is a uint64_t. */
struct number_option {
	int option;
	int is_ms; /* in the field: nanoseconds */
	size_t offset;
	uint64_t min;
	uint64_t max;
};

#define FIELD(name) offsetof(struct load_opts, name)

static const struct number_option number_options[] = {
	{ 'c', 0, FIELD(connections), 1, 10000000 },
	{ 'n', 0, FIELD(in_flight), 1, 100000 },
	{ 's', 0, FIELD(payload), WIRE_MIN_PAYLOAD, 1 << 28 },
	{ 'd', 0, FIELD(depth), 1, 10000 },
	{ 'P', 0, FIELD(procs), 1, OPTS_MAX_PROCS },
	{ 'r', 0, FIELD(rate), 0, 10000000 },
	{ OPT_SOURCES, 0, FIELD(sources), 0, 60000 },
	{ OPT_INTERVAL, 1, FIELD(interval_ns), 0, 0 },
	{ OPT_PROBE, 1, FIELD(probe_ns), 0, 0 },
	{ OPT_DRAIN, 1, FIELD(drain_ns), 0, 0 },
	{ OPT_OPEN_TIMEOUT, 1, FIELD(open_timeout_ns), 0, 0 },
};

static const struct option long_options[] = { { "connect", required_argument,
						  NULL, 'a' },
	{ "connections", required_argument, NULL, 'c' },
	{ "in-flight", required_argument, NULL, 'n' },
	{ "seconds", required_argument, NULL, 't' },
	{ "payload", required_argument, NULL, 's' },
	{ "depth", required_argument, NULL, 'd' },
	{ "processes", required_argument, NULL, 'P' },
	{ "rate", required_argument, NULL, 'r' },
	{ "path", required_argument, NULL, OPT_PATH },
	{ "verify", required_argument, NULL, OPT_VERIFY },
	{ "id-prefix", required_argument, NULL, OPT_ID_PREFIX },
	{ "no-client-id", no_argument, NULL, OPT_NO_CLIENT_ID },
	{ "header", required_argument, NULL, OPT_HEADER },
	{ "sources", required_argument, NULL, OPT_SOURCES },
	{ "interval-ms", required_argument, NULL, OPT_INTERVAL },
	{ "probe-ms", required_argument, NULL, OPT_PROBE },
	{ "reconnect", required_argument, NULL, OPT_RECONNECT },
	{ "json", no_argument, &flags[FLAG_JSON], 1 },
	{ "binary", no_argument, &flags[FLAG_BINARY], 1 },
	{ "brief", no_argument, &flags[FLAG_BRIEF], 1 },
	{ "close-frame", no_argument, &flags[FLAG_CLOSE_FRAME], 1 },
	{ "drain-ms", required_argument, NULL, OPT_DRAIN },
	{ "open-timeout-ms", required_argument, NULL, OPT_OPEN_TIMEOUT },
	{ NULL, 0, NULL, 0 } };

static const char *const mode_names[] = { [MODE_STORM] = "storm",
	[MODE_HOLD] = "hold",
	[MODE_ECHO] = "echo",
	[MODE_SEQUENCE] = "sequence" };

const char *
load_mode_name(enum load_mode mode)
{
	return mode_names[mode];
}

static _Noreturn void
usage(void)
{
	fprintf(stderr,
	    "usage: ws_load storm|hold|echo|sequence "
	    "[-a HOST:PORT[,HOST:PORT...]] [-c CONNECTIONS]\n"
	    "\t[-n HANDSHAKES_IN_FLIGHT] [-t SECONDS] [-s PAYLOAD_BYTES] "
	    "[-d DEPTH]\n"
	    "\t[-P PROCESSES] [-r OPENINGS_PER_SECOND] [--path PATH] "
	    "[--verify none|once|all]\n"
	    "\t[--id-prefix TEXT] [--no-client-id] [--header LINE] "
	    "[--sources N]\n"
	    "\t[--interval-ms N] [--probe-ms N] "
	    "[--reconnect BASE_MS[,CAP_MS[,JITTER_PERCENT[,STABLE_MS]]]]\n"
	    "\t[--drain-ms N] [--open-timeout-ms N] [--close-frame] "
	    "[--binary] [--brief] [--json]\n");
	exit(2);
}

static uint64_t
number(const char *text, uint64_t min, uint64_t max)
{
	uint64_t value;

	if (parse_u64(text, min, max, &value) < 0)
		errx(2, "%s: not a number from %llu to %llu", text,
		    (unsigned long long)min, (unsigned long long)max);
	return value;
}

static uint64_t
milliseconds(const char *text)
{
	return number(text, 0, MAX_MS) * 1000000;
}

static uint64_t
seconds(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0' || !(value >= 0 && value < 1e6))
		errx(2, "%s: not a number of seconds", text);
	return (uint64_t)(value * 1e9);
}

static void
targets_parse(char *text, struct load_opts *opts)
{
	struct sockaddr_in *sin;
	char *save = NULL, *item, *colon;

	opts->n_targets = 0;
	for (item = strtok_r(text, ",", &save); item != NULL;
	     item = strtok_r(NULL, ",", &save)) {
		if (opts->n_targets == OPTS_MAX_TARGETS)
			errx(2, "more than %d targets", OPTS_MAX_TARGETS);
		sin = &opts->targets[opts->n_targets++];
		colon = strrchr(item, ':');
		if (colon == NULL)
			errx(2, "%s: not HOST:PORT", item);
		*colon = '\0';
		sin->sin_family = AF_INET;
		sin->sin_port = htons((uint16_t)number(colon + 1, 1, 65535));
		if (inet_pton(AF_INET, item, &sin->sin_addr) != 1)
			errx(2, "%s: not an IPv4 address", item);
	}
	if (opts->n_targets == 0)
		usage();
}

static void
reconnect_parse(char *text, struct load_opts *opts)
{
	uint64_t *const fields[] = { &opts->retry.base_ms, &opts->retry.cap_ms,
		&opts->retry.jitter_percent, &opts->retry.stable_ms };
	char *save = NULL, *item;
	size_t i = 0;

	for (item = strtok_r(text, ",", &save); item != NULL;
	     item = strtok_r(NULL, ",", &save)) {
		if (i == sizeof(fields) / sizeof(fields[0]))
			usage();
		*fields[i] = number(item, i < 2 ? 1 : 0,
		    i == 2 ? 100 : RETRY_MAX_MS);
		i++;
	}
	if (i == 0)
		usage();
}

static void
header_add(const char *line, struct load_opts *opts)
{
	size_t used = strlen(opts->extra_headers);
	size_t left = sizeof(opts->extra_headers) - used;

	if (snprintf(opts->extra_headers + used, left, "%s\r\n", line) >=
	    (int)left)
		errx(2, "--header: too long");
}

static enum load_verify
verify_parse(const char *text)
{
	if (strcmp(text, "none") == 0)
		return VERIFY_NONE;
	if (strcmp(text, "once") == 0)
		return VERIFY_ONCE;
	if (strcmp(text, "all") == 0)
		return VERIFY_ALL;
	usage();
}

static int
option_apply_number(int option, const char *text, struct load_opts *opts)
{
	const struct number_option *row;
	uint64_t value;
	size_t i;

	for (i = 0; i < sizeof(number_options) / sizeof(*row); i++) {
		row = &number_options[i];
		if (row->option != option)
			continue;
		if (row->is_ms)
			value = milliseconds(text);
		else
			value = number(text, row->min, row->max);
		memcpy((char *)opts + row->offset, &value, sizeof(value));
		return 1;
	}
	return 0;
}

static void
option_apply(int option, char *text, struct load_opts *opts)
{
	if (option_apply_number(option, text, opts))
		return;
	switch (option) {
	case 'a':
		targets_parse(text, opts);
		break;
	case 't':
		opts->run_ns = seconds(text);
		break;
	case OPT_PATH:
		opts->path = text;
		break;
	case OPT_VERIFY:
		opts->verify = verify_parse(text);
		break;
	case OPT_ID_PREFIX:
		opts->id_prefix = text;
		break;
	case OPT_NO_CLIENT_ID:
		opts->id_prefix = NULL;
		break;
	case OPT_HEADER:
		header_add(text, opts);
		break;
	case OPT_RECONNECT:
		reconnect_parse(text, opts);
		break;
	default:
		usage();
	}
}

static void
defaults_set(struct load_opts *opts)
{
	static char target[] = "127.0.0.1:8080";
	static char prefix[16];

	*opts = (struct load_opts){ .verify = VERIFY_ONCE,
		.path = "/ws",
		.connections = 200,
		.in_flight = 128,
		.sources = 64,
		.depth = 1,
		.payload = 125,
		.run_ns = 3000000000u,
		.drain_ns = 5000000000u,
		.open_timeout_ns = 30000000000u,
		.probe_ns = 10000000000u,
		.retry = { .cap_ms = RETRY_CAP_MS,
		    .jitter_percent = RETRY_JITTER_PERCENT,
		    .stable_ms = RETRY_STABLE_MS } };
	targets_parse(target, opts);
	/* Two runs against one node must not replace each other's clients. */
	snprintf(prefix, sizeof(prefix), "load%05d-", (int)(getpid() % 100000));
	opts->id_prefix = prefix;
}

void
load_opts_parse(int argc, char **argv, struct load_opts *out)
{
	uint64_t least;
	int option;
	size_t i;

	if (argc < 2)
		usage();
	defaults_set(out);
	for (i = 0; i < sizeof(mode_names) / sizeof(mode_names[0]); i++) {
		if (strcmp(argv[1], mode_names[i]) == 0)
			break;
	}
	if (i == sizeof(mode_names) / sizeof(mode_names[0]))
		usage();
	out->mode = (enum load_mode)i;
	argc--;
	argv++;
	while ((option = getopt_long(argc, argv,
		    "a:c:n:t:s:d:P:r:", long_options, NULL)) != -1)
		if (option != 0)
			option_apply(option, optarg, out);
	if (optind != argc)
		usage();
	out->is_json = flags[FLAG_JSON];
	out->is_binary = flags[FLAG_BINARY];
	out->is_brief = flags[FLAG_BRIEF];
	out->sends_close = flags[FLAG_CLOSE_FRAME];
	if (out->mode == MODE_STORM)
		out->connections = out->in_flight;
	if (out->mode == MODE_HOLD)
		out->depth = 1;
	least = (out->connections - 1) / OPTS_CONNS_PER_PROC + 1;
	if (out->procs < least)
		out->procs = least;
	if (out->procs > OPTS_MAX_PROCS || out->procs > out->connections)
		errx(2,
		    "%" PRIu64 " processes for %" PRIu64
		    " connections: at most %d, and one "
		    "per connection",
		    out->procs, out->connections, OPTS_MAX_PROCS);
	if (out->in_flight < out->procs)
		out->in_flight = out->procs;
}
