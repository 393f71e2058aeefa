/* SPDX-License-Identifier: ISC */
/*
 * See slot_inbox.h.
 */
#include "proto/slot_inbox.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/parse.h"
#include "proto/commit.h"

const struct inbox_state *
slot_inbox_get(const struct slot_inbox *inbox)
{
	uint32_t at;

	at = atomic_load_explicit(&inbox->in_force, memory_order_acquire);
	return at == 1 || at == 2 ? &inbox->states[at - 1] : NULL;
}

void
slot_inbox_put(struct slot_inbox *inbox, const struct inbox_state *state)
{
	uint32_t at;

	at = atomic_load_explicit(&inbox->in_force, memory_order_relaxed);
	at = at == 1 ? 2 : 1;
	inbox->states[at - 1] = *state;
	commit_store(&inbox->in_force, at);
}

int
inbox_id_parse(const char *text, size_t len, struct inbox_id *out)
{
	const char *dash = memchr(text, '-', len);
	struct inbox_id id;
	size_t head;

	if (dash == NULL)
		return -EINVAL;
	head = (size_t)(dash - text);
	if (parse_u64_n(text, head, 0, UINT64_MAX, &id.ms) != 0 ||
	    parse_u64_n(dash + 1, len - head - 1, 0, UINT64_MAX, &id.seq) != 0)
		return -EINVAL;
	*out = id;
	return 0;
}

void
inbox_id_format(const struct inbox_id *id, char out[INBOX_ID_SIZE])
{
	(void)snprintf(out, INBOX_ID_SIZE, "%" PRIu64 "-%" PRIu64, id->ms,
	    id->seq);
}

int
inbox_id_compare(const struct inbox_id *a, const struct inbox_id *b)
{
	if (a->ms != b->ms)
		return a->ms < b->ms ? -1 : 1;
	if (a->seq != b->seq)
		return a->seq < b->seq ? -1 : 1;
	return 0;
}
