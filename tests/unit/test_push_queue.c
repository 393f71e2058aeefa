/* SPDX-License-Identifier: ISC */
/* Order, the limit, and where a taker begins. */
#include "worker/relay/push_queue.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
add(struct push_queue *queue, const char *text)
{
	assert_int_equal(push_queue_add(queue, text, strlen(text)), 0);
}

static void
assert_first(const struct push_queue *queue, const char *text)
{
	assert_false(push_queue_is_empty(queue));
	assert_int_equal(queue->first->mark, 0);
	assert_int_equal(queue->first->len, strlen(text));
	assert_memory_equal(queue->first->bytes, text, strlen(text));
}

static void
test_order(void **state)
{
	struct push_queue queue;

	(void)state;
	push_queue_init(&queue, 4096);
	assert_true(push_queue_is_empty(&queue));
	push_queue_drop(&queue);
	add(&queue, "a");
	assert_int_equal(push_queue_add(&queue, "b", 1), 0);
	assert_first(&queue, "a");
	push_queue_drop(&queue);
	assert_first(&queue, "b");
	push_queue_drop(&queue);
	assert_true(push_queue_is_empty(&queue));
	add(&queue, "c");
	assert_first(&queue, "c");
	push_queue_clear(&queue);
	assert_true(push_queue_is_empty(&queue));
	assert_int_equal(queue.bytes, 0);
}

static void
test_limit(void **state)
{
	struct push_queue queue;
	int n = 0;

	(void)state;
	push_queue_init(&queue, 1000);
	while (push_queue_add(&queue, "0123456789", 10) == 0)
		n++;
	assert_true(n > 5 && n < 100);
	assert_true(queue.bytes <= 1000);
	assert_int_equal(push_queue_add(&queue, "0123456789", 10), -ENOBUFS);
	push_queue_drop(&queue);
	assert_int_equal(push_queue_add(&queue, "0123456789", 10), 0);
	push_queue_clear(&queue);
	assert_int_equal(queue.bytes, 0);
}

/* Marks 1, 3 and 5 were heard, with a, b and c behind them. */
static void
fill(struct push_queue *queue)
{
	push_queue_init(queue, 4096);
	assert_int_equal(push_queue_mark(queue, 1), 0);
	add(queue, "a");
	assert_int_equal(push_queue_mark(queue, 3), 0);
	add(queue, "b");
	assert_int_equal(push_queue_mark(queue, 5), 0);
	add(queue, "c");
}

static void
test_begins_at_a_mark(void **state)
{
	struct push_queue queue;

	(void)state;
	fill(&queue);
	push_queue_begin_at(&queue, 1);
	assert_first(&queue, "a");
	push_queue_begin_at(&queue, 3);
	assert_first(&queue, "b");
	push_queue_clear(&queue);
	/* That of the last one was not heard. */
	fill(&queue);
	push_queue_begin_at(&queue, 4);
	assert_first(&queue, "c");
	push_queue_clear(&queue);
	fill(&queue);
	push_queue_begin_at(&queue, 6);
	assert_true(push_queue_is_empty(&queue));
}

static void
mark(struct push_queue *queue, uint32_t number)
{
	assert_int_equal(push_queue_mark(queue, number), 0);
}

/* What comes before a mark gives way, and never what comes behind the last. */
static void
test_cut(void **state)
{
	struct push_queue queue;

	(void)state;
	push_queue_init(&queue, 4096);
	assert_int_equal(push_queue_cut(&queue), 0);
	mark(&queue, 1);
	add(&queue, "a");
	assert_int_equal(push_queue_cut(&queue), 0);
	assert_int_equal(queue.first->mark, 1);
	add(&queue, "b");
	mark(&queue, 2);
	mark(&queue, 3);
	add(&queue, "c");
	mark(&queue, 4);
	add(&queue, "d");
	assert_int_equal(push_queue_cut(&queue), 2);
	assert_int_equal(queue.first->mark, 2);
	assert_int_equal(push_queue_cut(&queue), 1);
	assert_int_equal(queue.first->mark, 4);
	assert_int_equal(push_queue_cut(&queue), 0);
	push_queue_begin_at(&queue, 4);
	assert_first(&queue, "d");
	push_queue_clear(&queue);
	assert_int_equal(queue.bytes, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_begins_at_a_mark),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
