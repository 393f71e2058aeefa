/* SPDX-License-Identifier: ISC */
/*
 * "Did you mean": finds the known word nearest to a mistyped one, for config
 * keys and commands. Pure.
 */
#ifndef HOLDFAST_LIB_SUGGEST_H
#define HOLDFAST_LIB_SUGGEST_H

struct suggest {
	const char *typed; /* borrowed */
	const char *best;  /* borrowed; NULL = nothing is near */
	unsigned distance; /* of best */
};

void suggest_init(struct suggest *suggest, const char *typed);

/* Considers one known word, which must outlive the suggestion. */
void suggest_offer(struct suggest *suggest, const char *word);

/*
 * Insertions, deletions, replacements and swaps of neighbours that turn a into
 * b, ignoring case; texts beyond 63 bytes are never near (returns 64).
 */
unsigned suggest_distance(const char *a, const char *b);

#endif
