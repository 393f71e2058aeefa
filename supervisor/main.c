/* SPDX-License-Identifier: ISC */
/*
 * holdfastd: reads its options and its configuration, then runs the
 * supervisor in the foreground.  Exits with 0, 1 for a failure, 2 for wrong
 * usage.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "supervisor/init.h"
#include "supervisor/log_setup.h"
#include "supervisor/supervisor.h"
#include "supervisor/upgrade/resume.h"

#define CONFIG_DEFAULT HOLDFAST_SYSCONFDIR "/holdfast/holdfast.conf"
#define EXIT_USAGE     2
#define ERRORS_MAX     (64u * 1024)

struct options {
	const char *config;
	bool check; /* -n */
	bool show;  /* -T */
	/* Below: only from another holdfastd, never by hand; -1: not given. */
	int init_fd;	/* -I: to process 1, as its child */
	int upgrade_fd; /* -U: to the supervisor that we replace */
	/* -R: what we were before our exec; -G, -L: its workers' programs;
	 * -K: who waits for the end of the upgrade */
	struct resume_fds resume;
};

static const char usage_text[] =
    "usage: holdfastd [-hnTV] [-c file]\n"
    "  -c file  configuration (default " CONFIG_DEFAULT ")\n"
    "  -n       check the configuration and exit\n"
    "  -T       print the effective configuration, with the origin of each\n"
    "           value, and exit\n"
    "  -V       print the version and exit\n"
    "  -h       print this and exit\n";

/* -1: go on; otherwise the exit code. */
static int
parse_options(int argc, char **argv, struct options *options)
{
	int c;

	options->config = CONFIG_DEFAULT;
	while ((c = getopt(argc, argv, "c:hnG:I:K:L:R:TU:V")) != -1) {
		switch (c) {
		case 'c':
			options->config = optarg;
			break;
		case 'n':
			options->check = true;
			break;
		case 'T':
			options->show = true;
			break;
		case 'I':
			options->init_fd = atoi(optarg);
			break;
		case 'K':
			options->resume.caller = atoi(optarg);
			break;
		case 'G':
			options->resume.gateway = atoi(optarg);
			break;
		case 'L':
			options->resume.relay = atoi(optarg);
			break;
		case 'R':
			options->resume.state = atoi(optarg);
			break;
		case 'U':
			options->upgrade_fd = atoi(optarg);
			break;
		case 'V':
			puts("holdfastd " HOLDFAST_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			fputs(usage_text, stdout);
			return EXIT_SUCCESS;
		default:
			fputs(usage_text, stderr);
			return EXIT_USAGE;
		}
	}
	if (optind != argc) {
		fputs(usage_text, stderr);
		return EXIT_USAGE;
	}
	return -1;
}

static int
load(const struct options *options, const json_t *memory,
    struct node_conf *conf)
{
	struct textbuf errors;
	int rc;

	if (memory != NULL && resume_conf(memory, options->config, conf) == 0)
		return 0;
	textbuf_init(&errors, ERRORS_MAX);
	rc = node_conf_load(options->config, conf, &errors);
	if (rc != 0)
		fputs(textbuf_text(&errors), stderr);
	if (rc != 0 && options->upgrade_fd != -1)
		successor_refuse_fd(options->upgrade_fd, "config_refused",
		    textbuf_text(&errors));
	textbuf_clear(&errors);
	return rc;
}

static int
show(const struct node_conf *conf)
{
	struct textbuf text;
	int failed;

	textbuf_init(&text, 1024 * 1024);
	node_conf_print(conf, &text);
	failed = textbuf_error(&text) != 0 ||
	    fputs(textbuf_text(&text), stdout) == EOF || fflush(stdout) != 0;
	textbuf_clear(&text);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int
open_log(const struct settings *settings)
{
	int rc = log_setup(settings);

	if (rc != 0)
		fprintf(stderr, "holdfastd: log.target: %s: %s\n",
		    settings->log.target, strerror(-rc));
	return rc;
}

static void
inherit(struct supervisor *sup, const struct options *options, json_t *memory)
{
	if (options->init_fd != -1)
		(void)fd_set_cloexec(options->init_fd, true);
	sup->init_fd = options->init_fd;
	if (memory != NULL)
		/* It is "exe" otherwise, after /proc/self/exe. */
		(void)prctl(PR_SET_NAME, "holdfastd");
	resume_load(sup, memory, &options->resume);
}

int
main(int argc, char **argv)
{
	static struct supervisor sup;
	static struct node_conf conf;
	struct options options = { .init_fd = -1,
		.upgrade_fd = -1,
		.resume = { -1, -1, -1, -1 } };
	int code = parse_options(argc, argv, &options);
	json_t *memory;

	if (code != -1)
		return code;
	if (getpid() == 1 && !options.check && !options.show) {
		code = init_run(&options.init_fd);
		if (code != -1)
			return code;
	}
	memory = resume_read(options.resume.state);
	if (load(&options, memory, &conf) != 0)
		return EXIT_FAILURE;
	if (options.check || options.show) {
		code = options.show ? show(&conf) : EXIT_SUCCESS;
		node_conf_clear(&conf);
		return code;
	}
	if (open_log(&conf.settings) != 0)
		return EXIT_FAILURE;
	if (supervisor_init(&sup, &conf, options.config) != 0)
		fatal("start_failed", "out of memory");
	inherit(&sup, &options, memory);
	if (options.upgrade_fd != -1 &&
	    successor_prepare(&sup, options.upgrade_fd) != 0)
		return EXIT_FAILURE;
	log_notice("starting", NULL, log_text("version", HOLDFAST_VERSION),
	    log_text("config", options.config),
	    log_text("node", conf.settings.node.id));
	code = supervisor_run(&sup);
	supervisor_clear(&sup);
	log_close();
	return code;
}
