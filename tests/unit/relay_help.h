/* SPDX-License-Identifier: ISC */
/*
 * A relay without a process of its own, and beside it gateways that are
 * nothing but their shared memory: the tests play their part.
 */
#ifndef HOLDFAST_UNIT_RELAY_HELP_H
#define HOLDFAST_UNIT_RELAY_HELP_H

#include <stdbool.h>

#include "proto/ring_messages.h"
#include "tests/unit/table_help.h"
#include "worker/relay/relay.h"

#define HELP_GATEWAYS	2u
#define HELP_RING_BYTES (64u * 1024)
#define HELP_TIMEOUT_MS 150u /* settings.api.request_timeout */

struct help_gateway {
	struct table table; /* as the tenant has it */
	struct ring up;	    /* its producing end */
	struct ring down;   /* its consuming end */
	int fds[5];
};

struct relay_help {
	struct worker worker;
	struct relay relay;
	struct table own; /* the relay's slot */
	int own_fd;
	struct help_gateway gateways[HELP_GATEWAYS];
};

/* What became of a delivery: the owner of an order for item 7. */
struct help_outcome {
	bool done;
	unsigned calls;
	enum delivery_status status;
	uint64_t position;
};

void relay_help_done(void *owner, uint32_t item, enum delivery_status,
    uint64_t position);

struct relay_help *relay_help_new(void);
void relay_help_free(struct relay_help *);
/* The same, as cmocka calls it. */
int relay_help_setup(void **state);
int relay_help_teardown(void **state);

/* Runs the event loop until *fact, or fails after some seconds. */
void relay_help_until(struct relay_help *, const bool *fact);
/* Runs it for what is ready and comes within a moment. */
void relay_help_turn(struct relay_help *);

/* The next entry for a gateway: its kind, 0 when there is none. */
uint16_t relay_help_take(struct help_gateway *, void *out_head, size_t head_len,
    char *out_rest, size_t rest_cap);

/* Answers as a gateway does. */
void relay_help_receipt(struct help_gateway *, uint64_t token,
    enum receipt_status, uint64_t position);

#endif
