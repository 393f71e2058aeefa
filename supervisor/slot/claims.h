/* SPDX-License-Identifier: ISC */
/*
 * <run_dir>/supervisor.sock, where tenants without a supervisor ask for one.
 * Everything that such a peer says is checked before anything of it is used:
 * who it is by the kernel's word, its slot, nonce and start time by the list
 * of slots, its memfds by their seals and headers.  A claim that is refused
 * costs the claimer its connection and nobody else anything.
 */
#ifndef HOLDFAST_SLOT_CLAIMS_H
#define HOLDFAST_SLOT_CLAIMS_H

#include <stdint.h>

#include <event2/event.h>

struct supervisor;
struct claimer;

struct claims {
	int fd;			/* owned; -1: not listening */
	struct event *readable; /* owned */
	struct claimer *first;	/* owned */
	uint32_t count;
	uint64_t accepted;
	uint64_t refused;
};

void claims_init(struct claims *claims);
/* Listens; the run directory is locked.  -errno. */
int claims_start(struct supervisor *sup);
void claims_stop(struct supervisor *sup);

#endif
