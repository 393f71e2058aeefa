/* SPDX-License-Identifier: ISC */
/*
 * Lookups through libevent's evdns (see redis_resolve.h).
 */
#include "lib/redis_resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/dns.h>

#include "lib/random.h"

#define SERVERS 4u /* that there is time for */

/* The name servers as they were when a lookup began.  Lookups that are
 * cancelled call back later all the same, and look at it then: it ends with
 * the last of them, and not in its callback. */
struct servers {
	struct event_base *base;  /* borrowed */
	struct evdns_base *evdns; /* owned */
	uint32_t lookups;	  /* that will call back */
	bool is_retired;	  /* no further one begins */
};

/* Outlives a cancelled lookup. */
struct lookup {
	struct redis_resolve *resolve; /* NULL: cancelled */
	struct servers *servers;       /* borrowed: counted there */
	struct evdns_getaddrinfo_request *request;
	redis_resolve_cb *cb;
	void *arg;
};

struct redis_resolve {
	struct event_base *base; /* borrowed */
	struct servers *servers; /* owned until retired; NULL: none yet */
	struct lookup *lookup;	 /* owned by evdns; NULL: none */
};

/* ---- name servers */

static void
free_servers(struct servers *servers)
{
	evdns_base_free(servers->evdns, 0);
	free(servers);
}

static void
on_unused(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	free_servers(arg);
}

static void
retire(struct servers *servers)
{
	if (servers == NULL)
		return;
	servers->is_retired = true;
	if (servers->lookups == 0)
		free_servers(servers);
}

static void
end_lookup(struct lookup *lookup)
{
	struct servers *servers = lookup->servers;

	free(lookup);
	servers->lookups--;
	/* Without memory for the event it is never freed. */
	if (servers->is_retired && servers->lookups == 0)
		(void)event_base_once(servers->base, -1, EV_TIMEOUT, on_unused,
		    servers, NULL);
}

/* One that does not answer must leave time for the next. */
static void
set_timeout(struct servers *servers, uint32_t timeout_ms)
{
	uint32_t ms = timeout_ms < SERVERS ? 1 : timeout_ms / SERVERS;
	char text[32];

	(void)snprintf(text, sizeof(text), "%u.%03u", ms / 1000, ms % 1000);
	(void)evdns_base_set_option(servers->evdns, "timeout:", text);
}

static struct servers *
read_servers(struct event_base *base, uint32_t timeout_ms)
{
	struct servers *servers = calloc(1, sizeof(*servers));

	if (servers == NULL)
		return NULL;
	servers->base = base;
	servers->evdns = evdns_base_new(base,
	    EVDNS_BASE_INITIALIZE_NAMESERVERS |
		EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	if (servers->evdns == NULL) {
		free(servers);
		return NULL;
	}
	set_timeout(servers, timeout_ms);
	return servers;
}

/* ---- lookups */

struct redis_resolve *
redis_resolve_new(struct event_base *base)
{
	struct redis_resolve *resolve = calloc(1, sizeof(*resolve));

	if (resolve != NULL)
		resolve->base = base;
	return resolve;
}

void
redis_resolve_free(struct redis_resolve *resolve)
{
	if (resolve == NULL)
		return;
	redis_resolve_cancel(resolve);
	retire(resolve->servers);
	free(resolve);
}

/* Any of the addresses: the next attempt takes another. */
static const struct evutil_addrinfo *
pick(const struct evutil_addrinfo *list)
{
	const struct evutil_addrinfo *at;
	uint32_t count = 0, n;

	for (at = list; at != NULL; at = at->ai_next)
		count++;
	n = random_below(count);
	for (at = list; at != NULL && n > 0; at = at->ai_next)
		n--;
	return at;
}

static void
on_lookup(int error, struct evutil_addrinfo *list, void *arg)
{
	struct lookup *lookup = arg;
	const struct evutil_addrinfo *picked = pick(list);
	char address[NI_MAXHOST] = "";

	if (picked != NULL &&
	    getnameinfo(picked->ai_addr, (socklen_t)picked->ai_addrlen, address,
		sizeof(address), NULL, 0, NI_NUMERICHOST) != 0)
		address[0] = '\0';
	if (list != NULL)
		evutil_freeaddrinfo(list);
	if (lookup->resolve != NULL) {
		lookup->resolve->lookup = NULL;
		lookup->cb(address[0] != '\0' ? address : NULL,
		    error != 0 ? evutil_gai_strerror(error) : "no address",
		    lookup->arg);
	}
	end_lookup(lookup);
}

static int
is_literal(const char *name)
{
	struct in6_addr address;

	return inet_pton(AF_INET, name, &address) == 1 ||
	    inet_pton(AF_INET6, name, &address) == 1;
}

void
redis_resolve_start(struct redis_resolve *resolve, const char *name,
    uint32_t timeout_ms, redis_resolve_cb *cb, void *arg)
{
	struct evutil_addrinfo hints;
	struct evdns_getaddrinfo_request *request;
	struct lookup *lookup;

	if (is_literal(name)) {
		cb(name, NULL, arg);
		return;
	}
	redis_resolve_cancel(resolve);
	retire(resolve->servers);
	resolve->servers = read_servers(resolve->base, timeout_ms);
	lookup = calloc(1, sizeof(*lookup));
	if (lookup == NULL || resolve->servers == NULL) {
		free(lookup);
		cb(NULL, "no name server can be asked", arg);
		return;
	}
	lookup->resolve = resolve;
	lookup->servers = resolve->servers;
	lookup->servers->lookups++;
	lookup->cb = cb;
	lookup->arg = arg;
	resolve->lookup = lookup;
	memset(&hints, 0, sizeof(hints));
	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	request = evdns_getaddrinfo(lookup->servers->evdns, name, NULL, &hints,
	    on_lookup, lookup);
	/* NULL: it has been answered, and lookup is gone */
	if (request != NULL)
		lookup->request = request;
}

void
redis_resolve_cancel(struct redis_resolve *resolve)
{
	struct lookup *lookup = resolve->lookup;

	if (lookup == NULL)
		return;
	resolve->lookup = NULL;
	lookup->resolve = NULL;
	if (lookup->request != NULL)
		evdns_getaddrinfo_cancel(lookup->request);
}
