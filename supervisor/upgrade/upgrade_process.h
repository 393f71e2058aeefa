/* SPDX-License-Identifier: ISC */
/*
 * The other holdfastd of an upgrade as a process: watched by pidfd, reaped,
 * and its end put into words.
 */
#ifndef HOLDFAST_UPGRADE_UPGRADE_PROCESS_H
#define HOLDFAST_UPGRADE_UPGRADE_PROCESS_H

struct supervisor;
struct upgrade;

/* Watches upgrade->pid and what it prints on upgrade->output, if that is open:
 * its end becomes CHECKED, FAILED or GONE.  -errno: it was killed. */
int upgrade_process_watch(struct supervisor *sup);
void upgrade_process_signal(const struct upgrade *upgrade, int signo);
/* Forgets it; it may live on. */
void upgrade_process_clear(struct upgrade *upgrade);

#endif
