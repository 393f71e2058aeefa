/* SPDX-License-Identifier: ISC */
/*
 * The two sides of a changeover (see changeover.h).
 */
#include "worker/relay/changeover.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "lib/parse.h"
#include "lib/random.h"
#include "worker/relay/relay.h"

#define MARK_MS	  50u
#define BEHIND_MS 3000u

static struct slot_redis *
shared(const struct changeover *over)
{
	return &over->relay->worker->slot->redis;
}

static void
in_ms(struct changeover *over, uint32_t ms)
{
	const struct timeval delay = { ms / 1000, (ms % 1000) * 1000 };

	if (over->tick != NULL)
		(void)evtimer_add(over->tick, &delay);
}

/* ---- the taker */

/* One may come before the giver expects any: the next one does not. */
static void
publish(struct changeover *over)
{
	const char *channel = over->relay->backplane.channel;
	char text[96];
	const char *const words[] = { "PUBLISH", channel, text };
	size_t lens[3];
	int len;

	/* What we do not hear ourselves is no mark. */
	if (over->link == NULL ||
	    redis_link_state(over->link) != REDIS_LINK_READY ||
	    !backplane_hears(&over->relay->backplane))
		return;
	len = snprintf(text, sizeof(text),
	    "{\"holdfast\":\"mark\",\"token\":\"%" PRIu64 "\",\"number\":%u}",
	    over->token, over->sent + 1);
	lens[0] = strlen(words[0]);
	lens[1] = strlen(channel);
	lens[2] = (size_t)len;
	if (redis_link_command(over->link, NULL, NULL, 3, words, lens) == 0)
		over->sent++;
}

static void
on_link(bool is_up, const char *why, void *arg)
{
	struct changeover *over = arg;

	(void)why;
	if (is_up)
		publish(over);
}

/* Subscribes anew: whoever might have taken the same is gone. */
static void
begin_anew(struct changeover *over, const char *why)
{
	struct redis_link *pushes = over->relay->backplane.pushes;

	over->state = CHANGEOVER_NONE;
	log_notice("changeover_gap", "messages in between are lost",
	    log_text("why", why));
	pushes_drop(&over->relay->pushes);
	if (redis_link_state(pushes) != REDIS_LINK_WAITING)
		redis_link_renew(pushes, why);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct changeover *over = arg;

	(void)fd;
	(void)what;
	if (over->state == CHANGEOVER_BESIDE) {
		publish(over);
		in_ms(over, MARK_MS);
	} else if (over->state == CHANGEOVER_BEHIND) {
		begin_anew(over, "the mark does not come");
	}
}

void
changeover_stand_by(struct changeover *over, struct relay *relay)
{
	memset(over, 0, sizeof(*over));
	over->relay = relay;
	over->token = random_u64();
	over->link = backplane_new_link(&relay->backplane, on_link, over);
	over->tick = evtimer_new(relay->worker->base, on_tick, over);
	over->state = CHANGEOVER_BESIDE;
	if (over->link == NULL || over->tick == NULL)
		return; /* there will be no mark */
	redis_link_start(over->link);
	in_ms(over, MARK_MS);
}

static void
take_over(struct changeover *over)
{
	uint32_t mark = 0;

	if (atomic_load(&shared(over)->mark_token) == over->token)
		mark = atomic_load(&shared(over)->mark_number);
	if (mark == 0) {
		begin_anew(over, "the one before has heard no mark");
		return;
	}
	pushes_begin_at(&over->relay->pushes, mark);
	if (over->heard >= mark) {
		over->state = CHANGEOVER_NONE;
		pushes_go_on(&over->relay->pushes);
		return;
	}
	over->state = CHANGEOVER_BEHIND;
	over->sent = mark;
	in_ms(over, BEHIND_MS);
}

void
changeover_serve(struct changeover *over, struct relay *relay)
{
	if (over->state == CHANGEOVER_BESIDE) {
		redis_link_free(over->link);
		over->link = NULL;
		take_over(over);
		if (over->missed > 0)
			log_warn("changeover_overflow", "some may be lost",
			    log_uint("messages", over->missed));
	}
	over->relay = relay;
	atomic_store(&shared(over)->mark_number, 0u);
}

/* ---- the giver */

void
changeover_part(struct changeover *over)
{
	/* A relay that only leaves for the next one has nobody beside it. */
	over->state = backplane_hears(&over->relay->backplane) ?
	    CHANGEOVER_EXPECTS :
	    CHANGEOVER_PARTED;
}

void
changeover_end(struct changeover *over)
{
	if (over->state == CHANGEOVER_EXPECTS)
		over->state = CHANGEOVER_PARTED;
}

bool
changeover_is_parted(const struct changeover *over)
{
	return over->state != CHANGEOVER_EXPECTS;
}

/* ---- both */

enum changeover_fate
changeover_fate(const struct changeover *over)
{
	switch (over->state) {
	case CHANGEOVER_BESIDE:
		return over->heard > 0 ? CHANGEOVER_QUEUE : CHANGEOVER_SKIP;
	case CHANGEOVER_BEHIND:
	case CHANGEOVER_PARTED:
		return CHANGEOVER_SKIP;
	case CHANGEOVER_NONE:
	case CHANGEOVER_EXPECTS:
		break;
	}
	return CHANGEOVER_TAKE;
}

void
changeover_mark(struct changeover *over, const char *text, uint32_t number)
{
	uint64_t token;

	if (number == 0 || parse_u64(text, 0, UINT64_MAX, &token) != 0)
		return;
	switch (over->state) {
	case CHANGEOVER_BESIDE:
		if (token != over->token || number <= over->heard)
			break;
		if (push_queue_mark(&over->relay->pushes.queue, number) == 0)
			over->heard = number;
		break;
	case CHANGEOVER_BEHIND:
		if (token == over->token && number >= over->sent)
			over->state = CHANGEOVER_NONE;
		break;
	case CHANGEOVER_EXPECTS:
		atomic_store(&shared(over)->mark_token, token);
		atomic_store(&shared(over)->mark_number, number);
		over->state = CHANGEOVER_PARTED;
		break;
	case CHANGEOVER_NONE:
	case CHANGEOVER_PARTED:
		break;
	}
}

void
changeover_pushes_link(struct changeover *over, bool is_up)
{
	if (is_up) {
		if (over->state == CHANGEOVER_BESIDE)
			publish(over);
		return;
	}
	/* What it would have told is gone with it; the next subscription is
	 * one that nobody else has. */
	if (over->state == CHANGEOVER_BEHIND)
		over->state = CHANGEOVER_NONE;
	else
		changeover_end(over);
}
