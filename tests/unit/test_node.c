/* SPDX-License-Identifier: ISC */
/*
 * What the slots of a node share: counts per address against a model, the
 * poison table's limits and lives, memory that is there only when used.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fd.h"
#include "proto/node_poison.h"

static const uint8_t key[32] = { 9 };

static int
make_node(struct node *n, uint32_t slots, uint32_t ip_entries)
{
	int fd = -1;

	assert_int_equal(fd_memfd_create("node", node_bytes(ip_entries), &fd),
	    0);
	assert_int_equal(node_format(fd, slots, ip_entries, key), 0);
	assert_int_equal(node_attach(n, fd), 0);
	return fd;
}

static void
drop_node(struct node *n, int fd)
{
	node_detach(n);
	close(fd);
}

static uint64_t
file_pages(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void
test_format(void **state)
{
	struct node n;
	int fd = make_node(&n, 3, 1024);

	(void)state;
	assert_int_equal(n.shared->slots, 3);
	assert_memory_equal(n.shared->hash_key, key, 32);
	atomic_store(&n.shared->slot[0].connections, 5);
	atomic_store(&n.shared->slot[2].connections, 6);
	atomic_store(&n.shared->slot[3].connections, 100);
	assert_int_equal(node_connections(&n), 11);
	atomic_store(&n.shared->slot[0].open, 3);
	atomic_store(&n.shared->slot[0].held, 4);
	atomic_store(&n.shared->slot[2].open, 2); /* its tenant is older */
	assert_int_equal(node_open(&n), 5);
	assert_int_equal(node_held(&n), 6);
	/* what a compromised gateway might do to the others */
	n.shared->slots = UINT32_MAX;
	assert_int_equal(node_connections(&n), 111);
	node_slot_forget(&n.shared->slot[0]);
	assert_int_equal(node_connections(&n), 106);
	assert_int_equal(node_open(&n), 2);
	assert_int_equal(node_held(&n), 2);
	assert_int_equal(node_ip_count(&n, 1), 0);
	node_detach(&n);
	assert_int_equal(node_format(fd, 65, 1024, key), -EINVAL);
	assert_int_equal(node_format(fd, 3, 1000, key), -EINVAL);
	assert_int_equal(node_format(fd, 3, 128, key), -EINVAL);
	assert_int_equal(node_format(fd, 3, 2048, key), -EINVAL);
	assert_int_equal(node_format(fd, 3, 0, key), 0);
	assert_int_equal(node_attach(&n, fd), 0);
	assert_int_equal(node_ip_add(&n, 0, 7), -ENOSPC);
	assert_int_equal(node_ip_count(&n, 7), 0);
	node_ip_remove(&n, 0, 7);
	node_ip_clear(&n, 0);
	{
		struct node other;

		n.shared->ip_entries = 4096;
		assert_int_equal(node_attach(&other, fd), -EPROTO);
		n.shared->ip_entries = 0;
		n.shared->layout++;
		assert_int_equal(node_attach(&other, fd), -EPROTONOSUPPORT);
		n.shared->magic = 0;
		assert_int_equal(node_attach(&other, fd), -EPROTO);
	}
	drop_node(&n, fd);
}

static void
test_ip_counts(void **state)
{
	struct node n;
	int fd = make_node(&n, 2, 256);
	uint64_t before = file_pages(fd);

	(void)state;
	assert_int_equal(node_ip_add(&n, 0, 0), 0);
	assert_int_equal(node_ip_count(&n, 0), 1);
	assert_int_equal(node_ip_add(&n, 0, 77), 0);
	assert_int_equal(node_ip_add(&n, 0, 77), 0);
	assert_int_equal(node_ip_add(&n, 1, 77), 0);
	assert_int_equal(node_ip_count(&n, 77), 3);
	assert_int_equal(file_pages(fd), before + 2 * 4096);
	node_ip_remove(&n, 0, 78);
	node_ip_remove(&n, 0, 77);
	assert_int_equal(node_ip_count(&n, 77), 2);
	node_ip_clear(&n, 1);
	assert_int_equal(node_ip_count(&n, 77), 1);
	node_ip_remove(&n, 0, 77);
	assert_int_equal(node_ip_count(&n, 77), 0);
	node_ip_clear(&n, 0);
	node_ip_clear(&n, 1);
	assert_int_equal(file_pages(fd), before);
	drop_node(&n, fd);
}

/* Clusters that collide, wrap around and come apart again. */
static void
test_ip_model(void **state)
{
	enum { KEYS = 400 };
	static uint32_t count[KEYS];
	struct node n;
	int fd = make_node(&n, 1, 256);
	uint32_t total = 0, refused = 0;

	(void)state;
	srandom(3);
	for (int turn = 0; turn < 200000; turn++) {
		uint32_t i = (uint32_t)random() % KEYS;
		uint64_t k = (uint64_t)(i + 1) << 32 | (230 + i % 40);
		uint32_t goal = turn / 10000 % 2 ? 20 : 300;

		if ((uint32_t)random() % (2 * goal) >= total) {
			int rc = node_ip_add(&n, 0, k);

			refused += rc != 0;
			count[i] += rc == 0;
			total += rc == 0;
		} else if (count[i] > 0) {
			node_ip_remove(&n, 0, k);
			count[i]--;
			total--;
		}
		assert_int_equal(node_ip_count(&n, k), count[i]);
		if (turn % 1000 != 0)
			continue;
		for (i = 0; i < KEYS; i++) {
			k = (uint64_t)(i + 1) << 32 | (230 + i % 40);
			assert_int_equal(node_ip_count(&n, k), count[i]);
		}
	}
	assert_true(refused > 0);
	for (uint32_t i = 0; i < KEYS; i++)
		for (; count[i] > 0; count[i]--)
			node_ip_remove(&n, 0,
			    (uint64_t)(i + 1) << 32 | (230 + i % 40));
	for (uint32_t i = 0; i < 256; i++)
		assert_int_equal(n.ips[i].key | n.ips[i].count, 0);
	drop_node(&n, fd);
}

static void
test_ip_no_memory(void **state)
{
	struct node n;
	int fd = make_node(&n, 1, 256), bad;

	(void)state;
	bad = n.fd;
	n.fd = -1;
	assert_int_equal(node_ip_add(&n, 0, 1), -ENOMEM);
	assert_int_equal(node_ip_count(&n, 1), 0);
	n.fd = bad;
	assert_int_equal(node_ip_add(&n, 0, 1), 0);
	n.fd = -1;
	node_ip_clear(&n, 0);
	assert_int_equal(node_ip_count(&n, 1), 0);
	drop_node(&n, fd);
}

static void
test_poison(void **state)
{
	struct node n;
	int fd = make_node(&n, 1, 0);

	(void)state;
	assert_int_equal(node_poison_refused(&n, 5, 100), 0);
	assert_int_equal(node_poison_fault(&n, 5, 3, 60, 100), 1);
	assert_int_equal(node_poison_fault(&n, 5, 3, 60, 110), 2);
	assert_int_equal(node_poison_refused(&n, 5, 110), 0);
	assert_int_equal(node_poison_fault(&n, 5, 3, 60, 120), 3);
	assert_int_equal(node_poison_refused(&n, 5, 120), 1);
	assert_int_equal(node_poison_refused(&n, 5, 179), 1);
	assert_int_equal(node_poison_refused(&n, 6, 130), 0);
	assert_int_equal(node_poison_refused(&n, 5, 180), 0);
	/* its life is over: counted from the start */
	assert_int_equal(node_poison_fault(&n, 5, 3, 60, 180), 1);
	assert_int_equal(node_poison_refused(&n, 5, 180), 0);
	assert_int_equal(node_poison_fault(&n, 0, 1, 60, 180), 1);
	assert_int_equal(node_poison_refused(&n, 0, 180), 1);
	/* limit 0: counted, never refused */
	assert_int_equal(node_poison_fault(&n, 9, 0, 60, 180), 1);
	assert_int_equal(node_poison_refused(&n, 9, 180), 0);
	drop_node(&n, fd);
}

static void
test_poison_full(void **state)
{
	struct node n;
	int fd = make_node(&n, 1, 0);
	uint32_t now = UINT32_MAX - 100; /* it wraps, too */

	(void)state;
	for (uint32_t i = 0; i < NODE_POISON_ENTRIES; i++)
		assert_int_equal(node_poison_fault(&n, 1000 + i * 3, 1,
				     600 + (i * 37) % 256, now),
		    1);
	for (uint32_t i = 0; i < NODE_POISON_ENTRIES; i++)
		assert_int_equal(node_poison_refused(&n, 1000 + i * 3,
				     now + 200),
		    1);
	/* full: the one with the shortest life left gives way */
	assert_int_equal(node_poison_fault(&n, 7, 2, 600, now + 200), 1);
	assert_int_equal(node_poison_refused(&n, 7, now + 200), 0);
	assert_int_equal(node_poison_refused(&n, 1000, now + 200), 0);
	for (uint32_t i = 1; i < NODE_POISON_ENTRIES; i++)
		assert_int_equal(node_poison_refused(&n, 1000 + i * 3,
				     now + 200),
		    1);
	assert_int_equal(node_poison_fault(&n, 7, 2, 600, now + 200), 2);
	assert_int_equal(node_poison_refused(&n, 7, now + 200), 1);
	drop_node(&n, fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_ip_counts),
		cmocka_unit_test(test_ip_model),
		cmocka_unit_test(test_ip_no_memory),
		cmocka_unit_test(test_poison),
		cmocka_unit_test(test_poison_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
