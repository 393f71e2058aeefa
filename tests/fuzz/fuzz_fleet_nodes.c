/* SPDX-License-Identifier: ISC */
/*
 * The list of nodes that Redis holds, as the API tells of it: whatever is taken
 * has this node in it, and shares that are shares.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "worker/relay/fleet_nodes.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct fleet_nodes_own own = { .id = "n1",
		.region = "",
		.connections = 3,
		.limit = 9 };
	json_t *rows = fleet_nodes_all(&own, (const char *)data, size, 5);
	bool is_there = false;
	json_t *row;
	size_t i;

	if (rows == NULL)
		return 0;
	json_array_foreach(rows, i, row) {
		const char *id = json_string_value(
		    json_object_get(row, "node_id"));
		double share = json_real_value(json_object_get(row, "share"));

		if (id == NULL || id[0] == '\0' || !(share >= 0 && share <= 1))
			abort();
		is_there |= strcmp(id, own.id) == 0;
	}
	if (!is_there)
		abort();
	json_decref(rows);
	return 0;
}
