/* SPDX-License-Identifier: ISC */
/*
 * ptrace_kill KEEPER-PID KILLS SEED: kills the gateway's tenant so often, each
 * time at a random instruction of the program as it is shipped.
 *
 * Crash points are barriers that could hide what a compiler reorders; a single
 * step is none.  A kill is one of four: so many instructions of steps (the
 * header says when one is under way) after a random system call, anywhere in
 * them; so many instructions after a random return of epoll_wait(), steps or
 * not; somewhere behind the first system call of a step that neither reads nor
 * delivers; or in a tenant that has just begun, while it adopts.  Never more
 * than twice in a row before a tenant has served, since a third death in the
 * same step is what quarantine is for.  Prints what was interrupted.
 */
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/clock.h"
#include "tests/integration/common_slot.h"

#define PATIENCE_MS 20000
#define PHASES	    3

enum way { WAY_STEPS, WAY_LOOP, WAY_RARE, WAY_ADOPTION, WAY_MAX };

static const char *const way_names[] = { "steps", "loop", "rare", "adoption" };

struct killer {
	const struct slot_header *h;
	int pid;
	uint64_t random;
	uint64_t steps; /* single steps in all */
	uint32_t ways[WAY_MAX];
	uint32_t met[STEP_KIND_MAX][PHASES]; /* kind and phase at the kill */
	uint32_t misses;		     /* the tenant was idle or left */
};

static uint64_t
draw(struct killer *k, uint64_t below)
{
	k->random ^= k->random << 13;
	k->random ^= k->random >> 7;
	k->random ^= k->random << 17;
	return (k->random >> 11) % below;
}

/* Short runs as often as long ones. */
static uint64_t
draw_length(struct killer *k, uint64_t most)
{
	uint64_t bits = 1;

	while ((1ull << bits) < most)
		bits++;
	return draw(k, 2ull << draw(k, bits));
}

/* Goes on until the next stop; false: the tenant is gone. */
static bool
go(struct killer *k, enum __ptrace_request how)
{
	long signo = 0;
	int status;

	for (;;) {
		if (ptrace(how, k->pid, NULL, (void *)signo) != 0 ||
		    waitpid(k->pid, &status, __WALL) != k->pid ||
		    !WIFSTOPPED(status))
			return false;
		signo = WSTOPSIG(status) & 0x7f;
		if (signo == SIGTRAP)
			return true;
	}
}

static bool
attach(struct killer *k)
{
	int status;

	return ptrace(PTRACE_SEIZE, k->pid, NULL,
		   (void *)(long)PTRACE_O_TRACESYSGOOD) == 0 &&
	    ptrace(PTRACE_INTERRUPT, k->pid, NULL, NULL) == 0 &&
	    waitpid(k->pid, &status, __WALL) == k->pid && WIFSTOPPED(status);
}

static bool
is_wait(uint64_t number)
{
#ifdef SYS_epoll_wait
	if (number == SYS_epoll_wait)
		return true;
#endif
	return number == SYS_epoll_pwait;
}

/* To the next system call or return of one (any), or to a return of
 * epoll_wait() with events; not for ever.  False: the tenant is gone. */
static bool
to_call(struct killer *k, bool any)
{
	struct __ptrace_syscall_info info;
	uint64_t end = clock_mono_ms() + 2000;
	uint64_t number = 0;

	while (clock_mono_ms() <= end) {
		if (!go(k, PTRACE_SYSCALL) ||
		    ptrace(PTRACE_GET_SYSCALL_INFO, k->pid,
			(void *)sizeof(info), &info) < 0)
			return false;
		if (any)
			return true;
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
			number = info.entry.nr;
		else if (info.op == PTRACE_SYSCALL_INFO_EXIT &&
		    info.exit.rval > 0 && is_wait(number))
			return true;
	}
	return true;
}

static bool
is_in_step(const struct killer *k)
{
	return k->h->step.kind != STEP_NONE;
}

/* `left` instructions that belong to steps. */
static bool
walk_steps(struct killer *k, uint64_t left)
{
	uint64_t end = clock_mono_ms() + 2000;

	while (left > 0 && clock_mono_ms() <= end) {
		/* What comes before the step's first call belongs to it. */
		if (!is_in_step(k) && !to_call(k, false))
			return false;
		for (int i = 0; i < 3000 && left > 0; i++) {
			if (!go(k, PTRACE_SINGLESTEP))
				return false;
			k->steps++;
			left -= is_in_step(k);
			i = is_in_step(k) ? 0 : i;
		}
	}
	return true;
}

/* To a system call of a step of one of the kinds that are seldom met. */
static bool
to_rare_step(struct killer *k)
{
	static const enum step_kind rare[] = { STEP_ACCEPT, STEP_WRITE,
		STEP_TIMER, STEP_CLOSE, STEP_DEATH };
	uint32_t wanted = rare[draw(k, sizeof(rare) / sizeof(rare[0]))];
	uint64_t end = clock_mono_ms() + 300;

	do
		if (!to_call(k, true))
			return false;
	while (k->h->step.kind != wanted && clock_mono_ms() <= end);
	return true;
}

static bool
walk(struct killer *k, uint64_t left)
{
	for (; left > 0; left--, k->steps++)
		if (!go(k, PTRACE_SINGLESTEP))
			return false;
	return true;
}

static void
kill_here(struct killer *k, enum way way)
{
	uint32_t kind = k->h->step.kind, phase = k->h->step.phase;
	int status;

	if (kill(k->pid, SIGKILL) != 0)
		err(2, "kill");
	while (waitpid(k->pid, &status, __WALL) == k->pid && WIFSTOPPED(status))
		;
	k->ways[way]++;
	if (kind < STEP_KIND_MAX && phase < PHASES)
		k->met[kind][phase]++;
}

/* Another tenant than `old`, serving or at least begun. */
static void
await_tenant(struct killer *k, int old, bool serving)
{
	const struct timespec ts = { .tv_nsec = serving ? 1000000 : 20000 };
	uint64_t end = clock_mono_ms() + PATIENCE_MS;

	do {
		k->pid = (int)k->h->tenant_pid;
		if (k->pid > 1 && k->pid != old &&
		    (!serving || k->h->tenant_state == TENANT_SERVING))
			return;
		(void)nanosleep(&ts, NULL);
	} while (clock_mono_ms() < end);
	errx(2, "no tenant serves after %d", old);
}

static bool
kill_once(struct killer *k, enum way way)
{
	bool there = attach(k);

	if (there && way == WAY_STEPS)
		there = walk_steps(k, draw_length(k, 30000));
	else if (there && way == WAY_LOOP)
		there = to_call(k, false) && walk(k, draw_length(k, 16000));
	else if (there && way == WAY_RARE)
		there = to_rare_step(k) && walk(k, draw_length(k, 400));
	for (uint64_t n = draw(k, 100); there && way == WAY_ADOPTION && n > 0;
	     n--)
		there = to_call(k, true);
	if (there && way == WAY_ADOPTION)
		there = walk(k, draw_length(k, 4000));
	if (there)
		kill_here(k, way);
	else
		k->misses++;
	return there;
}

static void
report(const struct killer *k)
{
	for (int i = 0; i < WAY_MAX; i++)
		printf("%s %u\n", way_names[i], k->ways[i]);
	for (int kind = 0; kind < STEP_KIND_MAX; kind++)
		printf("step.%s %u %u %u\n", step_kind_name((uint32_t)kind),
		    k->met[kind][0], k->met[kind][1], k->met[kind][2]);
	printf("instructions %llu\nmisses %u\n", (unsigned long long)k->steps,
	    k->misses);
}

int
main(int argc, char **argv)
{
	struct slot_view view;
	struct killer k = { 0 };
	uint32_t kills, done = 0;
	int old = 0;

	if (argc != 4)
		errx(2, "usage: ptrace_kill KEEPER-PID KILLS SEED");
	slot_view_open(&view, atoi(argv[1]));
	k.h = view.table.header;
	kills = (uint32_t)strtoul(argv[2], NULL, 10);
	k.random = strtoull(argv[3], NULL, 10) * 0x9e3779b97f4a7c15ull + 1;
	while (done < kills) {
		struct timespec ts = { .tv_nsec = (long)draw(&k, 20000000) };
		bool again;

		await_tenant(&k, old, true);
		(void)nanosleep(&ts, NULL);
		old = k.pid;
		if (!kill_once(&k, (enum way)draw(&k, WAY_ADOPTION)))
			continue;
		done++;
		again = draw(&k, 4) == 0;
		if (!again)
			continue;
		await_tenant(&k, old, false);
		if (kill_once(&k, WAY_ADOPTION)) {
			old = k.pid;
			done++;
		}
	}
	await_tenant(&k, old, true);
	report(&k);
	slot_view_close(&view);
	return 0;
}
