/* SPDX-License-Identifier: ISC */
/*
 * A slot for the tests of keeper and tenant: the test plays the supervisor, the
 * worker is this very program, started again, with a tenant that obeys one-byte
 * commands on a socket of the slot.  header.death_count has another meaning
 * here: so many tenants fail to start.
 */
#ifndef HOLDFAST_UNIT_KEEPER_HELP_H
#define HOLDFAST_UNIT_KEEPER_HELP_H

#include <sys/types.h>

#include "proto/channel.h"
#include "proto/holdfast.pb-c.h"
#include "proto/slot.h"

#define RIG_SLOT  5u
#define RIG_NONCE 0x1234567890abcdefULL

/* What the tenant answers to any command that it survives. */
struct rig_answer {
	uint32_t generation;
	uint32_t open_fds;
	uint32_t settings_changes;
	uint32_t messages; /* given to ops->message */
	uint64_t stall_ms;
	int32_t cpus; /* it may run on */
};

enum rig_command {
	RIG_PING = 'p',
	RIG_RECYCLE = 'r',
	RIG_LEAVE = 'l',
	RIG_EXIT = 'x',	 /* with status 3 */
	RIG_FAULT = 's', /* SIGSEGV */
	RIG_STRAY = 'o', /* opens three fds: known, claimed and stray */
	RIG_EVENT = 'e', /* worker_event() */
};

struct rig {
	pid_t keeper_pid;
	struct channel keeper;
	struct channel tenant;
	struct slot_header *slot;
	int table_fd;
	int command; /* our end of the slot's socket */
	int tenant_pidfd;
	Holdfast__Serving serving; /* the last one */
	struct message msg;	   /* the last one received; cleared by next */
};

/* The worker program: main() calls it when argv[1] is "--keeper". */
int rig_worker(int argc, char **argv);

/* Makes slot and keeper and gives it everything but Start. */
int rig_setup(void **state);
/* Ends what is left; fails when the keeper does not end as it should. */
int rig_teardown(void **state);

/* A sealed memfd with settings for a gateway. */
int rig_settings(const char *backoff, const char *stall);

void rig_start(struct rig *rig, int cpu);
void rig_send(struct channel *ch, enum message_kind kind,
    const ProtobufCMessage *body, const int *fds, int nfds);
void rig_send_fd(struct channel *ch, enum slot_fd_kind kind, uint32_t index,
    int fd);
/* The next message, which must be of this kind. */
const ProtobufCMessage *rig_expect(struct rig *rig, struct channel *ch,
    enum message_kind kind);
/* TenantStarted, Hello and Serving of this generation. */
void rig_expect_serving(struct rig *rig, uint32_t generation);
/* TenantExited with this status; how long the next one waits. */
uint32_t rig_expect_exit(struct rig *rig, int32_t status);
/* The keeper's exit status, or minus the signal. */
int rig_keeper_status(struct rig *rig);

void rig_command(struct rig *rig, enum rig_command command);
struct rig_answer rig_ask(struct rig *rig, enum rig_command command);

#endif
