/* SPDX-License-Identifier: ISC */
/*
 * A connection to the control socket, as the server (control.c) and the
 * answers (control_answer.c) know it.
 */
#ifndef HOLDFAST_CONTROL_CONTROL_CLIENT_H
#define HOLDFAST_CONTROL_CONTROL_CLIENT_H

#include "supervisor/control/control.h"

struct control_client {
	struct bufferevent *bev; /* owned */
	pid_t pid;
	struct control_call call;
	json_t *request; /* owned; NULL: none */
	bool busy;	 /* a command runs */
	bool leaving;	 /* ends once all is written */
	bool waits;	 /* for the end of a drain */
	bool follows;	 /* wants events as they come */
	TAILQ_ENTRY(control_client) entry;
};

/* Takes fd in every case; NULL: no memory. */
struct control_client *control_client_new(struct supervisor *sup, int fd,
    pid_t pid);
void control_client_free(struct control_client *client);
/* The command has answered: ready for the next one. */
void control_client_ended(struct control_client *client);

/* control_relay.c: where a client is that is not connected here. */
void control_ask_where(struct control_call *call);
/* A command, see control.h. */
void control_run_broadcast(struct control_call *call);

#endif
