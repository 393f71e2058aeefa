/* SPDX-License-Identifier: ISC */
/*
 * In fault builds (HOLDFAST_FAULTS) a supervisor can be ended or stopped at a
 * named moment of an upgrade; otherwise this is nothing.
 */
#ifndef HOLDFAST_UPGRADE_UPGRADE_FAULT_H
#define HOLDFAST_UPGRADE_UPGRADE_FAULT_H

#ifdef HOLDFAST_FAULTS
/* HOLDFAST_UPGRADE_FAULT="new:moving:KILL": that supervisor, "old" or "new",
 * sends itself that signal there. */
void upgrade_fault(const char *who, const char *moment);
/* HOLDFAST_UPGRADE_DEADLINE_MS: no deadline is longer. */
unsigned upgrade_fault_deadline(unsigned ms);
#else
static inline unsigned
upgrade_fault_deadline(unsigned ms)
{
	return ms;
}

static inline void
upgrade_fault(const char *who, const char *moment)
{
	(void)who;
	(void)moment;
}
#endif

#endif
