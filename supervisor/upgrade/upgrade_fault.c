/* SPDX-License-Identifier: ISC */
/*
 * Faults on demand, for tests (see upgrade_fault.h).
 */
#include "supervisor/upgrade/upgrade_fault.h"

#ifdef HOLDFAST_FAULTS
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
upgrade_fault(const char *who, const char *moment)
{
	const char *wanted = getenv("HOLDFAST_UPGRADE_FAULT");
	char place[64];
	size_t len;

	snprintf(place, sizeof(place), "%s:%s:", who, moment);
	len = strlen(place);
	if (wanted == NULL || strncmp(wanted, place, len) != 0)
		return;
	raise(strcmp(wanted + len, "STOP") == 0 ? SIGSTOP : SIGKILL);
}

unsigned
upgrade_fault_deadline(unsigned ms)
{
	const char *text = getenv("HOLDFAST_UPGRADE_DEADLINE_MS");
	unsigned most = text == NULL ? 0 : (unsigned)atoi(text);

	return most != 0 && ms > most ? most : ms;
}
#else
typedef int upgrade_fault_is_empty;
#endif
