/* SPDX-License-Identifier: ISC */
/*
 * Identities of processes: the text of a stat file, and this very process.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/proc.h"

static void
test_parse(void **state)
{
	struct proc proc;

	(void)state;
	assert_int_equal(proc_parse("42 (a (b) c) S 7 9 1 0 -1 4194560 1 2 3 "
				    "4 5 6 7 8 20 0 1 0 98765 1 2\n",
			     &proc),
	    0);
	assert_int_equal(proc.pid, 42);
	assert_int_equal(proc.parent, 7);
	assert_int_equal(proc.group, 9);
	assert_int_equal(proc.state, 'S');
	assert_string_equal(proc.name, "a (b) c");
	assert_true(proc.start_time == 98765);
}

static void
test_parse_refuses(void **state)
{
	static const char *const bad[] = { "", "1", "1 (", "1 (x)", "1 (x) ",
		"1 )x( S 1 1", "1 (x) S 1 1 0 0", "x (x) S 1 1",
		"1 (x) S -1 1 1 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 5 1",
		"1 (x) S 1 1 1 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 ",
		"99999999999 (x) S 1 1 1 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 5" };
	struct proc proc = { .pid = 77 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(proc_parse(bad[i], &proc), -EPROTO);
	assert_int_equal(proc.pid, 77);
}

static void
test_self_and_the_dead(void **state)
{
	struct proc proc;
	pid_t pid;

	(void)state;
	assert_int_equal(proc_read(getpid(), &proc), 0);
	assert_int_equal(proc.pid, getpid());
	assert_int_equal(proc.parent, getppid());
	assert_int_equal(proc.group, getpgrp());
	assert_true(proc_is_alive(getpid(), proc.start_time));
	assert_false(proc_is_alive(getpid(), proc.start_time + 1));
	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	proc.start_time = proc_start_time(pid);
	assert_true(proc_is_alive(pid, proc.start_time));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 },
			     WEXITED | WNOWAIT),
	    0);
	/* A zombie has its start time still. */
	assert_true(proc_start_time(pid) == proc.start_time);
	assert_false(proc_is_alive(pid, proc.start_time));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(proc_start_time(pid) == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_self_and_the_dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
