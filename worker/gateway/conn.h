/* SPDX-License-Identifier: ISC */
/*
 * One connection's life between its birth in accept.c and its death here:
 * readiness events, the close handshake, lingering, and what must be undone
 * when it ends.
 */
#ifndef HOLDFAST_GATEWAY_CONN_H
#define HOLDFAST_GATEWAY_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/counters.h"
#include "proto/record.h"

struct gateway;
struct step_work;

/* Readiness of a client socket, as epoll reports it. */
void conn_on_event(struct gateway *, uint32_t rec, uint32_t gen,
    uint32_t events);

/* A read step: what the socket has, as far as it may be taken. */
void conn_read(struct gateway *, uint32_t rec);

/* Second half of a read step: n bytes lie in the in scratch, or the peer has
 * gone.  Also called on adoption for bytes read by a tenant that died. */
void conn_take(struct gateway *, struct step_work *, size_t n, bool gone);

/* Closes an open connection with a close frame, as a step of its own.  reason
 * may be NULL.  Nothing happens to one that is closing already. */
void conn_close(struct gateway *, uint32_t rec, uint16_t code,
    const char *reason, enum counter cause);

/* Within a step: the same. */
void conn_begin_close(struct gateway *, struct step_work *, uint16_t code,
    const char *reason, enum counter cause);

/* Within a step: all is said; FIN after the output, then await the peer's. */
void conn_linger(struct gateway *, struct step_work *, uint16_t code,
    enum counter cause);

/* Within a step: ends the connection without another word. */
void conn_die(struct gateway *, struct step_work *, enum counter cause);

/* As a step of its own. */
void conn_kill(struct gateway *, uint32_t rec, enum counter cause);

/* Undoes what the node knows of a dying connection; may be done twice. */
void conn_forget(struct gateway *, uint32_t rec, const struct record_body *);

/* Closes the connection that a newer one of the same client replaced. */
void conn_settle_kick(struct gateway *);

/* Keys of the per-address count and of the poison table. */
uint64_t conn_address_key(struct gateway *, const uint8_t addr[16]);
uint64_t conn_client_key(struct gateway *, const char *id, size_t len);

#endif
