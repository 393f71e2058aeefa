/* SPDX-License-Identifier: ISC */
/*
 * GET /api/v1/registry/CLIENT for a client of another node of the fleet: that
 * node knows the latency as it is now.  When it does not say soon, the reply is
 * what is registered.
 */
#ifndef HOLDFAST_RELAY_API_REGISTRY_LIVE_H
#define HOLDFAST_RELAY_API_REGISTRY_LIVE_H

struct api_call;

/* Replies to the call, whose client it is; the texts are copied.  registered: a
 * JSON object. */
void api_registry_live(struct api_call *, const char *node,
    const char *registered);

#endif
