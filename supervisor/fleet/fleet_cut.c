/* SPDX-License-Identifier: ISC */
/*
 * Cut off, or an outage for all? (see fleet_cut.h)
 */
#include "supervisor/fleet/fleet_cut.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/random.h"
#include "supervisor/fleet/fleet.h"
#include "supervisor/run_dir.h"
#include "supervisor/supervisor.h"

#define SETTLE_MS 3000u
#define ROUND_MS  1000u
#define PROBE_MS  1000u
#define MEMBERS	  "members"
#define MAX_BYTES (1024u * 1024)

void
fleet_cut_clear(struct fleet *fleet)
{
	struct fleet_cut *cut = &fleet->cut;
	size_t i;

	for (i = 0; i < FLEET_CUT_PEERS; i++) {
		peer_probe_cancel(cut->peers[i].probe);
		cut->peers[i].probe = NULL;
	}
	cut->asked = 0;
}

/* Not of a node that has its address now, nor our own: we may be whom an
 * address on loopback leads to. */
static bool
is_heard_of(const struct fleet_cut_peer *peer, const struct peer_line *line)
{
	const struct fleet *fleet = peer->fleet;

	return line->incarnation != fleet->incarnation &&
	    peer_line_is_of(line, peer->node,
		fleet->sup->conf.settings.redis.fleet);
}

static void
on_probed(enum peer_probe_result result, const struct peer_line *line,
    void *arg)
{
	static const enum peer_answer answers[PEER_PROBE_RESULT_MAX] = {
		[PEER_PROBE_ANSWERED] = PEER_ANSWERED,
		/* Its host can be reached, so we are not cut off from it. */
		[PEER_PROBE_REFUSED] = PEER_ERROR,
		[PEER_PROBE_SILENT] = PEER_SILENT,
		[PEER_PROBE_ERROR] = PEER_ERROR,
	};
	struct fleet_cut_peer *peer = arg;

	peer->probe = NULL;
	if (line != NULL && !is_heard_of(peer, line))
		result = PEER_PROBE_ERROR;
	peer->told_ms = clock_mono_ms();
	peer->report.answer = answers[result];
	peer->report.redis_age_ms = line != NULL ? line->redis_age_ms :
						   UINT64_MAX;
}

static void
ask_peer(struct fleet *fleet, const struct fleet_member *member)
{
	struct fleet_cut *cut = &fleet->cut;
	struct fleet_cut_peer *peer = &cut->peers[cut->asked];

	if (strcmp(member->id, fleet->sup->conf.settings.node.id) == 0 ||
	    member->address[0] == '\0' || !member_state_counts(member->state))
		return;
	peer->fleet = fleet;
	(void)snprintf(peer->node, sizeof(peer->node), "%s", member->id);
	peer->report = (struct peer_report){ PEER_NOT_ASKED, 0 };
	if (peer_probe_start(fleet->sup->base, member->address, member->port,
		PROBE_MS, on_probed, peer, &peer->probe) != 0)
		peer->report.answer = PEER_ERROR;
	cut->asked++;
}

/* The one that had Redis, since few may; else others each time. */
static void
ask_peers(struct fleet *fleet)
{
	const struct fleet_members *members = &fleet->members;
	struct fleet_cut *cut = &fleet->cut;
	const struct fleet_member *witness = fleet_members_find(members,
	    cut->witness);
	size_t i, first = random_below((uint32_t)members->count);

	fleet_cut_clear(fleet);
	if (witness != NULL)
		ask_peer(fleet, witness);
	for (i = 0; i < members->count && cut->asked < FLEET_CUT_PEERS; i++) {
		const struct fleet_member *member =
		    &members->all[(first + i) % members->count];

		if (member != witness)
			ask_peer(fleet, member);
	}
}

static void
enter(struct fleet *fleet, enum partition_verdict before, uint64_t now_ms)
{
	struct fleet_cut *cut = &fleet->cut;
	enum partition_verdict verdict = cut->state.verdict;

	log_notice("partition_verdict", NULL,
	    log_text("verdict", partition_verdict_name(verdict)),
	    log_text("before", partition_verdict_name(before)),
	    log_uint("asked", cut->asked));
	supervisor_event(fleet->sup, "partition_verdict", -1, NULL,
	    partition_verdict_name(verdict), (int64_t)cut->asked);
	/* Cut off is cut off, whether or not anybody is heard. */
	if (!partition_is_cut_off(verdict) || !partition_is_cut_off(before))
		cut->since_ms = now_ms;
	if (verdict == PARTITION_NONE) {
		cut->has_drained = false;
		cut->witness[0] = '\0';
	}
	fleet_apply(fleet->sup);
}

static void
drain(struct fleet *fleet, uint64_t now_ms)
{
	const struct settings_fleet *set = &fleet->sup->conf.settings.fleet;
	/* Who could permit it is what we are cut off from. */
	struct drain_request request = { .profile = DRAIN_GENTLE,
		.is_forced = true,
		.is_verdict = true };
	struct fleet_cut *cut = &fleet->cut;
	uint64_t grace = cut->state.verdict == PARTITION_ALONE ?
	    set->membership.alone_grace_ms :
	    set->membership.cut_off_grace_ms;

	if (cut->has_drained || !partition_is_cut_off(cut->state.verdict) ||
	    now_ms - cut->since_ms < grace ||
	    fleet->sup->lifecycle.state != LIFECYCLE_READY)
		return;
	log_warn("cut_off_drain", "Redis is away from us, not from others");
	cut->has_drained = lifecycle_drain(fleet->sup, &request) == 0;
}

/* Also what a supervisor before us began. */
static void
undrain(struct fleet *fleet)
{
	if (fleet->cut.state.verdict != PARTITION_NONE ||
	    fleet->heard_ms == 0 || fleet->lost_ms != 0 ||
	    !fleet->sup->lifecycle.is_verdict)
		return;
	(void)!lifecycle_undrain(fleet->sup);
}

/* A new round, when the last one is over, and what came of it was heard. */
static void
ask_again(struct fleet *fleet, uint64_t now_ms)
{
	struct fleet_cut *cut = &fleet->cut;

	if (!cut->is_over || now_ms < cut->round_ms + ROUND_MS ||
	    fleet->members.count == 0)
		return;
	ask_peers(fleet);
	cut->round_ms = now_ms;
	cut->is_judged = false;
}

static enum partition_verdict
hear(struct fleet_cut *cut, uint64_t silent_ms, uint64_t now_ms)
{
	struct peer_report reports[FLEET_CUT_PEERS];
	size_t i;

	cut->is_over = true;
	for (i = 0; i < cut->asked; i++) {
		const struct fleet_cut_peer *peer = &cut->peers[i];
		uint64_t since = now_ms - peer->told_ms;

		cut->is_over &= peer->probe == NULL;
		reports[i] = peer->report;
		/* It has grown older since it was told. */
		if (reports[i].redis_age_ms < UINT64_MAX - since)
			reports[i].redis_age_ms += since;
		if (partition_has_redis(&reports[i], silent_ms))
			memcpy(cut->witness, peer->node, sizeof(cut->witness));
	}
	return partition_decide(silent_ms, SETTLE_MS, reports, cut->asked);
}

void
fleet_cut_tick(struct fleet *fleet, uint64_t now_ms)
{
	struct fleet_cut *cut = &fleet->cut;
	enum partition_verdict word, before = cut->state.verdict;
	uint64_t silent = fleet->lost_ms == 0 || now_ms <= fleet->lost_ms ?
	    0 :
	    now_ms - fleet->lost_ms;

	if (fleet->is_leaving)
		return;
	if (silent >= SETTLE_MS)
		ask_again(fleet, now_ms);
	word = hear(cut, silent, now_ms);
	if (word == PARTITION_NONE || word == PARTITION_UNDECIDED ||
	    !cut->is_judged || cut->asked == 0) {
		cut->is_judged |= word != PARTITION_UNDECIDED;
		(void)partition_step(&cut->state, word, now_ms,
		    redis_link_tried_ms(fleet->link));
		/* It may be back for all, while we wait for our next attempt.
		 */
		if (word == PARTITION_CUT_OFF &&
		    !partition_is_cut_off(cut->state.verdict))
			redis_link_hurry(fleet->link);
	}
	if (cut->state.verdict != before)
		enter(fleet, before, now_ms);
	drain(fleet, now_ms);
	undrain(fleet);
}

void
fleet_cut_load(struct fleet *fleet)
{
	const char *dir = fleet->sup->conf.settings.node.state_dir;
	char path[512], *text = malloc(MAX_BYTES);
	size_t len = 0;
	int rc = -1;

	if (text == NULL)
		return;
	(void)snprintf(path, sizeof(path), "%s/" MEMBERS, dir);
	if (fd_read_file(path, text, MAX_BYTES, &len) == 0)
		rc = fleet_members_parse(&fleet->members, text, len);
	if (rc == 0)
		log_info("members_loaded", NULL,
		    log_uint("members", fleet->members.count));
	free(text);
}

/* Counts change each second; who is there, seldom. */
static uint64_t
sum_of(const struct fleet *fleet)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < fleet->members.count; i++) {
		const struct fleet_member *member = &fleet->members.all[i];

		sum = sum * 31 + member->incarnation + member->port +
		    (uint64_t)member->state;
	}
	return sum;
}

void
fleet_cut_save(struct fleet *fleet, const char *text, size_t len)
{
	struct run_dir dir = { .lock = -1 };
	int rc;

	if (sum_of(fleet) == fleet->cut.saved)
		return;
	(void)snprintf(dir.path, sizeof(dir.path), "%s",
	    fleet->sup->conf.settings.node.state_dir);
	rc = run_dir_store(&dir, MEMBERS, text, len, 0600);
	if (rc != 0) {
		log_warn("members_unsaved", "again with the next list",
		    log_errno(rc));
		return;
	}
	fleet->cut.saved = sum_of(fleet);
}
