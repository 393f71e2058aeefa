/* SPDX-License-Identifier: ISC */
/*
 * A live upgrade, in the supervisor that goes: it starts another holdfastd,
 * lets go of everything when that one is ready, stays until all slots have
 * moved, and takes them back when that fails, by executing itself anew.
 * successor.h is the other side; upgrade_fsm.h has the phases.
 */
#ifndef HOLDFAST_UPGRADE_UPGRADE_H
#define HOLDFAST_UPGRADE_UPGRADE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <event2/event.h>
#include <jansson.h>

#include "lib/textbuf.h"
#include "supervisor/upgrade/upgrade_fsm.h"
#include "supervisor/upgrade/upgrade_link.h"

#define UPGRADE_REASON_SIZE 1024

struct supervisor;
struct control_call;

enum upgrade_result {
	UPGRADE_DONE,
	UPGRADE_REFUSED,     /* nothing had changed */
	UPGRADE_ROLLED_BACK, /* the slots were taken back */
	UPGRADE_RESULT_MAX
};

struct upgrade {
	enum upgrade_state state;
	uint64_t started_ms;
	char binary[4096];
	char error[32]; /* the first failure; "": none */
	char reason[UPGRADE_REASON_SIZE];
	struct control_call *call; /* borrowed: who asked; NULL: nobody */
	bool waits;		   /* they want to be told of the end */
	pid_t pid;		   /* of the other holdfastd; 0: none */
	int pidfd;		   /* owned */
	int exit_code;		   /* of the other one, once it has ended */
	struct event *gone;	   /* owned: on the pidfd */
	int output;		   /* owned: what the check prints */
	struct textbuf printed;
	struct upgrade_link link;
	struct event *timer; /* owned: the state's deadline */
	int stop_signal;     /* came while nobody could obey; 0: none */
	bool resumes;	     /* we executed ourselves: slots come back */
	uint64_t results[UPGRADE_RESULT_MAX];
};

int upgrade_init(struct supervisor *sup);
/* Kills the other holdfastd unless it has the slots. */
void upgrade_clear(struct supervisor *sup);

/* binary: NULL for the path of our own.  call: NULL, or who is told.  -EBUSY:
 * one is under way, or slots are being moved; -ESHUTDOWN: the node is being
 * stopped; 0: failures come later, as told. */
int upgrade_start(struct supervisor *sup, const char *binary,
    struct control_call *call, bool waits);
/* The one who asked is gone; the upgrade goes on. */
void upgrade_forget(struct supervisor *sup, const struct control_call *call);

/* Upgrades and restarts replace workers, one at a time: which of them is under
 * way, in words; NULL: none. */
const char *upgrade_obstacle(const struct supervisor *sup);

/* "idle", or what an upgrade is at, in whichever of its supervisors. */
const char *upgrade_phase(const struct supervisor *sup);
bool upgrade_is_active(const struct supervisor *sup);
/* A signal for the node, while another supervisor has it or will have it:
 * true when it was dealt with. */
bool upgrade_takes_signal(struct supervisor *sup, int signo);
/* Is it the child of an upgrade, which is reaped here? */
bool upgrade_knows(const struct supervisor *sup, pid_t pid);

const char *upgrade_result_name(enum upgrade_result result);

/* What upgrade_run.c does for the machine in upgrade.c; each may name the event
 * that follows from it. */
void upgrade_fail(struct upgrade *upgrade, const char *error,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
enum upgrade_event upgrade_run_check(struct supervisor *sup);
enum upgrade_event upgrade_run_spawn(struct supervisor *sup);
enum upgrade_event upgrade_run_let_go(struct supervisor *sup);
enum upgrade_event upgrade_run_go(struct supervisor *sup);
enum upgrade_event upgrade_run_take_back(struct supervisor *sup);
enum upgrade_event upgrade_run_finish(struct supervisor *sup);
void upgrade_feed(struct supervisor *sup, enum upgrade_event event);

/* upgrade_tell.c: what those who wait are told. */
void upgrade_tell_phase(struct supervisor *sup);
void upgrade_tell_moved(struct supervisor *sup,
    const Holdfast__UpgradeMoved *moved);
void upgrade_tell_ready(struct supervisor *sup);
void upgrade_tell_failed(struct supervisor *sup, enum upgrade_result result);
void upgrade_tell_done(struct supervisor *sup,
    const Holdfast__UpgradeDone *done);

#endif
