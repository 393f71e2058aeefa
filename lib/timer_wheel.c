/* SPDX-License-Identifier: ISC */
/*
 * The timer wheel (see timer_wheel.h). Slot lists are doubly linked by index
 * and end in TIMER_NONE; the first node's prev names its slot with the high bit
 * set, so that any node can be unlinked without knowing where it is. Ticks are
 * counted from the wheel's own start, so no time needs to be a multiple of
 * tick_ms and the wrap of the clock is no special case.
 */
#include "lib/timer_wheel.h"

#include <string.h>

#define HEAD_BIT  0x80000000u
#define SLOT_MASK (TIMER_WHEEL_SLOTS - 1)
#define RUNNING	  TIMER_WHEEL_SLOTS

static struct timer_node *
node_at(const struct timer_wheel *wheel, uint32_t index)
{
	return (struct timer_node *)(void *)(wheel->base +
	    (size_t)index * wheel->stride);
}

/* Signed distance from a to b on the wrapping clock. */
static int32_t
distance(uint32_t a, uint32_t b)
{
	return (int32_t)(b - a);
}

static void
mark_slot(struct timer_wheel *wheel, uint32_t slot)
{
	uint64_t bit;

	if (slot == RUNNING)
		return;
	bit = (uint64_t)1 << (slot % 64);
	if (wheel->heads[slot] != TIMER_NONE)
		wheel->filled[slot / 64] |= bit;
	else
		wheel->filled[slot / 64] &= ~bit;
}

static void
link_node(struct timer_wheel *wheel, uint32_t index, uint32_t slot)
{
	struct timer_node *node = node_at(wheel, index);
	uint32_t first = wheel->heads[slot];

	node->prev = HEAD_BIT | slot;
	node->next = first;
	if (first != TIMER_NONE)
		node_at(wheel, first)->prev = index;
	wheel->heads[slot] = index;
	mark_slot(wheel, slot);
}

static void
unlink_node(struct timer_wheel *wheel, uint32_t index)
{
	struct timer_node *node = node_at(wheel, index);

	if (node->next != TIMER_NONE)
		node_at(wheel, node->next)->prev = node->prev;
	if ((node->prev & HEAD_BIT) != 0) {
		uint32_t slot = node->prev & ~HEAD_BIT;

		wheel->heads[slot] = node->next;
		mark_slot(wheel, slot);
	} else {
		node_at(wheel, node->prev)->next = node->next;
	}
	node->next = TIMER_NONE;
	node->prev = TIMER_NONE;
}

/* The slot of the first tick at or after due. */
static uint32_t
slot_of(const struct timer_wheel *wheel, uint32_t due)
{
	int32_t ahead = distance(wheel->next_ms, due);
	uint32_t ticks;

	if (ahead <= 0)
		return wheel->next_slot;
	ticks = ((uint32_t)ahead + wheel->tick_ms - 1) / wheel->tick_ms;
	return (wheel->next_slot + ticks) & SLOT_MASK;
}

void
timer_wheel_init(struct timer_wheel *wheel, void *base, size_t stride,
    size_t node_offset, uint32_t tick_ms, uint32_t now_ms)
{
	uint32_t i;

	memset(wheel, 0, sizeof(*wheel));
	timer_wheel_rebase(wheel, base, stride, node_offset);
	wheel->tick_ms = tick_ms;
	wheel->next_ms = now_ms + tick_ms;
	for (i = 0; i <= TIMER_WHEEL_SLOTS; i++)
		wheel->heads[i] = TIMER_NONE;
}

void
timer_wheel_rebase(struct timer_wheel *wheel, void *base, size_t stride,
    size_t node_offset)
{
	wheel->base = (unsigned char *)base + node_offset;
	wheel->stride = stride;
}

void
timer_wheel_reset(struct timer_wheel *wheel, uint32_t index)
{
	struct timer_node *node = node_at(wheel, index);

	node->next = TIMER_NONE;
	node->prev = TIMER_NONE;
	node->due = 0;
}

bool
timer_wheel_is_armed(const struct timer_wheel *wheel, uint32_t index)
{
	return node_at(wheel, index)->prev != TIMER_NONE;
}

void
timer_wheel_set(struct timer_wheel *wheel, uint32_t index, uint32_t due_ms)
{
	if (timer_wheel_is_armed(wheel, index))
		unlink_node(wheel, index);
	else
		wheel->armed++;
	node_at(wheel, index)->due = due_ms;
	link_node(wheel, index, slot_of(wheel, due_ms));
}

void
timer_wheel_cancel(struct timer_wheel *wheel, uint32_t index)
{
	if (!timer_wheel_is_armed(wheel, index))
		return;
	unlink_node(wheel, index);
	wheel->armed--;
}

/*
 * Works through the running list: what is due by the tick that was last begun
 * fires, what is for a later turn goes back to its slot.
 */
static size_t
run_list(struct timer_wheel *wheel, timer_wheel_cb *on_fire, void *arg,
    size_t max_fires)
{
	uint32_t tick_time = wheel->next_ms - wheel->tick_ms;
	size_t fired = 0;
	uint32_t index;

	while ((index = wheel->heads[RUNNING]) != TIMER_NONE) {
		uint32_t due = node_at(wheel, index)->due;

		if (distance(tick_time, due) > 0) {
			unlink_node(wheel, index);
			link_node(wheel, index, slot_of(wheel, due));
			continue;
		}
		if (fired == max_fires)
			break;
		timer_wheel_cancel(wheel, index);
		fired++;
		on_fire(index, arg);
	}
	return fired;
}

/*
 * Moves the slot of the next tick to the running list. From here on, what a
 * callback sets for a time that has passed goes to the tick after this one.
 */
static void
begin_tick(struct timer_wheel *wheel)
{
	uint32_t slot = wheel->next_slot;
	uint32_t first = wheel->heads[slot];

	wheel->next_slot = (slot + 1) & SLOT_MASK;
	wheel->next_ms += wheel->tick_ms;
	if (first == TIMER_NONE)
		return;
	wheel->heads[slot] = TIMER_NONE;
	mark_slot(wheel, slot);
	wheel->heads[RUNNING] = first;
	node_at(wheel, first)->prev = HEAD_BIT | RUNNING;
}

/*
 * After a long pause one turn visits every slot, and whatever was due in the
 * ticks before it is due then.
 */
static void
skip_whole_turns(struct timer_wheel *wheel, uint32_t now_ms)
{
	uint32_t behind = (uint32_t)distance(wheel->next_ms, now_ms) /
	    wheel->tick_ms;
	uint32_t keep = wheel->armed == 0 ? 0 : TIMER_WHEEL_SLOTS;
	uint32_t skip;

	if (behind <= keep)
		return;
	skip = behind - keep;
	wheel->next_ms += skip * wheel->tick_ms;
	wheel->next_slot = (wheel->next_slot + skip) & SLOT_MASK;
}

size_t
timer_wheel_advance(struct timer_wheel *wheel, uint32_t now_ms,
    timer_wheel_cb *on_fire, void *arg, size_t max_fires)
{
	size_t fired = run_list(wheel, on_fire, arg, max_fires);

	if (wheel->heads[RUNNING] == TIMER_NONE &&
	    distance(wheel->next_ms, now_ms) >= 0)
		skip_whole_turns(wheel, now_ms);
	while (wheel->heads[RUNNING] == TIMER_NONE &&
	    distance(wheel->next_ms, now_ms) >= 0) {
		begin_tick(wheel);
		fired += run_list(wheel, on_fire, arg, max_fires - fired);
	}
	return fired;
}

/* Ticks from next_slot to the first filled slot; some slot is filled. */
static uint32_t
ticks_to_filled(const struct timer_wheel *wheel)
{
	uint32_t ticks = 0;

	while (ticks < TIMER_WHEEL_SLOTS) {
		uint32_t slot = (wheel->next_slot + ticks) & SLOT_MASK;
		uint64_t word = wheel->filled[slot / 64] >> (slot % 64);

		if (word != 0)
			return ticks + (uint32_t)__builtin_ctzll(word);
		ticks += 64 - slot % 64;
	}
	return ticks;
}

int64_t
timer_wheel_next_ms(const struct timer_wheel *wheel, uint32_t now_ms)
{
	int64_t wait;

	if (wheel->heads[RUNNING] != TIMER_NONE)
		return 0;
	if (wheel->armed == 0)
		return -1;
	wait = (int64_t)distance(now_ms, wheel->next_ms) +
	    (int64_t)ticks_to_filled(wheel) * wheel->tick_ms;
	return wait > 0 ? wait : 0;
}
