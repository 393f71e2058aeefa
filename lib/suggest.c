/* SPDX-License-Identifier: ISC */
/*
 * Nearest known word (see suggest.h) by the optimal string alignment distance,
 * in three rows.
 */
#include "lib/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define TEXT_MAX 63u

static unsigned
min3(unsigned a, unsigned b, unsigned c)
{
	unsigned min = a < b ? a : b;

	return min < c ? min : c;
}

static bool
same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

unsigned
suggest_distance(const char *a, const char *b)
{
	unsigned rows[3][TEXT_MAX + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];
	size_t len_a = strlen(a), len_b = strlen(b);
	size_t i, j;

	if (len_a > TEXT_MAX || len_b > TEXT_MAX)
		return TEXT_MAX + 1;
	for (j = 0; j <= len_b; j++)
		row[j] = (unsigned)j;
	for (i = 1; i <= len_a; i++) {
		unsigned *recycled = before;

		before = above;
		above = row;
		row = recycled;
		row[0] = (unsigned)i;
		for (j = 1; j <= len_b; j++) {
			unsigned cost = same(a[i - 1], b[j - 1]) ? 0 : 1;

			row[j] = min3(above[j] + 1, row[j - 1] + 1,
			    above[j - 1] + cost);
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) &&
			    same(a[i - 2], b[j - 1]) &&
			    before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
	}
	return row[len_b];
}

void
suggest_init(struct suggest *suggest, const char *typed)
{
	suggest->typed = typed;
	suggest->best = NULL;
	/* A third of the letters may be wrong, else it is another word. */
	suggest->distance = (unsigned)(strlen(typed) / 3) + 1;
	if (suggest->distance > 4)
		suggest->distance = 4;
}

void
suggest_offer(struct suggest *suggest, const char *word)
{
	unsigned distance = suggest_distance(suggest->typed, word);

	if (distance > suggest->distance ||
	    (distance == suggest->distance && suggest->best != NULL))
		return;
	suggest->best = word;
	suggest->distance = distance;
}
