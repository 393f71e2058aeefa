/* SPDX-License-Identifier: ISC */
/*
 * The HTTP API of a node, on evhttp and a listen socket that the supervisor has
 * opened.  Requests are JSON in and JSON out; the paths and their handlers are
 * in api.c, the handlers in api_<noun>.c.  One request at a time is read from a
 * connection, and none waits for another.
 */
#ifndef HOLDFAST_RELAY_API_H
#define HOLDFAST_RELAY_API_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include <event2/http.h>
#include <event2/listener.h>

#include "worker/relay/api_conns.h"
#include "worker/relay/api_json.h"
#include "worker/relay/api_registry.h"
#include "worker/relay/api_tokens.h"

#define API_MAX_WAIT_MS 60000u

struct relay;

struct api {
	struct relay *relay;		 /* borrowed */
	struct evhttp *http;		 /* owned; NULL: off */
	struct evconnlistener *listener; /* owned by http; the fd: the slot */
	struct api_conns conns;
	struct api_registry registry;
	/* who may ask */
	struct api_tokens tokens;
	struct stat tokens_stat; /* of the file that was read */
	bool tokens_wanted;	 /* else: everybody who can connect */
	bool refuse_all;	 /* not loopback, and no tokens */
};

/* Serves on the slot's listener, if it has one.  0 or -errno. */
int api_start(struct api *, struct relay *) __attribute__((warn_unused_result));

/* Takes leave: new connections stay in the kernel, for the next relay;
 * requests are answered, and then their connection ends. */
void api_part(struct api *);
/* Those that have ended may come again. */
void api_resume(struct api *);
bool api_is_parting(const struct api *);
/* While parting: ends what can be ended, true when nobody is left. */
bool api_has_parted(struct api *);

/* Values of settings.api have changed. */
void api_apply_settings(struct api *);

/* Once a second: old connections, changed tokens. */
void api_tick(struct api *);

#endif
