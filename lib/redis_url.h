/* SPDX-License-Identifier: ISC */
/*
 * Where Redis is: redis://HOST[:PORT][,HOST[:PORT]...][/DATABASE], the same
 * with rediss:// for TLS, unix:///PATH[?db=DATABASE], or, when Sentinels know
 * it, sentinel://HOST[:PORT][,HOST[:PORT]...]/MASTER[/DATABASE], or the same
 * with sentinels:// for TLS.  A host is a name or a literal, IPv6 in brackets.
 * Pure.
 */
#ifndef HOLDFAST_LIB_REDIS_URL_H
#define HOLDFAST_LIB_REDIS_URL_H

#include <stdbool.h>
#include <stdint.h>

#define REDIS_URL_HOSTS	       8u
#define REDIS_URL_HOST_MAX     127u
#define REDIS_URL_PATH_MAX     107u /* sun_path and its NUL */
#define REDIS_URL_DATABASE_MAX 65535u
#define REDIS_URL_PORT	       6379u
#define REDIS_URL_SENTINEL     26379u /* port */
#define REDIS_URL_MASTER_MAX   63u

struct redis_host {
	char name[REDIS_URL_HOST_MAX + 1];
	uint16_t port;
};

struct redis_url {
	char path[REDIS_URL_PATH_MAX + 1]; /* "": not a Unix socket */
	struct redis_host hosts[REDIS_URL_HOSTS];
	uint32_t host_count;
	/* "": the hosts are servers, else Sentinels that know this name */
	char master[REDIS_URL_MASTER_MAX + 1];
	uint32_t database;
	bool tls; /* with all of them: servers and Sentinels */
};

/* -EINVAL: *out_problem is a sentence part that says why; *out is untouched. */
int redis_url_parse(const char *text, struct redis_url *out,
    const char **out_problem) __attribute__((warn_unused_result));

#endif
