/* SPDX-License-Identifier: ISC */
/*
 * The list of members that Redis, or the disk, holds: what is taken is written
 * and must read back as the same; what is refused leaves the list before.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "supervisor/fleet/fleet_member.h"

static char *
dump(const struct fleet_members *members)
{
	json_t *list = fleet_members_json(members);
	char *text = json_dumps(list, JSON_COMPACT);

	json_decref(list);
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fleet_members members = { 0 };
	char *first, *second;

	if (fleet_members_parse(&members, (const char *)data, size) != 0) {
		if (members.count != 0 || members.all != NULL)
			abort();
		return 0;
	}
	first = dump(&members);
	if (first == NULL ||
	    fleet_members_parse(&members, first, strlen(first)) != 0)
		abort();
	second = dump(&members);
	if (second == NULL || strcmp(first, second) != 0)
		abort();
	free(first);
	free(second);
	fleet_members_clear(&members);
	return 0;
}
