/* SPDX-License-Identifier: ISC */
/*
 * The slot header: the first pages of a slot's table memfd.  A slot is all
 * that outlives a process; its header is what the next tenant, the keeper and
 * the supervisor need to know of it.  Written by the slot's own keeper and
 * tenant, and by the supervisor in the fields that say so; read by everybody.
 * Readers outside the slot copy, then check: the header of a compromised
 * gateway must not be able to hurt relay or supervisor.
 */
#ifndef HOLDFAST_PROTO_SLOT_H
#define HOLDFAST_PROTO_SLOT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/commit.h"
#include "proto/counters.h"
#include "proto/journal.h"
#include "proto/slot_fd.h"
#include "proto/slot_inbox.h"
#include "proto/slot_kind.h"
#include "proto/slot_redis.h"

#define SLOT_MAGIC	  0x31544c5344464c48ULL /* "HLFDSLT1" */
#define SLOT_MAX_WORKERS  64u
#define SLOT_OWNER_AT	  96u
#define SLOT_COMMON_BYTES 168u /* of the header, the same in every layout */
#define SLOT_SCRATCH_IN	  (64u * 1024)
#define SLOT_SCRATCH_OUT  (128u * 1024)

#ifdef HOLDFAST_OTHER_SLOT /* a test build with another layout */
#include HOLDFAST_OTHER_SLOT
#else
#include "proto/slot_header.h"
#endif

_Static_assert(sizeof(struct slot_header) <= SLOT_HEADER_BYTES,
    "the slot header fits its pages");
_Static_assert(offsetof(struct slot_header, owner) == SLOT_OWNER_AT &&
	offsetof(struct slot_header, handoff_wanted) == 160 &&
	offsetof(struct slot_header, backoff_ms) == SLOT_COMMON_BYTES,
    "the common part of the header stays as it is");

#endif
