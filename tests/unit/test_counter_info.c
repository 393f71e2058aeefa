/* SPDX-License-Identifier: ISC */
/*
 * The metric names of the counters, by the rules of the Prometheus text format:
 * each row is filled, the rows of a metric stand together, share their help and
 * label names, and differ in their labels.
 */
#include "proto/counter_info.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789_"

static void
assert_name(const char *name)
{
	assert_non_null(name);
	assert_true(name[0] >= 'a' && name[0] <= 'z');
	assert_int_equal(strspn(name, NAME_CHARS), strlen(name));
	assert_null(strstr(name, "holdfast"));
	assert_null(strstr(name, "_total"));
}

static void
assert_help(const char *help)
{
	size_t len;

	assert_non_null(help);
	len = strlen(help);
	assert_true(len > 10 && help[len - 1] == '.');
	assert_null(strpbrk(help, "\n\\"));
}

/* name="value"[,name="value"]... */
static void
assert_labels(const char *labels)
{
	const char *p = labels;

	do {
		p += p > labels;
		assert_true(*p >= 'a' && *p <= 'z');
		p += strspn(p, NAME_CHARS);
		assert_true(p[0] == '=' && p[1] == '"');
		p += 2;
		assert_true(strspn(p, NAME_CHARS) > 0);
		p += strspn(p, NAME_CHARS);
		assert_true(*p == '"');
		p++;
	} while (*p == ',');
	assert_int_equal(*p, '\0');
}

static void
test_rows(void **state)
{
	(void)state;
	for (enum counter c = 0; c < COUNTER_MAX; c++) {
		const struct counter_info *info = counter_info(c);

		assert_name(info->metric);
		assert_help(info->help);
		if (info->labels != NULL)
			assert_labels(info->labels);
	}
}

static void
test_metrics_stand_together(void **state)
{
	(void)state;
	for (enum counter c = 1; c < COUNTER_MAX; c++) {
		const struct counter_info *info = counter_info(c);
		const char *before = counter_info(c - 1)->metric;

		for (enum counter d = 0; d < c; d++) {
			const struct counter_info *other = counter_info(d);

			if (strcmp(info->metric, other->metric) != 0)
				continue;
			assert_string_equal(info->metric, before);
			assert_string_equal(info->help, other->help);
			assert_non_null(info->labels);
			assert_non_null(other->labels);
			assert_string_not_equal(info->labels, other->labels);
			assert_int_equal(strcspn(info->labels, "="),
			    strcspn(other->labels, "="));
			assert_memory_equal(info->labels, other->labels,
			    strcspn(info->labels, "="));
		}
	}
}

static void
test_histograms(void **state)
{
	(void)state;
	for (enum slot_histogram h = 0; h < HISTOGRAM_MAX; h++) {
		const char *metric = counter_histogram_metric(h);
		const char *unit;

		assert_name(metric);
		unit = strrchr(metric, '_');
		assert_non_null(unit);
		assert_string_equal(unit, "_seconds");
		assert_help(counter_histogram_help(h));
		for (enum slot_histogram other = 0; other < h; other++)
			assert_string_not_equal(metric,
			    counter_histogram_metric(other));
	}
}

static void
test_counting(void **state)
{
	static struct counters counters;

	(void)state;
	counter_add(&counters, COUNTER_BYTES_IN, 1ULL << 40);
	counter_add(&counters, COUNTER_BYTES_IN, 2);
	assert_true(
	    counter_get(&counters, COUNTER_BYTES_IN) == (1ULL << 40) + 2);
	assert_true(counter_get(&counters, COUNTER_BYTES_OUT) == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_metrics_stand_together),
		cmocka_unit_test(test_histograms),
		cmocka_unit_test(test_counting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
