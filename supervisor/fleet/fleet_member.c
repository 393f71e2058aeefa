/* SPDX-License-Identifier: ISC */
/*
 * Members of a fleet (see fleet_member.h).
 */
#include "supervisor/fleet/fleet_member.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cidr.h"
#include "lib/escape.h"
#include "lib/parse.h"
#include "proto/redis_names.h"

#define LEASE_MAX_MS 300000u
#define COUNT_MAX    1000000000000ull
/* A dead node stays on the list for so long, for people. */
#define FORGET_MS   3600000u
#define MUTE_LEASES 10u
/* Renewals are no further apart, unless the machine is too busy. */
#define RENEW_MOST_MS 1250u
#define LATE_MS	      2000u

void
fleet_members_clear(struct fleet_members *members)
{
	free(members->all);
	memset(members, 0, sizeof(*members));
}

struct fleet_member *
fleet_members_find(const struct fleet_members *members, const char *id)
{
	size_t i;

	for (i = 0; i < members->count; i++) {
		if (strcmp(members->all[i].id, id) == 0)
			return &members->all[i];
	}
	return NULL;
}

struct fleet_member *
fleet_members_add(struct fleet_members *members)
{
	struct fleet_member *member;

	if (members->count == members->room) {
		size_t room = members->room == 0 ? 16 : members->room * 2;
		struct fleet_member *all;

		if (room > FLEET_MEMBERS_MAX)
			room = FLEET_MEMBERS_MAX;
		if (room == members->count)
			return NULL;
		all = realloc(members->all, room * sizeof(*all));
		if (all == NULL)
			return NULL;
		members->all = all;
		members->room = room;
	}
	member = &members->all[members->count++];
	memset(member, 0, sizeof(*member));
	return member;
}

static int
by_id(const void *a, const void *b)
{
	const struct fleet_member *one = a, *other = b;

	/* n2 before n10. */
	return strverscmp(one->id, other->id);
}

void
fleet_members_sort(struct fleet_members *members)
{
	if (members->count > 1)
		qsort(members->all, members->count, sizeof(*members->all),
		    by_id);
}

static void
set_peer(struct fleet_member *member, const char *value)
{
	char address[sizeof(member->address)];
	const char *blank = strchr(value, ' ');
	struct ipaddr parsed;
	uint64_t port;
	size_t len = blank == NULL ? 0 : (size_t)(blank - value);

	if (len == 0 || len >= sizeof(address))
		return;
	memcpy(address, value, len);
	address[len] = '\0';
	/* A wildcard would be whoever asks. */
	if (ipaddr_parse(address, &parsed) != 0 || ipaddr_is_any(&parsed) ||
	    parse_u64(blank + 1, 1, UINT16_MAX, &port) != 0)
		return;
	memcpy(member->address, address, len + 1);
	member->port = (uint16_t)port;
}

/* What is not UTF-8 could not be published. */
static void
set_region(struct fleet_member *member, const char *value)
{
	size_t len = strlen(value);

	if (len < sizeof(member->region) && escape_is_utf8(value, len))
		memcpy(member->region, value, len + 1);
}

static void
set_number(uint64_t *out, const char *value, uint64_t most)
{
	uint64_t number;

	if (parse_u64(value, 0, most, &number) == 0)
		*out = number;
}

static void
set_real(double *out, const char *value)
{
	char *end;
	double number = strtod(value, &end);

	if (end != value && *end == '\0' && number >= 0 && number < 1e9)
		*out = number;
}

void
fleet_member_set(struct fleet_member *member, const char *field,
    const char *value)
{
	enum member_state state;
	char *end;

	if (strcmp(field, "state") == 0) {
		if (member_state_parse(value, &state) == 0)
			member->said = state;
	} else if (strcmp(field, "incarnation") == 0) {
		uint64_t number = strtoull(value, &end, 16);

		if (strlen(value) == 16 && *end == '\0')
			member->incarnation = number;
	} else if (strcmp(field, "peer") == 0) {
		set_peer(member, value);
	} else if (strcmp(field, "region") == 0) {
		set_region(member, value);
	} else if (strcmp(field, "lease") == 0) {
		set_number(&member->lease_ms, value, LEASE_MAX_MS);
	} else if (strcmp(field, "beat") == 0) {
		set_number(&member->beat_ms, value, INT64_MAX);
	} else if (strcmp(field, "capacity") == 0) {
		set_number(&member->capacity, value, COUNT_MAX);
	} else if (strcmp(field, "count") == 0) {
		set_number(&member->count, value, COUNT_MAX);
	} else if (strcmp(field, "limit") == 0) {
		set_number(&member->bound, value, COUNT_MAX);
	} else if (strcmp(field, "held") == 0) {
		set_number(&member->held, value, COUNT_MAX);
	} else if (strcmp(field, "rate") == 0) {
		set_real(&member->rate, value);
	} else if (strcmp(field, "best") == 0) {
		set_real(&member->best, value);
	} else if (strcmp(field, "budget") == 0) {
		set_real(&member->budget, value);
	} else if (strcmp(field, "dead_at") == 0) {
		set_number(&member->dead_ms, value, INT64_MAX);
	} else if (strcmp(field, "purged") == 0) {
		member->is_purged = strcmp(value, "1") == 0;
	}
}

static uint64_t
expiry_of(const struct fleet_member *member)
{
	return member->beat_ms + member->lease_ms;
}

enum member_event
fleet_member_event(const struct fleet_member *member, uint64_t redis_ms)
{
	static const enum member_event events[MEMBER_STATE_MAX] = {
		[MEMBER_JOINING] = MEMBER_EV_JOIN,
		[MEMBER_HEALTHY] = MEMBER_EV_READY,
		[MEMBER_DRAINING] = MEMBER_EV_DRAIN,
		[MEMBER_SUSPECT] = MEMBER_EV_EXPIRED,
		[MEMBER_DEAD] = MEMBER_EV_EXPIRED,
		[MEMBER_LEFT] = MEMBER_EV_LEAVE,
	};

	if (member->said != MEMBER_LEFT && redis_ms >= expiry_of(member))
		return MEMBER_EV_EXPIRED;
	return events[member->said];
}

bool
fleet_member_is_late(const struct fleet_member *member, uint64_t redis_ms)
{
	uint64_t rest = member->lease_ms > RENEW_MOST_MS ?
	    (member->lease_ms - RENEW_MOST_MS) / 2 :
	    0;

	return (member->state == MEMBER_SUSPECT ||
		   member_state_counts(member->state)) &&
	    redis_ms + (rest < LATE_MS ? rest : LATE_MS) >= expiry_of(member);
}

bool
fleet_member_is_missing(const struct fleet_member *member, uint64_t ack_ms,
    uint64_t redis_ms)
{
	if (member->state != MEMBER_SUSPECT || member->is_lost ||
	    expiry_of(member) <= ack_ms)
		return false;
	return member->address[0] != '\0' ||
	    redis_ms < expiry_of(member) + MUTE_LEASES * member->lease_ms;
}

bool
fleet_member_has_stale(const struct fleet_member *member, uint64_t redis_ms)
{
	if (member->is_purged)
		return false;
	return member->state == MEMBER_DEAD ||
	    (member->state == MEMBER_LEFT && redis_ms >= expiry_of(member));
}

bool
fleet_member_is_over(const struct fleet_member *member, uint64_t redis_ms)
{
	/* One that lives writes its lease again within a second. */
	if (member->is_lost)
		return redis_ms >= expiry_of(member);
	if (!member->is_purged)
		return false;
	return member->state == MEMBER_LEFT ||
	    (member->state == MEMBER_DEAD &&
		redis_ms > member->dead_ms + FORGET_MS);
}

/* What the leader before us, or nobody, has concluded. */
static void
begin(struct fleet_member *member)
{
	member->state = member->said == MEMBER_SUSPECT ? MEMBER_HEALTHY :
							 member->said;
	member->misses = 0;
	member->has_answered = false;
	member->observer[0] = '\0';
	member->seen = MEMBER_SEEN_NOT;
	member->is_asked_again = false;
	member->is_disputed = false;
}

void
fleet_member_follow(struct fleet_member *member, const struct fleet_member *old,
    uint64_t redis_ms)
{
	struct member_move move;

	if (old == NULL || old->incarnation != member->incarnation ||
	    (old->state == MEMBER_DEAD && member->said != MEMBER_SUSPECT))
		begin(member);
	else if (member->said == MEMBER_DEAD)
		member->state = MEMBER_DEAD;
	/* Whatever was seen before that, it lived then. */
	if (old != NULL && old->beat_ms != member->beat_ms) {
		member->misses = 0;
		member->has_answered = false;
	}
	move = member_fsm_step(member->state,
	    fleet_member_event(member, redis_ms));
	member->state = move.next;
	if (move.action == MEMBER_ACT_SPARE)
		member->misses = 0;
}

json_t *
fleet_members_json(const struct fleet_members *members)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < members->count; i++) {
		const struct fleet_member *m = &members->all[i];
		char incarnation[20], peer[REDIS_NAMES_PEER] = "";

		(void)snprintf(incarnation, sizeof(incarnation), "%016llx",
		    (unsigned long long)m->incarnation);
		if (m->address[0] != '\0')
			redis_names_peer(m->address, m->port, peer);
		json_array_append_new(list,
		    json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:f, "
			      "s:f, s:f}",
			"id", m->id, "state", member_state_name(m->state),
			"incarnation", incarnation, "peer", peer, "region",
			m->region, "capacity", (json_int_t)m->capacity, "count",
			(json_int_t)m->count, "limit", (json_int_t)m->limit,
			"rate", m->rate, "budget", m->budget, "best", m->best));
	}
	return list;
}

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text == NULL ? "" : text;
}

static uint64_t
count_of(const json_t *object, const char *key)
{
	json_int_t number = json_integer_value(json_object_get(object, key));

	return number > 0 && (uint64_t)number < COUNT_MAX ? (uint64_t)number :
							    0;
}

static void
read_one(struct fleet_member *member, const json_t *item)
{
	(void)snprintf(member->id, sizeof(member->id), "%s",
	    text_of(item, "id"));
	fleet_member_set(member, "state", text_of(item, "state"));
	fleet_member_set(member, "incarnation", text_of(item, "incarnation"));
	fleet_member_set(member, "peer", text_of(item, "peer"));
	fleet_member_set(member, "region", text_of(item, "region"));
	member->state = member->said;
	member->capacity = count_of(item, "capacity");
	member->count = count_of(item, "count");
	member->limit = count_of(item, "limit");
	member->rate = json_number_value(json_object_get(item, "rate"));
	member->budget = json_number_value(json_object_get(item, "budget"));
	member->best = json_number_value(json_object_get(item, "best"));
}

int
fleet_members_parse(struct fleet_members *members, const char *text, size_t len)
{
	json_t *list = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	struct fleet_members fresh = { 0 };
	json_t *item;
	size_t i;
	int rc = json_is_array(list) ? 0 : -EPROTO;

	for (i = 0; rc == 0 && i < json_array_size(list); i++) {
		struct fleet_member *member;

		item = json_array_get(list, i);
		if (text_of(item, "id")[0] == '\0') {
			rc = -EPROTO;
			break;
		}
		member = fleet_members_add(&fresh);
		if (member == NULL)
			rc = -ENOMEM;
		else
			read_one(member, item);
	}
	json_decref(list);
	if (rc != 0) {
		fleet_members_clear(&fresh);
		return rc;
	}
	fleet_members_sort(&fresh);
	fleet_members_clear(members);
	*members = fresh;
	return 0;
}
