/* SPDX-License-Identifier: ISC */
/*
 * The AUTH that a connection to Redis or to a Sentinel begins with.  Used by
 * lib/redis_link_command.c and lib/redis_sentinel.c; the password is in memory
 * only while it is sent.
 */
#ifndef HOLDFAST_LIB_REDIS_AUTH_H
#define HOLDFAST_LIB_REDIS_AUTH_H

#include <stddef.h>

#define REDIS_AUTH_PASSWORD_MAX 1024u

/* Borrowed. */
struct redis_auth {
	const char *user;	   /* "": with a password only */
	const char *password_file; /* "": no AUTH; read each time */
};

struct redis_auth_words {
	int argc; /* 0: nothing is to be sent */
	const char *argv[3];
	size_t lens[3];
	char password[REDIS_AUTH_PASSWORD_MAX + 1];
};

/* The command's words, which point into *out; to be cleared. -errno: the file
 * cannot be read. */
int redis_auth_read(const struct redis_auth *, struct redis_auth_words *out)
    __attribute__((warn_unused_result));
void redis_auth_clear(struct redis_auth_words *);

#endif
