/* SPDX-License-Identifier: ISC */
/*
 * A list of copies (see push_queue.h).
 */
#include "worker/relay/push_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
push_queue_init(struct push_queue *queue, size_t max_bytes)
{
	memset(queue, 0, sizeof(*queue));
	queue->max_bytes = max_bytes;
}

void
push_queue_drop(struct push_queue *queue)
{
	struct push_item *item = queue->first;

	if (item == NULL)
		return;
	queue->first = item->next;
	if (queue->first == NULL)
		queue->last = NULL;
	queue->bytes -= sizeof(*item) + item->len;
	free(item);
}

void
push_queue_clear(struct push_queue *queue)
{
	while (queue->first != NULL)
		push_queue_drop(queue);
}

void
push_queue_move(struct push_queue *queue, struct push_queue *from)
{
	if (from->first == NULL)
		return;
	if (queue->last != NULL)
		queue->last->next = from->first;
	else
		queue->first = from->first;
	queue->last = from->last;
	queue->bytes += from->bytes;
	from->first = from->last = NULL;
	from->bytes = 0;
}

static int
append(struct push_queue *queue, const char *bytes, size_t len, uint32_t mark)
{
	size_t need = sizeof(struct push_item) + len;
	struct push_item *item;

	if (queue->bytes + need > queue->max_bytes)
		return -ENOBUFS;
	item = malloc(need);
	if (item == NULL)
		return -ENOMEM;
	item->next = NULL;
	item->len = len;
	item->mark = mark;
	item->waiter = NULL;
	if (len > 0)
		memcpy(item->bytes, bytes, len);
	if (queue->last != NULL)
		queue->last->next = item;
	else
		queue->first = item;
	queue->last = item;
	queue->bytes += need;
	return 0;
}

int
push_queue_add(struct push_queue *queue, const char *bytes, size_t len)
{
	return append(queue, bytes, len, 0);
}

int
push_queue_mark(struct push_queue *queue, uint32_t mark)
{
	return append(queue, NULL, 0, mark);
}

size_t
push_queue_cut(struct push_queue *queue)
{
	const struct push_item *item = queue->first;
	size_t dropped = 0;

	for (; item != NULL && (item->mark == 0 || dropped == 0);
	     item = item->next)
		if (item->mark == 0)
			dropped++;
	if (item == NULL)
		return 0;
	while (queue->first != item)
		push_queue_drop(queue);
	return dropped;
}

void
push_queue_begin_at(struct push_queue *queue, uint32_t mark)
{
	uint32_t found = 0;

	while (queue->first != NULL && found < mark) {
		found = queue->first->mark;
		push_queue_drop(queue);
	}
}
