/* SPDX-License-Identifier: ISC */
/*
 * A slot seen from the supervisor: its memory, its keeper and tenant, the
 * channels to both and its state.  slot.c drives the machine (slot_fsm.h),
 * slot_link.c the channels, slot_child.c forks, slot_memory.c makes the memfds.
 */
#ifndef HOLDFAST_SLOT_SLOT_H
#define HOLDFAST_SLOT_SLOT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <event2/event.h>

#include "proto/channel.h"
#include "proto/holdfast.pb-c.h"
#include "supervisor/slot/slot_child.h"
#include "supervisor/slot/slot_fsm.h"
#include "supervisor/slot/slot_memory.h"
#include "supervisor/slot/slots_file.h"
#include "supervisor/slot/stall.h"

struct supervisor;
struct slot;
struct slot_handoff;

struct slot_process {
	pid_t pid;	    /* 0: none known */
	int pidfd;	    /* owned */
	struct event *gone; /* owned: the pidfd became readable */
};

/* One control channel and its events; channel.fd is -1 while closed. */
struct slot_link {
	struct slot *slot; /* borrowed */
	struct channel channel;
	struct event *readable; /* owned */
	struct event *writable; /* owned */
	bool greeted;		/* Hello was exchanged */
};

struct slot {
	struct supervisor *sup; /* borrowed */
	uint32_t number;
	enum slot_kind kind;
	char label[8]; /* "g0", "r" */
	enum slot_state state;
	uint64_t state_since_ms;
	struct slot_memory memory;
	struct slot_process keeper;
	struct slot_process tenant;
	/* The keeper's pid, for as long as anything of the slot lives: it leads
	 * a process group, and the tenants are born into it. */
	pid_t group;
	uint64_t keeper_start; /* its start time */
	uint64_t nonce;	       /* as in the header, known before that */
	bool is_foreign;       /* not our children: adopted */
	/* Its other keeper, when it was on the way from one to another as its
	 * supervisor ended; keeper 0: there is none. */
	struct slots_entry other;
	uint32_t prods; /* while awaited */
	struct slot_link to_keeper;
	struct slot_link to_tenant;
	int tenant_end;	 /* owned: the slot's end, until it is sent */
	int handoff_end; /* owned: likewise, of one that takes over */
	struct slot_handoff *handoff; /* owned: the slot is being given away */
	struct slot *takes_from;      /* borrowed: it is this one that takes */
	struct slot *next_retired;    /* owned; supervisor.retired */
	struct event *timer;	      /* owned: the state's deadline */
	struct event *kill_timer;     /* owned: SIGABRT was not enough */
	uint32_t generation;	      /* of the latest tenant known */
	int32_t last_status;	      /* exit code, or minus the signal */
	uint64_t serving_since_ms;
	bool drained; /* since the last Drain */
	bool served;  /* ever, in this incarnation */
	bool joining; /* added to a node that runs, has not served yet */
	bool leaving; /* one too many: drained, then removed */
	uint64_t leave_by_ms; /* 0: the drain is not under way */
	struct stall stall;
	struct crash_window crashes;
	uint32_t seen_unattributed;
	uint32_t adoption_deaths; /* counted already, header may repeat them */
	uint32_t renewals_in_row; /* for the pause before the next start */
	uint64_t renewals;
	uint64_t evacuate_until_ms;
	uint32_t replace_tries; /* attempts at a new keeper */
};

/* number: SUPERVISOR_RELAY_SLOT for the relay.  -errno. */
int slot_new(struct supervisor *sup, enum slot_kind kind, uint32_t number,
    struct slot **out_slot);
/* Kills whatever still lives. */
void slot_free(struct slot *slot);

/* Feeds the machine and carries the action out. */
void slot_feed(struct slot *slot, enum slot_event event);
void slot_start(struct slot *slot);
/* now: at once with SIGKILL; otherwise the keeper ends its tenant. */
void slot_stop(struct slot *slot, bool now);

/* Gateways close all with `code` over the window; hints over hint_ms more. */
int slot_drain(struct slot *slot, uint32_t code, uint64_t window_ms,
    uint64_t hint_ms, bool leave);
int slot_cut(struct slot *slot); /* what is left of them ends unsaid */
int slot_undrain(struct slot *slot);
/* The tenant leaves at a safe point and a fresh one takes over. */
int slot_recycle(struct slot *slot);
/* Into the header, where the keeper looks: it reads no settings. */
void slot_set_keeper_log(struct slot *slot);
/* Hands the current settings memfd, or log fd, to the tenant. */
int slot_send_settings(struct slot *slot);
int slot_send_log(struct slot *slot);

/* A process of the slot may have ended: looks, reaps, feeds the machine. */
void slot_reap(struct slot *slot);
bool slot_is_gateway(const struct slot *slot);
bool slot_has_tenant(const struct slot *slot); /* as far as anybody knows */

#endif
