/* SPDX-License-Identifier: ISC */
/*
 * From log.target and its like to lib/log (see log_setup.h).
 */
#include "supervisor/log_setup.h"

#include <string.h>

#include "lib/log.h"

int
log_setup(const struct settings *settings)
{
	struct log_options options = log_options_default();
	const char *target = settings->log.target;

	options.label = "supervisor";
	options.level = (enum log_level)settings->log.level;
	options.format = (enum log_format)settings->log.format;
	if (strcmp(target, "syslog") == 0) {
		options.target = LOG_TARGET_SYSLOG;
	} else if (strcmp(target, "stderr") != 0) {
		options.target = LOG_TARGET_FILE;
		options.path = target;
	}
	return log_open(&options);
}
