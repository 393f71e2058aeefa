/* SPDX-License-Identifier: ISC */
/*
 * The listen sockets of a node: for clients (handed to the gateways), the API
 * (handed to the relay), the admin pages and load balancers' agents (ours), and
 * other nodes (ours, and handed to the relay, which answers while there is no
 * supervisor).  Opened here, or adopted from the service manager by their
 * address (sd_listen_fds(3)).
 */
#ifndef HOLDFAST_SUPERVISOR_LISTENER_H
#define HOLDFAST_SUPERVISOR_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/settings.h"
#include "proto/slot_fd.h"

struct listener {
	int fd;		  /* owned; -1: none, or not any more */
	char address[64]; /* as configured; "": none has been here */
	uint16_t port;	  /* the real one, also when 0 was configured */
	uint32_t asked_port;
	uint32_t asked_backlog;
	bool adopted;
};

/* What an inherited socket is for, in LISTEN_FDNAMES: one that was opened on
 * any port is recognised by this and its address. */
#define LISTENER_NAME_CLIENTS "clients"
#define LISTENER_NAME_API     "api"
#define LISTENER_NAME_ADMIN   "admin"
#define LISTENER_NAME_AGENT   "agent"
#define LISTENER_NAME_PEERS   "peers"

/* Those of which there is one at most. */
enum listener_single {
	LISTENER_API,
	LISTENER_ADMIN,
	LISTENER_AGENT,
	LISTENER_PEERS,
	LISTENER_SINGLES
};

/* A listener keeps its place in clients for life (SLOT_MAX_LISTENERS): that is
 * its index for the workers.  One that was removed leaves its address there,
 * for the connections that came over it. */
struct listener_set {
	struct listener clients[SLOT_MAX_LISTENERS];
	uint32_t count; /* of places, with and without one */
	struct listener api;
	struct listener admin;
	struct listener agent;
	struct listener peers;
};

void listener_set_init(struct listener_set *set);
/* Opens all that the settings name and that are not open, and logs each.  On
 * failure (-errno) all are closed and error names the address. */
int listener_set_open(struct listener_set *set, const struct settings *settings,
    char *error, size_t size);
/* A socket from before us gets the place that it had, or becomes that single
 * one, if the settings name its address and there is none yet.  Takes
 * fd, which may be -1, in every case. */
void listener_set_adopt(struct listener_set *set,
    const struct settings *settings, uint32_t place, int fd);
void listener_set_adopt_single(struct listener_set *set,
    const struct settings *settings, enum listener_single which, int fd);
/* Do the settings want a socket for other nodes? */
bool listener_set_wants_peers(const struct settings *settings);
void listener_set_close(struct listener_set *set);

/* For clients, as configured; the backlog is capped to what the kernel allows.
 * -errno, with listener->fd -1. */
int listener_open_client(struct listener *listener,
    const struct settings_listen *listen);
void listener_set_backlog(struct listener *listener,
    const struct settings_listen *wanted);
void listener_tell(const struct listener *listener, const char *purpose);

#endif
