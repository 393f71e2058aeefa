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
#include "supervisor/control.h"
#include "supervisor/event_log.h"
#include "supervisor/lifecycle.h"
#include "supervisor/listener.h"
#include "supervisor/node_conf.h"
#include "supervisor/notify.h"
#include "supervisor/rates.h"
#include "supervisor/recycler.h"
#include "supervisor/relay_request.h"
#include "supervisor/run_dir.h"
#include "supervisor/signals.h"
#include "supervisor/slot.h"
#include "supervisor/slot_watch.h"

/* The relay's slot number: behind all the gateways there can be. */
#define SUPERVISOR_RELAY_SLOT SLOT_MAX_WORKERS
#define SUPERVISOR_MAX_SLOTS  (SLOT_MAX_WORKERS + 1)

struct supervisor {
	struct event_base *base; /* owned */
	struct node_conf conf;
	char config_path[4096];
	char program_dir[4096]; /* where holdfastd itself lies */
	struct slot_user user;	/* whom the workers run as */
	struct run_dir run_dir;
	struct listener_set listeners;
	struct capacity capacity;
	struct arena_share arena;
	struct node node;
	int node_fd; /* owned */
	uint8_t hash_key[32];
	int gateway_settings; /* owned: sealed memfds */
	int relay_settings;
	struct slot *slots[SUPERVISOR_MAX_SLOTS]; /* owned; relay last */
	uint32_t slot_count;
	uint32_t gateways;
	struct slot *relay; /* borrowed: one of slots */
	uint64_t started_ms;
	bool was_ready;
	int exit_code;
	struct lifecycle lifecycle;
	struct signals signals;
	struct slot_watch watch;
	struct rates rates;
	struct recycler recycler;
	struct relay_requests requests;
	struct event_log events;
	struct notify notify;
	struct control control;
	struct admin admin;
};

/* conf: moved into the supervisor. */
int supervisor_init(struct supervisor *sup, struct node_conf *conf,
    const char *config_path);
/* Opens, starts and serves until told to stop: the exit code. */
int supervisor_run(struct supervisor *sup);
void supervisor_clear(struct supervisor *sup);

/* How many slots serve now; all of them = ready, unless draining. */
uint32_t supervisor_serving(const struct supervisor *sup);
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
