/* SPDX-License-Identifier: ISC */
/*
 * What a peer port says: what is taken is written and must read back as the
 * same; what is refused leaves nothing.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/peer_line.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct peer_line line, again;
	char text[PEER_LINE_MAX];
	size_t len;
	int rc;

	memset(&line, 0x5a, sizeof(line));
	again = line;
	rc = peer_line_parse((const char *)data, size, &line);
	if (rc != 0) {
		if ((rc != -EAGAIN && rc != -EPROTO) ||
		    memcmp(&line, &again, sizeof(line)) != 0)
			abort();
		return 0;
	}
	len = peer_line_format(&line, text);
	if (peer_line_parse(text, len, &again) != 0 ||
	    again.incarnation != line.incarnation ||
	    again.redis_age_ms != line.redis_age_ms ||
	    strcmp(again.state, line.state) != 0 ||
	    strcmp(again.node, line.node) != 0 ||
	    strcmp(again.fleet, line.fleet) != 0)
		abort();
	return 0;
}
