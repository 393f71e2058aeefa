/* SPDX-License-Identifier: ISC */
/*
 * One candidate's view of the leader's lease (see leader.h).
 */
#include "supervisor/fleet/leader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
leader_token_format(const struct leader_token *token,
    char out_text[LEADER_TOKEN_SIZE])
{
	(void)snprintf(out_text, LEADER_TOKEN_SIZE,
	    "%" PRIx64 ":%016" PRIx64 ":%016" PRIx64, token->epoch,
	    token->incarnation, token->random);
}

int
leader_token_parse(const char *text, struct leader_token *out_token)
{
	char again[LEADER_TOKEN_SIZE];
	struct leader_token token;
	char *end;

	token.epoch = strtoull(text, &end, 16);
	if (*end != ':')
		return -EINVAL;
	token.incarnation = strtoull(end + 1, &end, 16);
	if (*end != ':')
		return -EINVAL;
	token.random = strtoull(end + 1, &end, 16);
	/* Only our own way to write it counts: no sign, space or prefix. */
	leader_token_format(&token, again);
	if (strcmp(again, text) != 0)
		return -EINVAL;
	*out_token = token;
	return 0;
}

void
leader_init(struct leader *leader, uint64_t lease_ms, uint64_t now_ms)
{
	memset(leader, 0, sizeof(*leader));
	leader->lease_ms = lease_ms;
	leader->next_ms = now_ms;
}

/* Clocks run apart, and what we began must be over before it is another's
 * turn. */
static uint64_t
usable(const struct leader *leader)
{
	return leader->lease_ms - leader->lease_ms / 5;
}

enum leader_wish
leader_next(struct leader *leader, uint64_t now_ms)
{
	bool leads = leader_leads(leader, now_ms);

	if (leader->is_asking || now_ms < leader->next_ms)
		return LEADER_WAIT;
	leader->is_asking = true;
	leader->is_claim = !leads;
	leader->asked_ms = now_ms;
	leader->next_ms = now_ms + leader->lease_ms / 5;
	return leads ? LEADER_RENEW : LEADER_CLAIM;
}

bool
leader_on_answer(struct leader *leader, bool is_granted, uint32_t random,
    uint64_t now_ms)
{
	bool led = leader_leads(leader, now_ms);
	bool was_claim = leader->is_claim;
	uint64_t until = leader->asked_ms + usable(leader);

	if (!leader->is_asking)
		return false;
	leader->is_asking = false;
	if (!is_granted) {
		leader->until_ms = 0;
		leader->next_ms = now_ms + leader->lease_ms / 5 +
		    random % (leader->lease_ms / 5 + 1);
		return false;
	}
	/* Granted so late that it is nearly over: not ours, ask again. */
	if (until <= now_ms)
		return false;
	leader->until_ms = until;
	if (led || !was_claim)
		return false;
	leader->terms++;
	return true;
}

void
leader_on_failure(struct leader *leader, uint64_t now_ms)
{
	leader->is_asking = false;
	if (leader->next_ms < now_ms + leader->lease_ms / 10)
		leader->next_ms = now_ms + leader->lease_ms / 10;
}

void
leader_resign(struct leader *leader, uint64_t now_ms)
{
	leader->is_asking = false;
	leader->until_ms = 0;
	/* Others go first. */
	leader->next_ms = now_ms + 2 * leader->lease_ms;
}

bool
leader_leads(const struct leader *leader, uint64_t now_ms)
{
	return now_ms < leader->until_ms;
}
