/* SPDX-License-Identifier: ISC */
/*
 * holdfastd as process 1 of a container: a tiny init that reaps whatever is
 * left to it, passes signals on to the supervisor, its child, and starts it
 * anew when a signal killed it.  Supervisors tell it through a socket who of
 * them is the one during a live upgrade.
 */
#ifndef HOLDFAST_SUPERVISOR_INIT_H
#define HOLDFAST_SUPERVISOR_INIT_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * In process 1: returns -1 in each child, which goes on as the supervisor and
 * has *out_fd, and the exit code of the node in process 1 itself.
 */
int init_run(int *out_fd);

/* To init on fd (-1: there is none, nothing is done): this process takes over
 * should we die; now; or there is none (pid 0). */
void init_tell_heir(int fd, pid_t pid);
void init_tell_main(int fd, pid_t pid);

#endif
