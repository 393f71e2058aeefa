/* SPDX-License-Identifier: ISC */
/*
 * What the tests of moving tables share: one with connections in all states,
 * a layout that knows less than ours, and looking for differences.
 */
#ifndef HOLDFAST_UNIT_MOVE_HELP_H
#define HOLDFAST_UNIT_MOVE_HELP_H

#include <stddef.h>
#include <stdint.h>

#include "proto/table_move.h"

#define MOVE_CAPACITY 300u
#define MOVE_USED     200u

/* Record n has the state n % RECORD_STATE_MAX, the client id of make_id(), and
 * anything in all other fields. */
struct move_source {
	struct table table;
	int fd;
	struct table_image image;
};

void move_source_open(struct move_source *s);
void move_source_close(struct move_source *s);
/* Puts connection n into record rec. */
void move_put_record(struct move_source *s, uint32_t rec, uint32_t n);
/* Interrupts a step of record 8, of which the journal knows more. */
void move_put_step(struct move_source *s, enum step_phase phase);
void move_fill_random(void *bytes, size_t len);

/* No token's expiry, no rates, no steps that can be continued, no broadcasts:
 * what it cannot hold it refuses. */
extern const struct table_layout move_primal;

/* An empty table of that layout; the memfd. */
int move_image_open(const struct table_layout *layout,
    const struct table_image *like, struct table_image *out);
void move_image_close(struct table_image *image, int fd);
/* Moves to that layout and back to a table of ours, adopted by nobody yet; its
 * memfd, or -errno of the way there. */
int move_there_and_back(const struct move_source *s,
    const struct table_layout *layout, struct table *out);

void assert_same_header(const struct slot_header *a,
    const struct slot_header *b);
void assert_same_records(const struct table *a, const struct table *b);

#endif
