/* SPDX-License-Identifier: ISC */
/*
 * The listen sockets of a node: for clients (handed to the gateways), the API
 * (handed to the relay) and the admin pages (ours).  Opened here, or adopted
 * from the service manager by their address (sd_listen_fds(3)).
 */
#ifndef HOLDFAST_SUPERVISOR_LISTENER_H
#define HOLDFAST_SUPERVISOR_LISTENER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "proto/settings.h"

struct listener {
	int fd;		  /* owned; -1: none */
	char address[64]; /* as configured */
	uint16_t port;	  /* the real one, also when 0 was configured */
	bool adopted;
};

struct listener_set {
	struct listener clients[SETTINGS_MAX_LISTEN];
	uint32_t count;
	struct listener api;
	struct listener admin;
};

void listener_set_init(struct listener_set *set);
/* Opens all that the settings name, and logs each.  On failure (-errno) all
 * are closed and error names the address. */
int listener_set_open(struct listener_set *set, const struct settings *settings,
    char *error, size_t size);
void listener_set_close(struct listener_set *set);

/* Parses an IPv4 or IPv6 literal.  -EINVAL. */
int listener_address_parse(const char *text, uint16_t port,
    struct sockaddr_storage *out, socklen_t *out_len);

#endif
