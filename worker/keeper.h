/* SPDX-License-Identifier: ISC */
/*
 * The keeper of a slot: starts the tenant, watches its pidfd and the control
 * channel, and nothing else.  keeper.c is its life, keeper_channel.c its end
 * of the channel.
 */
#ifndef HOLDFAST_WORKER_KEEPER_H
#define HOLDFAST_WORKER_KEEPER_H

#include <sys/types.h>

#include "worker/process.h"
#include "worker/worker.h"

struct keeper_args {
	uint32_t slot_no;
	int channel_fd; /* -1: not the first life */
	int table_fd;	/* -1: the first life, all comes over the channel */
};

/* An fd that came before the slot was known. */
struct keeper_fd {
	enum slot_fd_kind kind;
	uint32_t index;
	int fd;
};

struct keeper {
	const struct worker_ops *ops;
	uint32_t slot_no;
	struct slot_header *slot; /* mapped */
	int table_fd;
	/* Once the supervisor is gone the channel stays open, unwatched: a
	 * number that is closed twice beside a running tenant could be its next
	 * client.  It goes between two tenants, or when a tenant has entered
	 * another one in the directory and so leaves the old one to us. */
	struct channel channel;
	bool has_supervisor;
	bool is_started;   /* Start came, now or in an earlier life */
	bool is_stopped;   /* Stop came, or the slot has moved */
	bool is_taker;	   /* Start said that the slot is another's so far */
	bool owes_started; /* TenantStarted could not be sent yet */
	pid_t pid;
	int pidfd;	   /* -1: no tenant */
	uint64_t fd_limit; /* while it runs: what to go back to; 0: nothing */
	char label[PROCESS_LABEL_SIZE];
	/* read while no tenant runs: /proc costs an fd */
	uint64_t start_time;
	/* until Start */
	struct keeper_fd given[SLOT_MAX_FDS];
	uint32_t given_count;
};

/* The exit status.  Returns in the keeper only; tenants never come back. */
int keeper_main(const struct worker_ops *, const struct keeper_args *);

/* Watches fd as the channel; hello: introduce ourselves. */
void keeper_channel_open(struct keeper *, int fd, bool hello);
/* Without a supervisor: takes up the channel that the tenant has got from a
 * new one and left in the directory, if there is any. */
void keeper_channel_renew(struct keeper *);
/* Handles every message that is there; a broken channel is given up. */
void keeper_channel_read(struct keeper *);
/* Sends TenantStarted, or remembers to when the socket is full. */
void keeper_tell_started(struct keeper *);
void keeper_tell_exited(struct keeper *, uint32_t restart_ms);
/* Between tenants: closes a channel that was given up. */
void keeper_channel_tidy(struct keeper *);

#endif
