/* SPDX-License-Identifier: ISC */
/*
 * How far a relay has read the stream inbox:NODE: a part of its slot header, so
 * that the next tenant goes on where the last one was killed.  Ids of a stream
 * are two numbers, so the state is written beside the one in force and put in
 * force by one store.
 */
#ifndef HOLDFAST_PROTO_SLOT_INBOX_H
#define HOLDFAST_PROTO_SLOT_INBOX_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* "18446744073709551615-18446744073709551615" and its NUL. */
#define INBOX_ID_SIZE 42u

struct inbox_id {
	uint64_t ms;
	uint64_t seq;
};

struct inbox_state {
	struct inbox_id done; /* all up to it have taken effect */
	uint64_t count;	      /* entries that were added up to it */
	/* Was about to be put in a slot's ring, as that ring's entry
	 * `ring_seq`: whether it was, the ring tells.  0-0: none. */
	struct inbox_id intent;
	uint64_t ring_seq;
	uint64_t nonce;	     /* of that slot's memory */
	struct inbox_id old; /* up to it: for an earlier life of the node */
	uint32_t slot;
	uint32_t rec;
	uint32_t gen;
	uint32_t unused;
};

struct slot_inbox {
	struct inbox_state states[2];
	_Atomic uint32_t in_force; /* 1 + index; 0: nothing was read so far */
};

/* NULL: nothing was read so far. */
const struct inbox_state *slot_inbox_get(const struct slot_inbox *);
void slot_inbox_put(struct slot_inbox *, const struct inbox_state *);

/* -EINVAL: not two numbers with a dash between them. */
int inbox_id_parse(const char *text, size_t len, struct inbox_id *out)
    __attribute__((warn_unused_result));
void inbox_id_format(const struct inbox_id *, char out[INBOX_ID_SIZE]);
/* < 0, 0, > 0 */
int inbox_id_compare(const struct inbox_id *, const struct inbox_id *);

#endif
