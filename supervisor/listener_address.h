/* SPDX-License-Identifier: ISC */
/*
 * Addresses that are listened on: IPv4 and IPv6 literals with a port.
 */
#ifndef HOLDFAST_SUPERVISOR_LISTENER_ADDRESS_H
#define HOLDFAST_SUPERVISOR_LISTENER_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* -EINVAL: neither. */
int listener_address_parse(const char *text, uint16_t port,
    struct sockaddr_storage *out, socklen_t *out_len);
uint16_t listener_address_port(const struct sockaddr_storage *address);
bool listener_address_same_host(const struct sockaddr_storage *a,
    const struct sockaddr_storage *b);
/* Does a TCP socket listen there?  Then *out is its address. */
bool listener_address_of(int fd, struct sockaddr_storage *out);

#endif
