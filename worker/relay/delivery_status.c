/* SPDX-License-Identifier: ISC */
/*
 * See delivery_status.h.
 */
#include "worker/relay/delivery_status.h"

#include <string.h>

static const char *const names[DELIVERY_STATUS_MAX] = {
	[DELIVERY_PENDING] = "pending",
	[DELIVERY_DELIVERED] = "delivered",
	[DELIVERY_QUEUED] = "queued",
	[DELIVERY_NOT_CONNECTED] = "not_connected",
	[DELIVERY_UNKNOWN] = "unknown",
	[DELIVERY_BUSY] = "busy",
	[DELIVERY_TOO_BIG] = "too_big",
};

const char *
delivery_status_name(enum delivery_status status)
{
	return status < DELIVERY_STATUS_MAX ? names[status] : "invalid";
}

enum delivery_status
delivery_status_parse(const char *name)
{
	int status;

	for (status = 0; status < DELIVERY_STATUS_MAX; status++)
		if (strcmp(names[status], name) == 0)
			break;
	return (enum delivery_status)status;
}
