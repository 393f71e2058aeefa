/* SPDX-License-Identifier: ISC */
/*
 * The list of slots in the run directory: which keepers there are, so that the
 * next supervisor knows whom to wait for and whom to believe.  Here is its
 * text, pure; run_state.c reads and writes the file.
 *
 *	holdfast-slots 1
 *	node <build> <protocol> <layouts> <node memfd's inode> <gateways>
 *	slot <number> <kind> <nonce> <keeper's pid> <its start time>
 *	end
 *
 * Layouts are numbers with commas between them.
 */
#ifndef HOLDFAST_SLOT_SLOTS_FILE_H
#define HOLDFAST_SLOT_SLOTS_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/textbuf.h"
#include "proto/slot.h"
#include "proto/table_layout.h"

/* A slot on its way from one keeper to another has two lines. */
#define SLOTS_FILE_MAX	     (2 * (SLOT_MAX_WORKERS + 1))
#define SLOTS_FILE_MAX_BYTES (32u * 1024)

struct slots_entry {
	uint32_t number;
	enum slot_kind kind;
	uint64_t nonce;
	pid_t keeper;
	uint64_t start_time; /* of the keeper */
};

struct slots_file {
	char build[64]; /* of the supervisor that wrote it */
	uint32_t protocol;
	/* of tables: its own, and what its tenants can move to and from */
	uint32_t layouts[TABLE_LAYOUTS_MAX];
	uint32_t layout_count;
	uint64_t node_inode; /* 0: there is no node memfd yet */
	uint32_t gateways;
	uint32_t count;
	struct slots_entry entries[SLOTS_FILE_MAX];
};

void slots_file_format(const struct slots_file *file, struct textbuf *out);

/* -EPROTO: not such a text, or cut off.  *out is untouched then. */
int slots_file_parse(const char *text, struct slots_file *out);

#endif
