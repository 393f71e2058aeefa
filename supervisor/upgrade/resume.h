/* SPDX-License-Identifier: ISC */
/*
 * After an upgrade that failed, a supervisor executes itself anew to take the
 * slots back.  Here is what it remembers across that: a memfd with the reason,
 * the counters and the settings in force, the workers' programs, and the
 * connection of the operator who is still waiting.  Nothing of it depends on
 * what lies on the disk by then, which may be meant for another version.
 * Once all slots are back with our own programs, the operator is answered.
 */
#ifndef HOLDFAST_UPGRADE_RESUME_H
#define HOLDFAST_UPGRADE_RESUME_H

#include <jansson.h>

#include "supervisor/node_conf.h"

struct supervisor;

/* What was inherited; -1: there is none. */
struct resume_fds {
	int state;
	int gateway; /* the workers' programs */
	int relay;
	int caller;
};

/* A new memfd.  -errno. */
int resume_store(const struct supervisor *sup, int *out_fd);

/* In the new image: what was stored, or NULL.  Takes the fd. */
json_t *resume_read(int fd);
/* The settings from before, with the origins that the file at path has for
 * them if it says the same.  -errno: load the file. */
int resume_conf(const json_t *memory, const char *path, struct node_conf *out);
/* After supervisor_init(): all the rest.  Takes all. */
void resume_load(struct supervisor *sup, json_t *memory,
    const struct resume_fds *fds);
/* The slots may have settings of the other supervisor. */
void resume_settings(struct supervisor *sup);

/* All slots serve: those that others have moved are moved back, and then it is
 * told.  Does nothing when nothing was resumed. */
void resume_slots(struct supervisor *sup);

#endif
