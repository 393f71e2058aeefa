/* SPDX-License-Identifier: ISC */
/*
 * Foreign registrations, see api_registry.h.  jansson's object is the table.
 */
#include "worker/relay/api_registry.h"

#include <errno.h>

int
api_registry_init(struct api_registry *registry)
{
	registry->clients = json_object();
	return registry->clients == NULL ? -ENOMEM : 0;
}

void
api_registry_clear(struct api_registry *registry)
{
	json_decref(registry->clients);
	registry->clients = NULL;
}

int
api_registry_put(struct api_registry *registry, const char *client_id,
    json_t *payload)
{
	if (json_object_size(registry->clients) >= API_REGISTRY_MAX &&
	    json_object_get(registry->clients, client_id) == NULL) {
		json_decref(payload);
		return -ENOSPC;
	}
	if (json_object_set_new(registry->clients, client_id, payload) != 0)
		return -ENOMEM;
	return 0;
}

json_t *
api_registry_get(const struct api_registry *registry, const char *client_id)
{
	return json_object_get(registry->clients, client_id);
}

int
api_registry_remove(struct api_registry *registry, const char *client_id)
{
	return json_object_del(registry->clients, client_id) == 0 ? 0 : -ENOENT;
}
