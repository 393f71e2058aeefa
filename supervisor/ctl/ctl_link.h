/* SPDX-License-Identifier: ISC */
/*
 * The connection to holdfastd's control socket: requests and answers are lines
 * of JSON.  Every wait has a deadline.
 */
#ifndef HOLDFAST_CTL_CTL_LINK_H
#define HOLDFAST_CTL_CTL_LINK_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define CTL_LINK_FOREVER UINT64_MAX

struct ctl_link {
	int fd;	    /* owned; -1: not open */
	char *data; /* owned: bytes read and not taken */
	size_t len;
	size_t cap;
};

void ctl_link_init(struct ctl_link *link);

/* -ENOENT and -ECONNREFUSED: nobody listens; other -errno. */
int ctl_link_open(struct ctl_link *link, const char *path)
    __attribute__((warn_unused_result));
void ctl_link_close(struct ctl_link *link);

/* One request; until_ms is a moment of clock_mono_ms().  -ETIMEDOUT. */
int ctl_link_send(struct ctl_link *link, const json_t *request,
    uint64_t until_ms) __attribute__((warn_unused_result));

/*
 * The next line; *out is a new reference to an object.  -ETIMEDOUT, -EPIPE
 * (holdfastd closed), -EPROTO (not such a line), -EINTR (a signal came).
 */
int ctl_link_read(struct ctl_link *link, uint64_t until_ms, json_t **out)
    __attribute__((warn_unused_result));

#endif
