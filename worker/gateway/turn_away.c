/* SPDX-License-Identifier: ISC */
/*
 * Refusing without a record, see turn_away.h.  A socket that is closed with
 * bytes unread sends a reset, and a request that arrives afterwards gets one,
 * which may overtake our answer: so the request is read first, and a few
 * sockets may wait for theirs.  When too many wait, the oldest is answered
 * all the same.
 */
#include "worker/gateway/turn_away.h"

#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "worker/gateway/admission.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/http_answer.h"

#define TURN_AWAY_WAIT_US 1000000u
#define TURN_AWAY_READS	  8

/* Takes what has come; false: nothing yet. */
static bool
turn_away_read(int fd)
{
	char bytes[4096];
	bool some = false;

	for (int i = 0; i < TURN_AWAY_READS; i++) {
		ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return some;
		some = true;
		if (n <= 0)
			break;
	}
	return some;
}

static void
turn_away_answer(struct gateway *g, int fd)
{
	const struct http_refusal refusal = { 503, "full",
		"this node holds all the connections it may" };
	char answer[HTTP_ANSWER_MAX];
	int n = http_answer_refusal_format(&refusal,
	    (int)((admission_retry_ms(g) + 999) / 1000), answer,
	    sizeof(answer));

	/* A fresh socket's buffer has room for it; if not, it is bad luck. */
	if (n > 0)
		(void)!send(fd, answer, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)shutdown(fd, SHUT_WR);
	(void)turn_away_read(fd);
	(void)close(fd);
	counter_add(gateway_counters(g), COUNTER_HANDSHAKE_CAPACITY, 1);
}

static void
turn_away_drop(struct turn_away *t, uint32_t i)
{
	t->count--;
	memmove(t->fd + i, t->fd + i + 1, (t->count - i) * sizeof(t->fd[0]));
	memmove(t->until_us + i, t->until_us + i + 1,
	    (t->count - i) * sizeof(t->until_us[0]));
}

void
turn_away(struct gateway *g, int fd)
{
	struct turn_away *t = &g->turn_away;

	if (turn_away_read(fd)) {
		turn_away_answer(g, fd);
		return;
	}
	if (t->count == TURN_AWAY_MAX) {
		turn_away_answer(g, t->fd[0]);
		turn_away_drop(t, 0);
	}
	t->fd[t->count] = fd;
	t->until_us[t->count] = g->now_us + TURN_AWAY_WAIT_US;
	t->count++;
}

void
turn_away_run(struct gateway *g)
{
	struct turn_away *t = &g->turn_away;
	uint32_t i = 0;

	while (i < t->count) {
		if (!turn_away_read(t->fd[i]) && g->now_us < t->until_us[i]) {
			i++;
			continue;
		}
		turn_away_answer(g, t->fd[i]);
		turn_away_drop(t, i);
	}
}
