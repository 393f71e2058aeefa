/* SPDX-License-Identifier: ISC */
/*
 * How many entries of a stream are asked for at once: XREAD knows no limit in
 * bytes, and the whole reply is in memory before the first entry is seen.
 * Pure; for inbox.c.
 */
#ifndef HOLDFAST_RELAY_INBOX_PACE_H
#define HOLDFAST_RELAY_INBOX_PACE_H

#include <stddef.h>
#include <stdint.h>

#define INBOX_PACE_BYTES (1024u * 1024) /* wanted of a reply, at most */
#define INBOX_PACE_MAX	 256u		/* entries */

/* After a reply to a question for `asked` entries.  Begin with 1: nobody knows
 * what they are like. */
uint32_t inbox_pace_next(uint32_t asked, size_t entries, size_t bytes);

/* Until an entry of that size is tried again. */
uint32_t inbox_pace_pause_ms(size_t bytes);

#endif
