/* SPDX-License-Identifier: ISC */
/*
 * Registrations of clients that foreign gateways hold, as the API was told
 * them.  In memory and bounded: a standalone node shares them with nobody and
 * forgets them with its relay.
 */
#ifndef HOLDFAST_RELAY_API_REGISTRY_H
#define HOLDFAST_RELAY_API_REGISTRY_H

#include <jansson.h>

#define API_REGISTRY_MAX 100000u

struct api_registry {
	json_t *clients; /* owned; client id -> register payload */
};

int api_registry_init(struct api_registry *)
    __attribute__((warn_unused_result));
void api_registry_clear(struct api_registry *);

/* Keeps a payload (its reference is taken over).  -ENOSPC, -ENOMEM. */
int api_registry_put(struct api_registry *, const char *client_id,
    json_t *payload) __attribute__((warn_unused_result));

/* Borrowed; NULL: not registered. */
json_t *api_registry_get(const struct api_registry *, const char *client_id);

/* -ENOENT. */
int api_registry_remove(struct api_registry *, const char *client_id);

#endif
