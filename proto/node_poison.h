/* SPDX-License-Identifier: ISC */
/*
 * The poison table of the node memfd: clients and addresses that are refused
 * for a while, since tenants died in their service.
 */
#ifndef HOLDFAST_PROTO_NODE_POISON_H
#define HOLDFAST_PROTO_NODE_POISON_H

#include "proto/node.h"

/* fault: counts one more for key and tells the count; once `limit` is reached
 * (0: never) key is refused until now_s + refuse_s.  An entry lives for
 * refuse_s after its last fault.  refused: is key refused now?  The entry that
 * would end first gives way when the table is full. */
uint32_t node_poison_fault(struct node *, uint64_t key, uint32_t limit,
    uint32_t refuse_s, uint32_t now_s);
int node_poison_refused(const struct node *, uint64_t key, uint32_t now_s);

#endif
