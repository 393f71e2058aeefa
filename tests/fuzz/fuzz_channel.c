/* SPDX-License-Identifier: ISC */
/*
 * Packets of a control channel.  Input: sender, receiver, number of fds, then
 * the packet.  What was decoded is encoded and must decode again.
 */
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/channel.h"

/*
 * protobuf-c keeps unknown fields.  It takes the field number 0 in an overlong
 * encoding, writes it back in the short one, and then refuses it.
 */
static bool
has_unknown_fields(const ProtobufCMessage *body)
{
	const ProtobufCMessageDescriptor *shape = body->descriptor;
	const uint8_t *at = (const uint8_t *)body;
	bool found = body->n_unknown_fields > 0;

	for (unsigned int f = 0; f < shape->n_fields; f++) {
		const ProtobufCFieldDescriptor *field = &shape->fields[f];
		ProtobufCMessage *const *parts;
		size_t count;

		if (field->label != PROTOBUF_C_LABEL_REPEATED ||
		    field->type != PROTOBUF_C_TYPE_MESSAGE)
			continue;
		memcpy(&count, at + field->quantifier_offset, sizeof(count));
		memcpy(&parts, at + field->offset, sizeof(parts));
		for (size_t i = 0; i < count; i++)
			found = found || has_unknown_fields(parts[i]);
	}
	return found;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum message_kind kind, again;
	ProtobufCMessage *body, *copy;
	enum peer_role from, to;
	uint8_t *bytes;
	size_t len;
	int nfds;

	if (size < 3)
		return 0;
	from = (enum peer_role)(1 << (data[0] % 7));
	to = (enum peer_role)(1 << (data[1] % 7));
	nfds = data[2];
	if (message_decode(data + 3, size - 3, nfds, from, to, NULL, &kind,
		&body) != 0)
		return 0;
	if (has_unknown_fields(body)) {
		protobuf_c_message_free_unpacked(body, NULL);
		return 0;
	}
	/* an empty field left out by the sender is longer when encoded */
	len = size * 4 + 1024;
	bytes = malloc(len);
	if (bytes == NULL ||
	    message_encode(kind, body, bytes, len, &len) != 0 ||
	    message_decode(bytes, len, nfds, from, to, NULL, &again, &copy) !=
		0 ||
	    again != kind)
		abort();
	protobuf_c_message_free_unpacked(copy, NULL);
	protobuf_c_message_free_unpacked(body, NULL);
	free(bytes);
	return 0;
}
