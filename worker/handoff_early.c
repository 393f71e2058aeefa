/* SPDX-License-Identifier: ISC */
/*
 * The part of a handoff for which nobody has to wait (see handoff.h): copies
 * of the sockets go to the taker in windows, one at a turn of the loop, while
 * this tenant serves them.  What has changed meanwhile is made up for when it
 * stands still.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "proto/table.h"
#include "worker/handoff.h"
#include "worker/handoff_giver.h"

bool
handoff_giver_has_sent(const struct giver *giver, uint32_t rec, uint32_t gen)
{
	return rec < giver->capacity && giver->early[rec] == (EARLY_SENT | gen);
}

/* The rest is done at once, also if that is to say that it has failed. */
static void
end_early(struct giver *giver)
{
	event_free(giver->answer);
	giver->answer = NULL;
	worker_give(giver->worker);
}

static int
on_socket(uint32_t rec, uint32_t gen, int fd, void *arg)
{
	struct giver *giver = arg;

	if (rec >= giver->capacity)
		return 0;
	giver->next = rec + 1;
	giver->early[rec] = EARLY_SENT | gen;
	giver->recs[giver->count] = rec;
	giver->gens[giver->count] = gen;
	giver->fds[giver->count++] = fd;
	return giver->count == CHANNEL_MAX_FDS;
}

/* 1: a window was sent; 0: there is none. */
static int
send_next(struct giver *giver)
{
	struct worker *worker = giver->worker;
	int rc;

	(void)worker->ops->each_socket(worker, giver->next, on_socket, giver);
	if (giver->count == 0)
		return 0;
	rc = handoff_giver_send(giver);
	return rc == 0 ? 1 : rc;
}

/* 1: a window was sent; 0: no more of them. */
static int
on_message(struct giver *giver, const struct message *m)
{
	const Holdfast__TakeHello *hello;
	int rc;

	if (m->kind == MSG_TAKE_ACK && giver->greeted) {
		rc = handoff_giver_on_ack(giver,
		    (const Holdfast__TakeAck *)m->body);
		return rc == 0 ? send_next(giver) : rc;
	}
	if (m->kind != MSG_TAKE_HELLO || giver->greeted)
		return handoff_giver_fail(giver, -EPROTO,
		    "the taker breaks protocol");
	hello = (const Holdfast__TakeHello *)m->body;
	rc = handoff_giver_on_hello(giver, hello);
	if (rc == 0 && hello->has_early && hello->early)
		rc = send_next(giver);
	return rc;
}

static void
on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct giver *giver = arg;
	struct message m;
	int rc;

	(void)fd;
	worker_beat(giver->worker);
	if ((what & EV_TIMEOUT) != 0) {
		giver->rc = handoff_giver_fail(giver, -ETIMEDOUT,
		    giver->greeted ? "the taker does not receive" :
				     "the taker does not greet");
		end_early(giver);
		return;
	}
	rc = channel_recv(&giver->channel, &m);
	if (rc == 0)
		return;
	if (rc < 0) {
		giver->rc = handoff_giver_fail(giver, rc, "the taker is gone");
		end_early(giver);
		return;
	}
	rc = on_message(giver, &m);
	message_clear(&m);
	if (rc == 1)
		return;
	giver->rc = rc;
	end_early(giver);
}

int
handoff_give_early(struct worker *worker)
{
	struct timeval tv = { worker->handoff_deadline_ms / 1000,
		(suseconds_t)(worker->handoff_deadline_ms % 1000) * 1000 };
	struct giver *giver;

	if (worker->ops->each_socket == NULL || worker->base == NULL)
		return -ENOTSUP;
	giver = malloc(sizeof(*giver));
	if (giver == NULL)
		return -ENOMEM;
	handoff_giver_init(giver, worker);
	giver->capacity = worker->slot->capacity;
	giver->early = calloc(giver->capacity + 1, sizeof(*giver->early));
	giver->answer = event_new(worker->base, worker->handoff_fd,
	    EV_READ | EV_PERSIST, on_answer, giver);
	if (giver->early == NULL || giver->answer == NULL ||
	    event_add(giver->answer, &tv) != 0) {
		handoff_giver_clear(giver);
		free(giver);
		return -ENOMEM;
	}
	worker->giver = giver;
	return 0;
}

void
handoff_forget_early(struct worker *worker)
{
	if (worker->giver == NULL)
		return;
	handoff_giver_clear(worker->giver);
	free(worker->giver);
	worker->giver = NULL;
}
