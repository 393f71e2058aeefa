/* SPDX-License-Identifier: ISC */
/*
 * Which node a client id is connected to.  For this node the tables know; what
 * other gateways register is kept in memory, within bounds, and given back as
 * it came.  It does not outlive the tenant.
 */
#ifndef HOLDFAST_RELAY_API_REGISTRY_H
#define HOLDFAST_RELAY_API_REGISTRY_H

#include <stddef.h>

#include <jansson.h>

#define API_REGISTRY_MAX       100000u
#define API_REGISTRY_MAX_BYTES (32u * 1024 * 1024)
#define API_REGISTRY_MAX_BODY  4096u

struct api_registry {
	json_t *foreign; /* owned: client id -> the text it was registered by */
	size_t bytes;	 /* of those texts */
};

/* 0 or -ENOMEM. */
int api_registry_init(struct api_registry *);

/* Adds or replaces.  -ENOSPC: a limit; -ENOMEM. */
int api_registry_put(struct api_registry *, const char *client_id,
    const char *text, size_t len) __attribute__((warn_unused_result));

#endif
