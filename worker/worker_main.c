/* SPDX-License-Identifier: ISC */
/*
 * The command line of every worker program.  The supervisor and the keeper
 * itself write it, so anything unexpected is somebody at a shell, who is told
 * to start holdfastd instead.
 */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/parse.h"
#include "worker/keeper.h"

enum option_code {
	OPTION_KEEPER = 1,
	OPTION_SLOT,
	OPTION_CHANNEL,
	OPTION_RESUME
};

static int
parse_fd(const char *text, int *out)
{
	uint64_t value;
	int rc = parse_u64(text, 0, INT_MAX, &value);

	if (rc == 0)
		*out = (int)value;
	return rc;
}

static int
parse_slot(const char *text, uint32_t *out)
{
	uint64_t value;
	int rc = parse_u64(text, 0, SLOT_FD_OWN, &value);

	if (rc == 0)
		*out = (uint32_t)value;
	return rc;
}

static int
usage(const struct worker_ops *ops)
{
	fprintf(stderr, "%s %s is started by holdfastd(8), not by hand\n",
	    ops->program, HOLDFAST_VERSION);
	return 2;
}

int
worker_main(int argc, char **argv, const struct worker_ops *ops)
{
	static const struct option options[] = {
		{ "keeper", no_argument, NULL, OPTION_KEEPER },
		{ "slot", required_argument, NULL, OPTION_SLOT },
		{ "channel", required_argument, NULL, OPTION_CHANNEL },
		{ "resume", required_argument, NULL, OPTION_RESUME },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	struct keeper_args args = { .channel_fd = -1, .table_fd = -1 };
	bool is_keeper = false;
	int option, rc = 0;

	opterr = 0;
	while (rc == 0 &&
	    (option = getopt_long(argc, argv, "V", options, NULL)) != -1)
		switch (option) {
		case OPTION_KEEPER:
			is_keeper = true;
			break;
		case OPTION_SLOT:
			rc = parse_slot(optarg, &args.slot_no);
			break;
		case OPTION_CHANNEL:
			rc = parse_fd(optarg, &args.channel_fd);
			break;
		case OPTION_RESUME:
			rc = parse_fd(optarg, &args.table_fd);
			break;
		case 'V':
			printf("%s %s\n", ops->program, HOLDFAST_VERSION);
			return 0;
		default:
			return usage(ops);
		}
	/* One of both lives. */
	if (rc != 0 || !is_keeper || optind != argc ||
	    (args.channel_fd == -1) == (args.table_fd == -1))
		return usage(ops);
	return keeper_main(ops, &args);
}
