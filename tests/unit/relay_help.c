/* SPDX-License-Identifier: ISC */
/*
 * See relay_help.h.
 */
#include "tests/unit/relay_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "worker/slot_fds.h"

#define UNTIL_MS 5000u

static void
put_fd(struct relay_help *help, enum slot_fd_kind kind, uint32_t slot, int fd)
{
	int old;

	assert_int_equal(slot_fds_put(help->worker.slot, kind, slot, fd, &old),
	    0);
}

static int
make_ring(struct ring *ring, int event_fd)
{
	int fd;

	assert_int_equal(fd_memfd_create("ring", ring_bytes(HELP_RING_BYTES),
			     &fd),
	    0);
	assert_int_equal(ring_format(fd, HELP_RING_BYTES), 0);
	assert_int_equal(ring_attach(ring, fd, event_fd), 0);
	return fd;
}

static void
make_gateway(struct relay_help *help, uint32_t slot)
{
	struct help_gateway *gateway = &help->gateways[slot];
	int *fds = gateway->fds;

	fds[0] = make_table(&gateway->table, 64);
	fds[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fds[2] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fds[3] = make_ring(&gateway->up, fds[1]);
	fds[4] = make_ring(&gateway->down, fds[2]);
	put_fd(help, SLOT_FD_TABLE, slot, fds[0]);
	put_fd(help, SLOT_FD_RING_UP_EVENT, slot, fds[1]);
	put_fd(help, SLOT_FD_RING_DOWN_EVENT, slot, fds[2]);
	put_fd(help, SLOT_FD_RING_UP, slot, fds[3]);
	put_fd(help, SLOT_FD_RING_DOWN, slot, fds[4]);
}

struct relay_help *
relay_help_new(void)
{
	struct relay_help *help = calloc(1, sizeof(*help));
	struct relay *relay;
	uint32_t slot;

	assert_non_null(help);
	relay = &help->relay;
	relay->worker = &help->worker;
	help->worker.base = event_base_new();
	help->own_fd = make_table(&help->own, 1);
	help->worker.slot = help->own.header;
	settings_defaults(&help->worker.settings);
	help->worker.settings.api.request_timeout_ms = HELP_TIMEOUT_MS;
	shards_init(&relay->shards);
	assert_int_equal(delivery_start(&relay->delivery, relay), 0);
	assert_int_equal(reach_start(&relay->reach, relay), 0);
	assert_int_equal(rivals_start(&relay->rivals, relay), 0);
	for (slot = 0; slot < HELP_GATEWAYS; slot++) {
		make_gateway(help, slot);
		assert_int_equal(shards_attach(&relay->shards, &help->worker,
				     slot),
		    0);
		assert_int_equal(ring_up_start(&relay->ring_up[slot], relay,
				     slot),
		    0);
	}
	return help;
}

void
relay_help_free(struct relay_help *help)
{
	struct relay *relay = &help->relay;
	uint32_t slot, i;

	for (slot = 0; slot < HELP_GATEWAYS; slot++) {
		ring_up_stop(&relay->ring_up[slot]);
		shards_detach(&relay->shards, slot);
		table_detach(&help->gateways[slot].table);
		ring_detach(&help->gateways[slot].up);
		ring_detach(&help->gateways[slot].down);
		for (i = 0; i < 5; i++)
			close(help->gateways[slot].fds[i]);
	}
	reach_stop(&relay->reach);
	delivery_stop(&relay->delivery);
	rivals_stop(&relay->rivals);
	drop_table(&help->own, help->own_fd);
	event_base_free(help->worker.base);
	free(help);
}

void
relay_help_until(struct relay_help *help, const bool *fact)
{
	uint64_t end_ms = clock_mono_ms() + UNTIL_MS;

	while (!*fact) {
		assert_true(clock_mono_ms() < end_ms);
		event_base_loop(help->worker.base, EVLOOP_ONCE);
	}
}

static void
on_moment(evutil_socket_t fd, short what, void *arg)
{
	bool *over = arg;

	(void)fd;
	(void)what;
	*over = true;
}

void
relay_help_turn(struct relay_help *help)
{
	static const struct timeval moment = { 0, 20000 };
	bool over = false;

	assert_int_equal(event_base_once(help->worker.base, -1, EV_TIMEOUT,
			     on_moment, &over, &moment),
	    0);
	relay_help_until(help, &over);
}

uint16_t
relay_help_take(struct help_gateway *gateway, void *out_head, size_t head_len,
    char *out_rest, size_t rest_cap)
{
	struct ring_entry entry;
	int rc;

	rc = ring_peek(&gateway->down, &entry);
	assert_true(rc >= 0);
	if (rc == 0)
		return 0;
	assert_true(entry.len >= head_len);
	assert_true(entry.len - head_len < rest_cap);
	memcpy(out_head, entry.data, head_len);
	memcpy(out_rest, entry.data + head_len, entry.len - head_len);
	out_rest[entry.len - head_len] = '\0';
	ring_consume(&gateway->down, &entry);
	return entry.kind;
}

void
relay_help_receipt(struct help_gateway *gateway, uint64_t token,
    enum receipt_status status, uint64_t position)
{
	struct ring_receipt receipt = {
		.token = token,
		.position = position,
		.status = status,
	};
	struct ring_part part = { &receipt, sizeof(receipt) };

	assert_int_equal(ring_put(&gateway->up, RING_RECEIPT, &part, 1, NULL),
	    0);
	ring_wake(&gateway->up);
}

int
relay_help_setup(void **state)
{
	*state = relay_help_new();
	return 0;
}

int
relay_help_teardown(void **state)
{
	relay_help_free(*state);
	return 0;
}

void
relay_help_done(void *owner, uint32_t item, enum delivery_status status,
    uint64_t position)
{
	struct help_outcome *outcome = owner;

	assert_int_equal(item, 7);
	outcome->done = true;
	outcome->calls++;
	outcome->status = status;
	outcome->position += position;
}
