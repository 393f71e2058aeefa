/* SPDX-License-Identifier: ISC */
/*
 * What the kernel knows of a socket: how many bytes were read from and written
 * to it.  After a death in the middle of a step these counts tell what the
 * record could not.
 */
#ifndef HOLDFAST_GATEWAY_SETTLE_H
#define HOLDFAST_GATEWAY_SETTLE_H

#include <stdbool.h>
#include <stdint.h>

/* 0 with both counts; -ENOTCONN when the connection is over (TCP_CLOSE) and
 * the counts mean nothing; -EAGAIN when they would not stand still; -errno. */
int settle_counts(int fd, bool fin_sent, uint64_t *out_taken,
    uint64_t *out_given);

/* Is fd a TCP socket that is not listening? */
bool settle_is_client(int fd);

#endif
