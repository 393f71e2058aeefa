/* SPDX-License-Identifier: ISC */
/*
 * What kinds of slots there are, and what its tenant says of itself in the
 * slot's header (proto/slot.h).
 */
#ifndef HOLDFAST_PROTO_SLOT_KIND_H
#define HOLDFAST_PROTO_SLOT_KIND_H

#include <stdint.h>

enum slot_kind {
	SLOT_KIND_GATEWAY = 1,
	SLOT_KIND_RELAY,
	SLOT_KIND_AUDIT,
};

enum tenant_state {
	TENANT_NONE,
	TENANT_ADOPTING,
	TENANT_SERVING,
	TENANT_DRAINING,
	TENANT_LEAVING,
	TENANT_STATE_MAX
};

const char *slot_kind_name(uint32_t kind);
const char *tenant_state_name(uint32_t state);

#endif
