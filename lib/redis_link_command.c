/* SPDX-License-Identifier: ISC */
/*
 * Commands, replies and pushed messages of a link (see redis_link.h), and the
 * greeting that every new connection begins with.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include "lib/clock.h"
#include "lib/redis_link_inside.h"

static enum redis_fault
fault_of(const struct redisReply *reply)
{
	const char *error = redis_reply_error(reply);

	if (reply == NULL)
		return REDIS_FAULT_LOST;
	return error == NULL ? REDIS_FAULT_NONE : redis_fault_parse(error);
}

static void
on_reply(struct redisAsyncContext *ac, void *data, void *arg)
{
	struct redis_command *command = arg;
	struct redis_command told = *command;
	struct redis_link *link = command->link;
	const struct redisReply *reply = data;
	enum redis_fault fault = fault_of(reply);

	(void)ac;
	if (link == NULL) {
		free(command);
		return;
	}
	/* replies come in order, so this is the first */
	link->first = command->next;
	if (link->first == NULL)
		link->last = NULL;
	link->guard.pending--;
	if (fault != REDIS_FAULT_NONE && fault != REDIS_FAULT_LOST)
		link->errors++;
	free(command);
	if (told.cb != NULL)
		told.cb(reply, fault, told.arg);
	if (redis_fault_reaction(fault) == REDIS_RECONNECT)
		redis_link_feed(link, REDIS_LINK_EV_FAILED,
		    redis_reply_error(reply));
}

static int
submit(struct redis_link *link, redis_link_cb *cb, void *arg, int argc,
    const char *const *argv, const size_t *lens)
{
	struct redis_command *command = calloc(1, sizeof(*command));

	if (command == NULL)
		return -ENOMEM;
	command->link = link;
	command->cb = cb;
	command->arg = arg;
	command->sent_ms = clock_mono_ms();
	/* hiredis forgot const; it only reads them.  It refuses while its
	 * context is ending. */
	if (redisAsyncCommandArgv(link->ac, on_reply, command, argc,
		(const char **)(uintptr_t)argv, lens) != REDIS_OK) {
		free(command);
		return -ENOTCONN;
	}
	if (link->last != NULL)
		link->last->next = command;
	else
		link->first = command;
	link->last = command;
	link->guard.pending++;
	return 0;
}

int
redis_link_command(struct redis_link *link, redis_link_cb *cb, void *arg,
    int argc, const char *const *argv, const size_t *lens)
{
	if (link->state != REDIS_LINK_READY || link->ac == NULL ||
	    link->conf.channel != NULL)
		return -ENOTCONN;
	if (link->guard.pending >= link->conf.max_pending)
		return -EAGAIN;
	return submit(link, cb, arg, argc, argv, lens);
}

void
redis_link_lose(struct redis_link *link)
{
	struct redis_command *command = link->first, *next;

	link->first = link->last = NULL;
	link->guard.pending = 0;
	/* First all: a callback may ask how many are pending. */
	for (next = command; next != NULL; next = next->next)
		next->link = NULL;
	for (; command != NULL; command = command->next)
		if (command->cb != NULL)
			command->cb(NULL, REDIS_FAULT_LOST, command->arg);
}

/* ---- the greeting */

static void
greeting_failed(struct redis_link *link, const char *what,
    const struct redisReply *reply)
{
	const char *error = redis_reply_error(reply);
	char text[REDIS_LINK_TEXT];

	snprintf(text, sizeof(text), "%s: %s", what,
	    error != NULL ? error : "an unexpected reply");
	redis_link_feed(link, REDIS_LINK_EV_FAILED, text);
}

static void
on_auth(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	if (fault != REDIS_FAULT_LOST && !redis_reply_is(reply, "OK"))
		greeting_failed(arg, "AUTH", reply);
}

static void
on_select(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	if (fault != REDIS_FAULT_LOST && !redis_reply_is(reply, "OK"))
		greeting_failed(arg, "SELECT", reply);
}

/* Also later: a master may become a replica without closing connections. */
static void
on_role(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct redis_link *link = arg;

	if (fault == REDIS_FAULT_LOST ||
	    redis_reply_is(redis_reply_at(reply, 0), "master"))
		return;
	/* A script of somebody runs too long: it will tell when that is over.
	 */
	if (link->state == REDIS_LINK_READY &&
	    redis_fault_reaction(fault) == REDIS_LATER)
		return;
	if (fault == REDIS_FAULT_NONE && redis_reply_count(reply) > 0)
		redis_link_feed(link, REDIS_LINK_EV_FAILED,
		    "ROLE: it is not a master");
	else
		greeting_failed(link, "ROLE", reply);
}

static void
on_push(struct redisAsyncContext *ac, void *data, void *arg)
{
	struct redis_link *link = ac->data;
	const struct redisReply *reply = data;
	const char *bytes;
	size_t len;

	(void)arg;
	if (link == NULL || reply == NULL)
		return;
	if (redis_reply_is(redis_reply_at(reply, 0), "subscribe")) {
		redis_link_feed(link, REDIS_LINK_EV_GREETED, NULL);
		return;
	}
	if (!redis_reply_is(redis_reply_at(reply, 0), "message"))
		return;
	bytes = redis_reply_text(redis_reply_at(reply, 2), &len);
	if (bytes != NULL && link->state == REDIS_LINK_READY)
		link->conf.on_push(bytes, len, link->conf.arg);
}

static void
subscribe(struct redis_link *link)
{
	const char *argv[] = { "SUBSCRIBE", link->conf.channel };
	size_t lens[] = { strlen(argv[0]), strlen(argv[1]) };

	link->guard.channel = link->conf.channel;
	if (redisAsyncCommandArgv(link->ac, on_push, NULL, 2, argv, lens) !=
	    REDIS_OK)
		redis_link_feed(link, REDIS_LINK_EV_FAILED,
		    "SUBSCRIBE: no memory");
}

static void
on_ping(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct redis_link *link = arg;

	if (fault == REDIS_FAULT_LOST)
		return;
	/* MISCONF: its disk is full, and it takes no writes for now; it says so
	 * even to this. */
	if (!redis_reply_is(reply, "PONG") && fault != REDIS_FAULT_REFUSED)
		greeting_failed(link, "PING", reply);
	else if (link->conf.channel != NULL && link->ac != NULL)
		subscribe(link);
	else
		redis_link_feed(link, REDIS_LINK_EV_GREETED, NULL);
}

static int
send_words(struct redis_link *link, redis_link_cb *cb, int argc,
    const char *const *argv)
{
	size_t lens[3];
	int i;

	for (i = 0; i < argc; i++)
		lens[i] = strlen(argv[i]);
	return submit(link, cb, link, argc, argv, lens);
}

/* Read anew each time, since it may have been changed. */
static int
send_auth(struct redis_link *link)
{
	const struct redis_auth *auth = &link->conf.auth;
	char text[REDIS_LINK_TEXT];
	struct redis_auth_words words;
	int rc;

	rc = redis_auth_read(auth, &words);
	if (rc != 0) {
		snprintf(text, sizeof(text), "%s: %s", auth->password_file,
		    strerror(-rc));
		redis_link_feed(link, REDIS_LINK_EV_FAILED, text);
		return rc;
	}
	if (words.argc > 0)
		rc = submit(link, on_auth, link, words.argc, words.argv,
		    words.lens);
	redis_auth_clear(&words);
	return rc;
}

void
redis_link_greet(struct redis_link *link)
{
	const char *const role[] = { "ROLE" }, *const ping[] = { "PING" };
	char database[16];
	const char *const select[] = { "SELECT", database };
	int rc;

	snprintf(database, sizeof(database), "%u", link->conf.url.database);
	rc = send_auth(link);
	if (rc == 0 && link->conf.url.database != 0)
		rc = send_words(link, on_select, 2, select);
	if (rc == 0)
		rc = send_words(link, on_role, 1, role);
	if (rc == 0)
		rc = send_words(link, on_ping, 1, ping);
	if (rc != 0)
		redis_link_feed(link, REDIS_LINK_EV_FAILED, strerror(-rc));
}

void
redis_link_ask(struct redis_link *link)
{
	const char *const role[] = { "ROLE" };

	if (link->conf.channel != NULL)
		subscribe(link);
	else if (send_words(link, on_role, 1, role) != 0)
		redis_link_feed(link, REDIS_LINK_EV_FAILED, "ROLE: no memory");
}

void
redis_link_flush(struct redis_link *link)
{
	int is_done;

	/* An error shows again when the loop writes. */
	if (link->ac != NULL)
		(void)redisBufferWrite(&link->ac->c, &is_done);
}
