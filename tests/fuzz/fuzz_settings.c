/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes a packed Settings message, as a worker reads it.  Checks that settings
 * that were accepted are sound: each prints as a text that sets it again, and
 * packing and unpacking them changes nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/settings_pack.h"
#include "tests/fuzz/fuzz.h"

#define EVERYBODY (SETTINGS_SUPERVISOR | SETTINGS_GATEWAY | SETTINGS_RELAY)

static void
expect(bool fact)
{
	if (!fact)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings first, second;
	uint32_t skipped;
	uint8_t *bytes;
	size_t len;

	if (settings_unpack(data, size, &first, &skipped) != 0)
		return 0;
	expect(settings_pack(&first, EVERYBODY, &bytes, &len) == 0);
	expect(settings_unpack(bytes, len, &second, &skipped) == 0);
	free(bytes);
	expect(skipped == 0);
	expect(conf_table_diff(settings_table(), &first, &second, NULL, NULL) ==
	    0);
	return 0;
}
