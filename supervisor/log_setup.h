/* SPDX-License-Identifier: ISC */
/*
 * Opens the supervisor's log as the configuration says.
 */
#ifndef HOLDFAST_SUPERVISOR_LOG_SETUP_H
#define HOLDFAST_SUPERVISOR_LOG_SETUP_H

#include "proto/settings.h"

/* -errno: the file cannot be opened; events go to stderr then. */
int log_setup(const struct settings *settings);

#endif
