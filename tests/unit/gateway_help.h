/* SPDX-License-Identifier: ISC */
/*
 * A gateway in the test's own process, with clients over loopback TCP: the test
 * makes the slot that a supervisor would make, runs the event loop while it
 * waits for what a client receives, and can replace the tenant.
 */
#ifndef HOLDFAST_UNIT_GATEWAY_HELP_H
#define HOLDFAST_UNIT_GATEWAY_HELP_H

#include "tests/unit/table_help.h"
#include "worker/gateway/gateway.h"

#define HELP_SLOT     3u /* as table_help formats its tables */
#define HELP_CAPACITY 64u

enum help_fd {
	HELP_FD_TABLE,
	HELP_FD_ARENA,
	HELP_FD_UP,
	HELP_FD_UP_EVENT,
	HELP_FD_DOWN,
	HELP_FD_DOWN_EVENT,
	HELP_FD_NODE,
	HELP_FD_LISTENER,
	HELP_FD_MAX
};

struct gateway_help {
	struct worker worker;
	struct gateway *g; /* the tenant's: NULL before the start */
	struct table table;
	struct ring up; /* the relay's ends */
	struct ring down;
	int fds[HELP_FD_MAX];
	uint16_t port;
	Holdfast__Serving serving; /* of the last start */
};

/* A slot without a tenant; settings are the defaults, echo and no rate. */
struct gateway_help *gateway_help_new(void);
/* cmocka fixtures: one that serves is the test's state. */
int gateway_help_setup(void **state);
int gateway_help_teardown(void **state);
void gateway_help_free(struct gateway_help *);

/* Starts a tenant; the one before, if any, is gone without a word. */
void gateway_help_start(struct gateway_help *);

/* Runs the loop until *fact. */
void gateway_help_until(struct gateway_help *, bool (*fact)(void *), void *arg);
/* Runs the loop until there are n connections in the table. */
void gateway_help_live(struct gateway_help *, uint32_t n);

/* Clients.  All fail the test after some seconds. */
int gateway_help_connect(struct gateway_help *);
void gateway_help_send(struct gateway_help *, int client, const void *bytes,
    size_t len);
/* Exactly len bytes; or false: the end came instead of the first. */
bool gateway_help_recv(struct gateway_help *, int client, void *out,
    size_t len);
/* Sends a request for a target and reads the answer's head; its status. */
int gateway_help_request(struct gateway_help *, int client, const char *target,
    char *out_head, size_t cap);
/* Connected and past 101. */
int gateway_help_open(struct gateway_help *, const char *id);
/* A masked frame; b0: FIN, RSV and opcode. */
void gateway_help_frame(struct gateway_help *, int client, uint8_t b0,
    const void *payload, size_t len);
/* The next frame, NUL behind its payload; its first byte. */
uint8_t gateway_help_next(struct gateway_help *, int client, char *out_payload,
    size_t cap, size_t *out_len);
/* The next frame is a close frame with this code; answers it. */
void gateway_help_expect_close(struct gateway_help *, int client,
    uint16_t code);

/* The record of a client id that is open. */
uint32_t gateway_help_rec(struct gateway_help *, const char *id);
/* At rest: the records count what the kernel counts, the arena is empty. */
void gateway_help_at_rest(struct gateway_help *);

#endif
