/* SPDX-License-Identifier: ISC */
/*
 * Included by clang-tidy alone, before each file.  The analyzer cannot see
 * that TAILQ_REMOVE changes the head through a pointer in the element, and
 * takes `while ((x = TAILQ_FIRST(head)) != NULL) free_it(x)' for a use after
 * free; here each look at the head gives something new.
 */
#ifndef HOLDFAST_LINT_QUEUE_MODEL_H
#define HOLDFAST_LINT_QUEUE_MODEL_H

#include <sys/queue.h>

void *queue_model_first(const void *head);

#undef TAILQ_FIRST
#define TAILQ_FIRST(head)                                                      \
	((__typeof__((head)->tqh_first))queue_model_first(head))

#endif
