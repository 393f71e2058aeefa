/* SPDX-License-Identifier: ISC */
/*
 * The registry of a fleet: registrations of clients that are not connected to
 * this node, in Redis.  Each of these replies to the call.
 */
#ifndef HOLDFAST_RELAY_API_REGISTRY_FLEET_H
#define HOLDFAST_RELAY_API_REGISTRY_FLEET_H

#include <jansson.h>

struct api_call;

/* body: what was checked to be a registration. */
void api_registry_fleet_register(struct api_call *, const json_t *body);
void api_registry_fleet_get(struct api_call *);
void api_registry_fleet_delete(struct api_call *);

#endif
