/* SPDX-License-Identifier: ISC */
/*
 * Second opinions (see fleet_observe.h).
 */
#include "supervisor/fleet/fleet_observe.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/random.h"
#include "supervisor/fleet/fleet.h"
#include "supervisor/fleet/fleet_scripts.h"
#include "supervisor/supervisor.h"

/* The observer learns of it with the next renewal of its lease, so it is asked
 * before the other one's is over. */
/* So long an answer is waited for. */
#define WAIT_MS 2500u
/* Asks and answers end by themselves. */
#define KEEP_MS "10000"

/* ---- the leader -------------------------------------------------------- */

/* Any that is there, another one each time; not that one. */
static const struct fleet_member *
choose(const struct fleet *fleet, const char *except, uint64_t redis_ms)
{
	const struct fleet_members *members = &fleet->lead.members;
	size_t i, first = random_below((uint32_t)members->count);

	for (i = 0; i < members->count; i++) {
		const struct fleet_member *member =
		    &members->all[(first + i) % members->count];

		if (strcmp(member->id, fleet->sup->conf.settings.node.id) !=
			0 &&
		    strcmp(member->id, except) != 0 &&
		    (member->state == MEMBER_HEALTHY ||
			member->state == MEMBER_DRAINING) &&
		    !fleet_member_is_late(member, redis_ms))
			return member;
	}
	return NULL;
}

static void
ask(struct fleet *fleet, struct fleet_member *member,
    const struct fleet_member *observer, uint64_t now_ms)
{
	struct fleet_args *args = &fleet->args;
	char text[160];

	(void)snprintf(text, sizeof(text), "%016" PRIx64 " %s",
	    member->incarnation, observer->id);
	fleet_args_eval(args, fleet_script_ask, 3);
	fleet_key(fleet, "leader");
	fleet_key(fleet, "asks");
	fleet_key(fleet, "seen");
	fleet_args_text(args, fleet->token_text);
	fleet_args_text(args, member->id);
	fleet_args_text(args, text);
	fleet_args_text(args, KEEP_MS);
	if (fleet_send(fleet, NULL, NULL) != 0)
		return;
	(void)snprintf(member->observer, sizeof(member->observer), "%s",
	    observer->id);
	member->asked_ms = now_ms;
	member->seen = MEMBER_SEEN_NOT;
}

/* The first word of it, a number, and what follows; NULL: it is none. */
static const char *
life_of(const char *text, uint64_t *out_incarnation)
{
	char *end;

	*out_incarnation = strtoull(text, &end, 16);
	return end == text || *end != ' ' ? NULL : end + 1;
}

/* An id may have blanks in it: it is the rest. */
static bool
is_by(const char *said, const char *word, const char *observer)
{
	size_t len = strlen(word);

	return strncmp(said, word, len) == 0 && said[len] == ' ' &&
	    strcmp(said + len + 1, observer) == 0;
}

static void
take_answer(struct fleet *fleet, const char *node, const char *text)
{
	struct fleet_member *member = fleet_members_find(&fleet->lead.members,
	    node);
	uint64_t incarnation;
	const char *said = life_of(text, &incarnation);

	if (member == NULL || said == NULL ||
	    incarnation != member->incarnation)
		return;
	if (is_by(said, "answered", member->observer))
		member->seen = MEMBER_SEEN_ALIVE;
	else if (is_by(said, "refused", member->observer) ||
	    is_by(said, "silent", member->observer))
		member->seen = MEMBER_SEEN_GONE;
	else if (is_by(said, "error", member->observer))
		member->seen = MEMBER_SEEN_UNCLEAR;
}

static void
on_seen(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct fleet *fleet = arg;
	size_t i, count = redis_reply_count(reply);

	if (fault != REDIS_FAULT_NONE || fleet->is_leaving)
		return;
	for (i = 0; i + 1 < count; i += 2)
		take_answer(fleet, redis_reply_text_at(reply, i),
		    redis_reply_text_at(reply, i + 1));
}

/* Whom to ask now; NULL: nobody, or nobody else. */
static const struct fleet_member *
next_observer(const struct fleet *fleet, struct fleet_member *member,
    uint64_t redis_ms, uint64_t now_ms)
{
	bool is_slow = now_ms > member->asked_ms + WAIT_MS;
	const struct fleet_member *other;

	if (member->observer[0] == '\0')
		return choose(fleet, "", redis_ms);
	if (member->seen == MEMBER_SEEN_ALIVE && is_slow) {
		/* Others may see it otherwise, or it may end yet. */
		other = choose(fleet, member->observer, redis_ms);
		if (other == NULL)
			other = choose(fleet, "", redis_ms);
		member->is_asked_again = false;
		member->seen = MEMBER_SEEN_NOT;
		return other;
	}
	if (member->is_asked_again ||
	    (member->seen != MEMBER_SEEN_UNCLEAR &&
		(member->seen != MEMBER_SEEN_NOT || !is_slow)))
		return NULL;
	/* It may be gone itself. */
	member->is_asked_again = true;
	return choose(fleet, member->observer, redis_ms);
}

void
fleet_observe_judge(struct fleet *fleet, uint64_t redis_ms, uint64_t now_ms)
{
	struct fleet_members *members = &fleet->lead.members;
	bool is_any = false;
	size_t i;

	for (i = 0; i < members->count; i++) {
		struct fleet_member *member = &members->all[i];
		const struct fleet_member *observer;

		if (!fleet_member_is_late(member, redis_ms)) {
			member->observer[0] = '\0';
			member->seen = MEMBER_SEEN_NOT;
			member->is_asked_again = false;
			continue;
		}
		is_any |= member->observer[0] != '\0';
		if (member->address[0] == '\0')
			continue;
		observer = next_observer(fleet, member, redis_ms, now_ms);
		if (observer != NULL)
			ask(fleet, member, observer, now_ms);
	}
	if (!is_any)
		return;
	fleet_args_command(&fleet->args, "HGETALL");
	fleet_key(fleet, "seen");
	(void)!fleet_send(fleet, on_seen, fleet);
}

bool
fleet_observe_agrees(struct fleet *fleet, struct fleet_member *member,
    char *out_text, size_t size)
{
	uint64_t now = clock_mono_ms();

	out_text[0] = '\0';
	if (member->observer[0] == '\0')
		return true;
	if (member->seen == MEMBER_SEEN_ALIVE) {
		if (!member->is_disputed)
			fleet_lead_event(fleet, "observer_disagrees",
			    member->id, "it answers there: its routes stay");
		member->is_disputed = true;
		return false;
	}
	if (member->seen != MEMBER_SEEN_GONE) {
		(void)snprintf(out_text, size, ", %s has not said",
		    member->observer);
		return member->is_asked_again &&
		    (member->seen == MEMBER_SEEN_UNCLEAR ||
			now > member->asked_ms + WAIT_MS);
	}
	(void)snprintf(out_text, size, " and by %s", member->observer);
	return true;
}

/* ---- everybody --------------------------------------------------------- */

static void
on_probed(enum peer_probe_result result, const struct peer_line *line,
    void *arg)
{
	struct fleet_probe *one = arg;
	struct fleet *fleet = one->fleet;
	char text[192];

	one->probe = NULL;
	result = fleet_probe_judge(one, result, line);
	(void)snprintf(text, sizeof(text), "%016" PRIx64 " %s %s",
	    one->incarnation, peer_probe_result_name(result),
	    fleet->sup->conf.settings.node.id);
	fleet_args_eval(&fleet->args, fleet_script_seen, 1);
	fleet_key(fleet, "seen");
	fleet_args_text(&fleet->args, one->node);
	fleet_args_text(&fleet->args, text);
	fleet_args_text(&fleet->args, KEEP_MS);
	(void)!fleet_send(fleet, NULL, NULL);
}

void
fleet_observe_take(struct fleet *fleet, const struct redisReply *asks)
{
	size_t i, count = redis_reply_count(asks);

	for (i = 0; i + 1 < count; i += 2) {
		/* The address is what the leader has published: who can write
		 * into Redis does not choose whom we connect to here. */
		const struct fleet_member *member =
		    fleet_members_find(&fleet->members,
			redis_reply_text_at(asks, i));
		uint64_t incarnation;
		const char *who = life_of(redis_reply_text_at(asks, i + 1),
		    &incarnation);

		if (member == NULL || member->address[0] == '\0' ||
		    who == NULL ||
		    strcmp(who, fleet->sup->conf.settings.node.id) != 0)
			continue;
		fleet_probe_start(fleet, fleet->observe, FLEET_OBSERVE_MAX,
		    member, incarnation, on_probed);
	}
}

void
fleet_observe_clear(struct fleet *fleet)
{
	fleet_probe_cancel(fleet->observe, FLEET_OBSERVE_MAX);
}
