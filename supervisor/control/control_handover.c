/* SPDX-License-Identifier: ISC */
/*
 * What a live upgrade needs of the control socket (see control.h): the name
 * goes to another supervisor, while the one who asked is still being answered.
 */
#include <errno.h>
#include <poll.h>

#include <event2/buffer.h>

#include "lib/clock.h"
#include "supervisor/control/control_client.h"
#include "supervisor/supervisor.h"

void
control_let_go(struct supervisor *sup, const struct control_call *keep)
{
	struct control *control = &sup->control;
	struct control_client *client, *next;

	/* The name stays: the next one replaces it. */
	if (control->listener != NULL)
		evconnlistener_free(control->listener);
	control->listener = NULL;
	if (control->drain_tick != NULL)
		event_free(control->drain_tick);
	control->drain_tick = NULL;
	for (client = TAILQ_FIRST(&control->clients); client != NULL;
	     client = next) {
		next = TAILQ_NEXT(client, entry);
		if (&client->call != keep)
			control_client_free(client);
	}
}

static void
flush_until(struct control_client *client, uint64_t until)
{
	struct evbuffer *output = bufferevent_get_output(client->bev);
	struct pollfd ready = { .fd = bufferevent_getfd(client->bev),
		.events = POLLOUT };
	uint64_t now = clock_mono_ms();

	evbuffer_unfreeze(output, 1);
	while (evbuffer_get_length(output) > 0) {
		int left = until > now ? (int)(until - now) : 0;

		if (poll(&ready, 1, left) != 1 ||
		    (evbuffer_write(output, ready.fd) == -1 && errno != EAGAIN))
			break;
		now = clock_mono_ms();
	}
}

int
control_flush(struct control_call *call, int ms)
{
	flush_until(call->client, clock_mono_ms() + (uint64_t)ms);
	return bufferevent_getfd(call->client->bev);
}

void
control_flush_all(struct supervisor *sup, int ms)
{
	uint64_t until = clock_mono_ms() + (uint64_t)ms;
	struct control_client *client;

	/* One that does not read must not cost the others' share. */
	TAILQ_FOREACH(client, &sup->control.clients, entry)
		flush_until(client, clock_mono_ms());
	TAILQ_FOREACH(client, &sup->control.clients, entry)
		flush_until(client, until);
}

struct control_call *
control_resume(struct supervisor *sup, int fd)
{
	struct control_client *client = control_client_new(sup, fd, 0);

	if (client == NULL)
		return NULL;
	client->busy = true;
	bufferevent_set_timeouts(client->bev, NULL, NULL);
	return &client->call;
}
