/* SPDX-License-Identifier: ISC */
/*
 * Packets of a control channel.  Input: sender, receiver, number of fds, then
 * the packet.  What was decoded is encoded and must decode again.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "proto/channel.h"

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
	from = (enum peer_role)(1 << (data[0] % 3));
	to = (enum peer_role)(1 << (data[1] % 3));
	nfds = data[2];
	if (message_decode(data + 3, size - 3, nfds, from, to, NULL, &kind,
		&body) != 0)
		return 0;
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
