/* SPDX-License-Identifier: ISC */
/*
 * See inbox_pace.h.
 */
#include "worker/relay/inbox_pace.h"

#define PAUSE_MS       5u
#define PAUSE_BYTES_MS (64u * 1024) /* one more for so many bytes */

uint32_t
inbox_pace_next(uint32_t asked, size_t entries, size_t bytes)
{
	size_t most;

	if (entries == 0)
		return asked;
	most = bytes < entries ? INBOX_PACE_MAX :
				 INBOX_PACE_BYTES / (bytes / entries);
	if (most > INBOX_PACE_MAX)
		most = INBOX_PACE_MAX;
	if (most < 1)
		most = 1;
	/* Those that come next may be larger: step by step. */
	if (most > asked)
		most = entries < asked	     ? asked :
		    (size_t)asked * 2 < most ? (size_t)asked * 2 :
					       most;
	return (uint32_t)most;
}

uint32_t
inbox_pace_pause_ms(size_t bytes)
{
	size_t more_ms = bytes / PAUSE_BYTES_MS;

	return PAUSE_MS + (more_ms < 20 ? (uint32_t)more_ms : 20);
}
