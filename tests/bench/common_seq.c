/* SPDX-License-Identifier: ISC */
/*
 * Sequence accounting, see common_seq.h.
 */
#include "tests/bench/common_seq.h"

void
seq_restart(struct seq *seq, uint32_t next)
{
	seq->next = next;
	seq->seen = 0;
}

int
seq_take(struct seq *seq, uint32_t number)
{
	uint32_t skipped, age;

	if (number >= seq->next) {
		skipped = number - seq->next;
		seq->lost += skipped;
		seq->seen = skipped >= 63 ? 1 : seq->seen << (skipped + 1) | 1;
		seq->next = number + 1;
		return 1;
	}
	age = seq->next - 1 - number;
	if (age >= 64 || (seq->seen >> age & 1) != 0 || seq->lost == 0) {
		seq->duplicated++;
		return 0;
	}
	seq->seen |= (uint64_t)1 << age;
	seq->out_of_order++;
	seq->lost--;
	return 1;
}
