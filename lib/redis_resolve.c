/* SPDX-License-Identifier: ISC */
/*
 * Lookups through libevent's evdns (see redis_resolve.h).
 */
#include "lib/redis_resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include <event2/dns.h>

#include "lib/random.h"

/* Outlives a cancelled lookup: evdns calls back later all the same. */
struct lookup {
	struct redis_resolve *resolve; /* NULL: cancelled */
	struct evdns_getaddrinfo_request *request;
	redis_resolve_cb *cb;
	void *arg;
};

struct redis_resolve {
	struct event_base *base; /* borrowed */
	struct evdns_base *dns;	 /* owned */
	struct lookup *lookup;	 /* owned by evdns; NULL: none */
};

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
	if (resolve->dns != NULL)
		evdns_base_free(resolve->dns, 0);
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
	free(lookup);
}

static struct evdns_base *
fresh_dns(struct redis_resolve *resolve)
{
	if (resolve->dns != NULL)
		evdns_base_free(resolve->dns, 0);
	resolve->dns = evdns_base_new(resolve->base,
	    EVDNS_BASE_INITIALIZE_NAMESERVERS |
		EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	return resolve->dns;
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
    redis_resolve_cb *cb, void *arg)
{
	struct evutil_addrinfo hints;
	struct evdns_getaddrinfo_request *request;
	struct lookup *lookup;

	if (is_literal(name)) {
		cb(name, NULL, arg);
		return;
	}
	redis_resolve_cancel(resolve);
	lookup = calloc(1, sizeof(*lookup));
	if (lookup == NULL || fresh_dns(resolve) == NULL) {
		free(lookup);
		cb(NULL, "no name server can be asked", arg);
		return;
	}
	lookup->resolve = resolve;
	lookup->cb = cb;
	lookup->arg = arg;
	resolve->lookup = lookup;
	memset(&hints, 0, sizeof(hints));
	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	request = evdns_getaddrinfo(resolve->dns, name, NULL, &hints, on_lookup,
	    lookup);
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
