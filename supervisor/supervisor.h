/* SPDX-License-Identifier: ISC */
/*
 * The supervisor: everything holdfastd owns, built by main() and handed to
 * all of its modules.  It starts the slots, watches them, answers operators,
 * and is the one process of a node whose absence nobody needs to notice.
 */
#ifndef HOLDFAST_SUPERVISOR_SUPERVISOR_H
#define HOLDFAST_SUPERVISOR_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

#include "proto/node.h"
#include "supervisor/admin.h"
#include "supervisor/capacity.h"
#include "supervisor/control/control.h"
#include "supervisor/control/relay_request.h"
#include "supervisor/event_log.h"
#include "supervisor/fleet/fleet.h"
#include "supervisor/init.h"
#include "supervisor/lifecycle.h"
#include "supervisor/listener.h"
#include "supervisor/node_conf.h"
#include "supervisor/notify.h"
#include "supervisor/rates.h"
#include "supervisor/run_dir.h"
#include "supervisor/run_state.h"
#include "supervisor/signals.h"
#include "supervisor/slot/claims.h"
#include "supervisor/slot/mover.h"
#include "supervisor/slot/readopt.h"
#include "supervisor/slot/recycler.h"
#include "supervisor/slot/resizer.h"
#include "supervisor/slot/slot.h"
#include "supervisor/slot/slot_watch.h"
#include "supervisor/slot/worker_program.h"
#include "supervisor/upgrade/successor.h"
#include "supervisor/upgrade/upgrade.h"

/* The relay's slot number: behind all the gateways there can be. */
#define SUPERVISOR_RELAY_SLOT SLOT_MAX_WORKERS
#define SUPERVISOR_MAX_SLOTS  (SLOT_MAX_WORKERS + 1)

struct supervisor {
	struct event_base *base; /* owned */
	struct node_conf conf;
	char config_path[4096];
	char program_dir[4096]; /* where holdfastd itself lies */
	struct worker_programs programs;
	struct slot_user user; /* whom the workers run as */
	struct run_dir run_dir;
	struct listener_set listeners;
	uint64_t nofile; /* the limit of open files in force */
	struct capacity capacity;
	struct arena_share arena;
	struct node node;
	int node_fd; /* owned */
	uint8_t hash_key[32];
	int gateway_settings, relay_settings;	  /* owned: sealed memfds */
	struct slot *slots[SUPERVISOR_MAX_SLOTS]; /* owned; relay last */
	uint32_t slot_count, gateways;
	struct slot *relay;   /* borrowed: one of slots */
	struct slot *retired; /* owned: gave their place to another */
	int init_fd; /* owned: to our init (init.h); -1: there is none */
	uint64_t started_ms;
	bool was_ready;
	bool is_open; /* all is started that slots may talk to */
	bool owes_slots, owes_settings; /* files are to be written */
	int exit_code;
	struct lifecycle lifecycle;
	struct signals signals;
	struct slot_watch watch;
	struct rates rates;
	struct recycler recycler;
	struct mover mover;
	struct upgrade upgrade;
	struct successor successor;
	struct resizer resizer;
	struct relay_requests requests;
	struct event_log events;
	struct notify notify;
	struct claims claims;
	struct readopt readopt;
	struct control control;
	struct admin admin;
	struct fleet *fleet; /* owned; NULL: standalone */
};

/* conf: moved into the supervisor. */
int supervisor_init(struct supervisor *sup, struct node_conf *conf,
    const char *config_path);
/* Opens, starts and serves until told to stop: the exit code. */
int supervisor_run(struct supervisor *sup);
void supervisor_clear(struct supervisor *sup);

uint32_t supervisor_serving(const struct supervisor *sup);
/* All serve, but those that come or go; ready: and nothing drains. */
bool supervisor_all_serve(const struct supervisor *sup);
bool supervisor_is_ready(const struct supervisor *sup);

/* A slot's state changed: ready?  drained?  all stopped? */
void supervisor_slot_changed(struct supervisor *sup, struct slot *slot);
/* For the first time all slots serve: tell everybody. */
void supervisor_became_ready(struct supervisor *sup);
/* A slot cannot be started at all: end with a failure. */
void supervisor_give_up(struct supervisor *sup, const struct slot *slot);

/* Takes over what the settings say for the supervisor itself and packs them
 * anew for both kinds of workers.  -errno: workers keep the old ones. */
int supervisor_apply_settings(struct supervisor *sup);
void supervisor_reopen_log(struct supervisor *sup);

/* Records something an operator wants to see (`holdfastctl events`).  slot:
 * -1 for none; client and text may be NULL. */
void supervisor_event(struct supervisor *sup, const char *kind, int slot,
    const char *client, const char *text, int64_t value);

#endif
