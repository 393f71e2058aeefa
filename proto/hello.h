/* SPDX-License-Identifier: ISC */
/*
 * Hello, the first message on every channel, both ways: filled in and checked
 * in one place for supervisor, keepers and tenants.  Pure.
 */
#ifndef HOLDFAST_PROTO_HELLO_H
#define HOLDFAST_PROTO_HELLO_H

#include <stdint.h>
#include <sys/types.h>

#include "proto/holdfast.pb-c.h"
#include "proto/message.h"

/* The one who speaks (fill), or who is expected to (fault). */
struct hello_peer {
	enum peer_role role;
	uint32_t slot;
	uint64_t nonce;	     /* fault: 0: not known yet, any will do */
	pid_t pid;	     /* fault: 0: any */
	uint64_t start_time; /* fill only; 0: could not be read */
};

/* Borrows nothing that could go away. */
void hello_fill(Holdfast__Hello *out, const struct hello_peer *self);

/* NULL, or what is wrong with it.  Not another layout of the table, if slots
 * can move between that version and ours: keeper and tenant have a table of
 * their own layout, of which the supervisor needs the common part. */
const char *hello_fault(const Holdfast__Hello *hello,
    const struct hello_peer *expected);

#endif
