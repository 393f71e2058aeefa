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

/* Whoever might have taken the same is gone. */
static void
begin_anew(const struct changeover *over, const char *why)
{
	struct redis_link *pushes = over->relay->backplane.pushes;

	log_notice("changeover_gap", "messages in between are lost",
	    log_text("why", why));
	pushes_drop(&over->relay->pushes);
	if (redis_link_state(pushes) != REDIS_LINK_WAITING)
		redis_link_renew(pushes, why);
}

/* Those before the mark were not for us. */
static void
count_cut(struct changeover *over)
{
	const struct push_item *first = over->relay->pushes.queue.first;

	if (over->mark != 0 && first != NULL && first->mark > over->mark)
		over->missed += over->cut;
	over->cut = 0;
}

static void
tell_missed(struct changeover *over)
{
	if (over->missed == 0)
		return;
	counter_add(relay_counters(over->relay), COUNTER_DISPATCH_BUSY,
	    over->missed);
	log_warn("changeover_overflow", "some may be lost",
	    log_uint("messages", over->missed));
	over->missed = 0;
}

static void
act(struct changeover *over, enum changeover_act what)
{
	struct pushes *pushes = &over->relay->pushes;

	switch (what) {
	case CHANGEOVER_IGNORE:
	case CHANGEOVER_MOVE:
		break;
	case CHANGEOVER_PUBLISH:
		publish(over);
		in_ms(over, MARK_MS);
		break;
	case CHANGEOVER_BEGIN:
		pushes_begin_at(pushes, over->mark);
		pushes_go_on(pushes);
		break;
	case CHANGEOVER_AWAIT:
		pushes_drop(pushes);
		in_ms(over, BEHIND_MS);
		break;
	case CHANGEOVER_ANEW:
		begin_anew(over,
		    over->mark == 0 ? "the one before has heard no mark" :
				      "the mark does not come");
		break;
	case CHANGEOVER_WRITE:
		commit_store(&shared(over)->mark_token, over->token);
		commit_store(&shared(over)->mark_number, over->mark);
		break;
	case CHANGEOVER_PLAY:
		commit_store(&shared(over)->mark_number, 0u);
		pushes_play_held(pushes);
		tell_missed(over);
		break;
	}
}

static void
feed(struct changeover *over, enum changeover_event event)
{
	struct changeover_move move = changeover_fsm_next(over->state, event);

	over->state = move.next;
	act(over, move.act);
}

/* ---- the taker */

static void
on_link(bool is_up, const char *why, void *arg)
{
	(void)why;
	if (is_up)
		feed(arg, CHANGEOVER_LINKED);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	feed(arg, CHANGEOVER_TIME);
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

void
changeover_serve(struct changeover *over, struct relay *relay)
{
	over->relay = relay;
	redis_link_free(over->link);
	over->link = NULL;
	if (atomic_load(&shared(over)->mark_token) == over->token)
		over->mark = atomic_load(&shared(over)->mark_number);
	count_cut(over);
	feed(over, changeover_fsm_serve(over->mark, over->heard));
	tell_missed(over);
	commit_store(&shared(over)->mark_number, 0u);
}

/* ---- the giver */

void
changeover_part(struct changeover *over)
{
	/* A relay that only leaves for the next one has nobody beside it. */
	feed(over,
	    backplane_hears(&over->relay->backplane) ? CHANGEOVER_GIVE_HEARING :
						       CHANGEOVER_GIVE_DEAF);
}

void
changeover_end(struct changeover *over)
{
	feed(over, CHANGEOVER_END);
}

void
changeover_keep(struct changeover *over)
{
	feed(over, CHANGEOVER_KEEP);
}

/* ---- both */

/* Is it one that counts?  That of a taker which is beside is then in the queue.
 */
static bool
note_mark(struct changeover *over, uint64_t token, uint32_t number)
{
	switch (over->state) {
	case CHANGEOVER_PARTED:
		/* If it fails, its last ones may come with the next taker. */
		over->token = token;
		return false;
	case CHANGEOVER_EXPECTS:
		if (token == over->token)
			return false;
		over->token = token;
		over->mark = number;
		return true;
	default:
		break;
	}
	if (token != over->token)
		return false;
	if (!changeover_is_beside(over))
		return number >= over->mark;
	if (number <= over->heard ||
	    push_queue_mark(&over->relay->pushes.queue, number) != 0)
		return false;
	over->heard = number;
	return true;
}

void
changeover_mark(struct changeover *over, const char *text, uint32_t number)
{
	uint64_t token;

	if (number != 0 && parse_u64(text, 0, UINT64_MAX, &token) == 0 &&
	    note_mark(over, token, number))
		feed(over, CHANGEOVER_MARK);
}

void
changeover_pushes_link(struct changeover *over, bool is_up)
{
	feed(over, is_up ? CHANGEOVER_LINKED : CHANGEOVER_CUT);
}
