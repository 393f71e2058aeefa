/* SPDX-License-Identifier: ISC */
/*
 * Attacks the relay with ring entries of a compromised gateway: the first byte
 * of the input is the kind, the rest the entry.  What is accepted must be
 * inside the entry and have a proper client id.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "worker/relay/api_json.h"
#include "worker/relay/up_entry.h"

static void
check_id(const char *id, size_t len)
{
	size_t i;

	if (len == 0 || len > RECORD_ID_MAX)
		abort();
	for (i = 0; i < len; i++) {
		if (id[i] <= ' ' || id[i] > '~')
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ring_entry entry = { .seq = 1 };
	struct ring_receipt receipt;
	struct ring_message message;
	struct up_route route;
	uint8_t *copy;

	if (size == 0)
		return 0;
	/* of its own, so that a byte too far is seen */
	copy = malloc(size - 1 + (size == 1));
	if (copy == NULL)
		return 0;
	memcpy(copy, data + 1, size - 1);
	entry.kind = data[0];
	entry.len = (uint32_t)(size - 1);
	entry.data = copy;
	if (up_entry_route(&entry, &route))
		check_id(route.id, route.id_len);
	if (up_entry_receipt(&entry, &receipt) && size - 1 != sizeof(receipt))
		abort();
	if (up_entry_message(&entry, &message)) {
		if (sizeof(message) + message.id_len > size - 1)
			abort();
		check_id((const char *)copy + sizeof(message), message.id_len);
	}
	free(copy);
	return 0;
}
