/* SPDX-License-Identifier: ISC */
/*
 * Listen sockets that came with the process, from the service manager or the
 * supervisor before an upgrade: sd_listen_fds(3).  The environment is read once
 * and cleaned; what nobody asks for is closed.
 */
#ifndef HOLDFAST_SUPERVISOR_LISTENER_INHERIT_H
#define HOLDFAST_SUPERVISOR_LISTENER_INHERIT_H

#include <stdbool.h>
#include <sys/socket.h>

struct listener_inherit {
	int first;
	int count;
	bool taken[64];
	char name[64][16]; /* from LISTEN_FDNAMES, or empty */
};

void listener_inherit_find(struct listener_inherit *in);
/* The one with this address, or with this name when the port is 0; -1: none. */
int listener_inherit_take(struct listener_inherit *in,
    const struct sockaddr_storage *wanted, const char *name);
void listener_inherit_close_rest(const struct listener_inherit *in);

#endif
