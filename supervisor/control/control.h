/* SPDX-License-Identifier: ISC */
/*
 * The control socket: operators' requests as lines of JSON, one at a time on
 * each connection, answered by lines of JSON.  Zero or more lines of progress
 * or events, then {"ok":true,"result":...} or {"ok":false,"error":...}.  Only
 * root and our own user may talk; sizes, connections, idle time and slow
 * readers are bounded.  A command is one function, which may answer later.
 */
#ifndef HOLDFAST_CONTROL_CONTROL_H
#define HOLDFAST_CONTROL_CONTROL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <jansson.h>

#define CONTROL_MAX_REQUEST	(64u * 1024)
#define CONTROL_MAX_CONNECTIONS 32u

/* Exit codes of holdfastctl that an error suggests. */
#define CONTROL_EXIT_REFUSED  1
#define CONTROL_EXIT_USAGE    2
#define CONTROL_EXIT_DEADLINE 4

struct supervisor;
struct control_client;

/* One request under way. */
struct control_call {
	struct supervisor *sup;	       /* borrowed */
	struct control_client *client; /* borrowed */
	const json_t *args;	       /* borrowed: the whole request */
	void *state;		       /* the command's own */
	/* The client is gone: free state, answer nothing more. */
	void (*cancel)(struct control_call *call);
};

struct control_command {
	const char *name;
	void (*run)(struct control_call *call);
};

struct control {
	struct evconnlistener *listener; /* owned */
	TAILQ_HEAD(, control_client) clients;
	uint32_t count;
	char path[108];
	uint64_t refused;
	struct event *drain_tick; /* owned: while somebody waits for a drain */
};

int control_start(struct supervisor *sup);
/* Closes all and removes the socket's name. */
void control_stop(struct supervisor *sup);

/* An upgrade hands the socket's name over: stops listening, and ends all
 * connections but that of `keep` (NULL: all). */
void control_let_go(struct supervisor *sup, const struct control_call *keep);
/* Writes what is owed, for so long at most; returns the connection's fd. */
int control_flush(struct control_call *call, int ms);
void control_flush_all(struct supervisor *sup, int ms);
/* A connection from before an exec, whose command is still under way: to be
 * ended as any other.  Takes fd; NULL: no memory. */
struct control_call *control_resume(struct supervisor *sup, int fd);

/* Every command ends in exactly one of these.  result: taken over. */
void control_done(struct control_call *call, json_t *result);
void control_fail(struct control_call *call, const char *error, int exit_code,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* A line before the end: {"<name>": value}; value is taken over. */
void control_tell(struct control_call *call, const char *name, json_t *value);

/* A JSON string of a text that may not be UTF-8. */
json_t *control_text(const char *text);

/* Of the request: NULL or fallback when it is absent or of another type. */
const char *control_arg_text(const struct control_call *call, const char *key);
int64_t control_arg_int(const struct control_call *call, const char *key,
    int64_t fallback);
bool control_arg_bool(const struct control_call *call, const char *key);

/* control_commands.c: the table, ends in a NULL name. */
extern const struct control_command control_commands[];

void control_run_status(struct control_call *call);
void control_run_workers(struct control_call *call);
void control_run_clients(struct control_call *call);
void control_run_where(struct control_call *call);
void control_run_send(struct control_call *call);
void control_run_kick(struct control_call *call);
void control_run_dispatch(struct control_call *call);
void control_run_restart(struct control_call *call);
void control_run_upgrade(struct control_call *call);
void control_run_reload(struct control_call *call);
void control_run_config_show(struct control_call *call);
void control_run_events(struct control_call *call);
void control_run_drain(struct control_call *call);
void control_run_undrain(struct control_call *call);
void control_run_nodes(struct control_call *call);
void control_run_fleet(struct control_call *call);
void control_run_pause(struct control_call *call);
void control_run_resume(struct control_call *call);
void control_run_ack(struct control_call *call);
void control_run_forget(struct control_call *call);

/* How far the drain is, and that to those who wait for its end. */
json_t *control_drain_json(const struct supervisor *sup);
void control_drain_tell(struct supervisor *sup);
json_t *control_fleet_json(const struct supervisor *sup);
/* NULL: there is none, and the call has failed. */
struct fleet *control_fleet(struct control_call *call);
/* A new event of the node, for those who follow. */
struct event_entry;
void control_on_event(struct supervisor *sup, const struct event_entry *entry);

#endif
