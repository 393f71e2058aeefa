/* SPDX-License-Identifier: ISC */
/*
 * The words of the agent port.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/agent.h"

static void
check(struct agent_state state, const char *wanted)
{
	char text[LINE_PORT_MAX];

	assert_int_equal(agent_line(&state, text), strlen(wanted));
	assert_string_equal(text, wanted);
}

static void
test_weight(void **state)
{
	struct agent_state agent = { true, false, 0, 1000, "ready" };

	(void)state;
	check(agent, "ready up 100%\n");
	agent.connections = 150;
	check(agent, "ready up 85%\n");
	agent.connections = 999;
	check(agent, "ready up 1%\n");
	/* A limit that fell closes nobody: there may be more. */
	agent.connections = 2000;
	check(agent, "ready up 1%\n");
	agent.limit = 0;
	check(agent, "ready up 1%\n");
	agent.connections = 1;
	agent.limit = UINT32_MAX;
	check(agent, "ready up 99%\n");
}

static void
test_not_ready(void **state)
{
	struct agent_state agent = { false, false, 10, 1000, "cut_off" };

	(void)state;
	check(agent, "down #cut_off\n");
	/* What is drained is not down, though it is not ready. */
	agent.is_drained = true;
	check(agent, "drain\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_weight),
		cmocka_unit_test(test_not_ready),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
