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
/* It may be gone itself. */
#define WAIT_MS 2500u
/* Asks and answers end by themselves. */
#define KEEP_MS "10000"

static const char *
text_at(const struct redisReply *reply, size_t i)
{
	const char *text = redis_reply_text(redis_reply_at(reply, i), NULL);

	return text == NULL ? "" : text;
}

/* ---- the leader -------------------------------------------------------- */

/* Any that is there, another one each time. */
static const struct fleet_member *
choose(const struct fleet *fleet, uint64_t redis_ms)
{
	const struct fleet_members *members = &fleet->lead.members;
	size_t i, first = random_below((uint32_t)members->count);

	for (i = 0; i < members->count; i++) {
		const struct fleet_member *member =
		    &members->all[(first + i) % members->count];

		if (strcmp(member->id, fleet->sup->conf.settings.node.id) !=
			0 &&
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
	fleet_args_eval(args, fleet_script_ask, 2);
	fleet_key(fleet, "leader");
	fleet_key(fleet, "asks");
	fleet_args_text(args, fleet->token_text);
	fleet_args_text(args, member->id);
	fleet_args_text(args, text);
	fleet_args_text(args, KEEP_MS);
	if (fleet_send(fleet, NULL, NULL) != 0)
		return;
	(void)snprintf(member->observer, sizeof(member->observer), "%s",
	    observer->id);
	member->asked_ms = now_ms;
}

static void
take_answer(struct fleet *fleet, const char *node, const char *text)
{
	struct fleet_member *member = fleet_members_find(&fleet->lead.members,
	    node);
	char result[16], observer[128];
	uint64_t incarnation;

	if (member == NULL ||
	    sscanf(text, "%16" SCNx64 " %15s %127s", &incarnation, result,
		observer) != 3 ||
	    incarnation != member->incarnation ||
	    strcmp(observer, member->observer) != 0)
		return;
	if (strcmp(result, "answered") == 0)
		member->seen = MEMBER_SEEN_ALIVE;
	else if (strcmp(result, "refused") == 0 ||
	    strcmp(result, "silent") == 0)
		member->seen = MEMBER_SEEN_GONE;
}

static void
on_seen(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct fleet *fleet = arg;
	size_t i, count = redis_reply_count(reply);

	if (fault != REDIS_FAULT_NONE || fleet->is_leaving)
		return;
	for (i = 0; i + 1 < count; i += 2)
		take_answer(fleet, text_at(reply, i), text_at(reply, i + 1));
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
			continue;
		}
		is_any |= member->observer[0] != '\0';
		if (member->address[0] == '\0' || member->observer[0] != '\0')
			continue;
		observer = choose(fleet, redis_ms);
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
			fleet_event(fleet, "observer_disagrees", member->id,
			    "it answers there: its routes stay", 0);
		member->is_disputed = true;
		/* Others may see it otherwise, or it may end yet. */
		if (now > member->asked_ms + WAIT_MS) {
			member->observer[0] = '\0';
			member->seen = MEMBER_SEEN_NOT;
		}
		return false;
	}
	if (member->seen == MEMBER_SEEN_NOT) {
		(void)snprintf(out_text, size, ", %s has not said",
		    member->observer);
		return now > member->asked_ms + WAIT_MS;
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
		    fleet_members_find(&fleet->members, text_at(asks, i));
		char observer[128];
		uint64_t incarnation;

		if (member == NULL || member->address[0] == '\0' ||
		    sscanf(text_at(asks, i + 1), "%16" SCNx64 " %127s",
			&incarnation, observer) != 2 ||
		    strcmp(observer, fleet->sup->conf.settings.node.id) != 0)
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
