/* SPDX-License-Identifier: ISC */
/*
 * TLS to Redis, when hiredis comes with it (hiredis_ssl, since 1.0): the
 * server's certificate must be signed by a known authority and name the host
 * that was asked for.
 */
#ifndef HOLDFAST_LIB_REDIS_TLS_H
#define HOLDFAST_LIB_REDIS_TLS_H

#include <stdbool.h>

#ifdef HAVE_HIREDIS_SSL
#define REDIS_TLS_IS_BUILT true
#else
#define REDIS_TLS_IS_BUILT false
#endif

struct redisAsyncContext;

/* Borrowed; "" or NULL: the system's authorities, no certificate of ours. */
struct redis_tls_conf {
	const char *ca_file;
	const char *cert_file;
	const char *key_file;
};

/*
 * To be called right after connecting was begun; host is a name or a literal.
 * Files are read each time, so that new certificates need no restart.
 * -EINVAL: *out_problem says what is wrong; the context can only be freed.
 * As long as the context lives, *out_problem may still be set: to why the
 * server's certificate is not accepted, which hiredis cannot tell.
 */
int redis_tls_begin(struct redisAsyncContext *ac,
    const struct redis_tls_conf *conf, const char *host,
    const char **out_problem);

#endif
