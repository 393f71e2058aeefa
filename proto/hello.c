/* SPDX-License-Identifier: ISC */
/*
 * The first message of a channel (see hello.h).
 */
#include "proto/hello.h"

#include "proto/table_layout.h"

void
hello_fill(Holdfast__Hello *out, const struct hello_peer *self)
{
	static char build[] = HOLDFAST_VERSION;
	static uint32_t known[TABLE_LAYOUTS_MAX];

	holdfast__hello__init(out);
	out->protocol = MESSAGE_PROTOCOL;
	out->layout = SLOT_LAYOUT;
	out->build = build;
	out->slot = self->slot;
	out->role = (uint32_t)self->role;
	out->nonce = self->nonce;
	out->pid = (uint32_t)self->pid;
	out->start_time = self->start_time;
	out->n_known = (size_t)table_layout_list(known);
	out->known = known;
}

const char *
hello_fault(const Holdfast__Hello *hello, const struct hello_peer *expected)
{
	if (hello->protocol != MESSAGE_PROTOCOL)
		return "another version of the protocol";
	if (!table_layout_meets(hello->layout, hello->known, hello->n_known))
		return "another layout of the table";
	if (hello->slot != expected->slot)
		return "another slot";
	if (hello->role != (uint32_t)expected->role)
		return "another role";
	if (expected->nonce != 0 && hello->nonce != expected->nonce)
		return "another nonce";
	if (expected->pid != 0 && hello->pid != (uint32_t)expected->pid)
		return "another pid";
	return NULL;
}
