/* SPDX-License-Identifier: ISC */
/*
 * The message table and the packet codec: every kind has a full row, and what
 * a row does not allow is refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/holdfast.pb-c.h"
#include "proto/message.h"

static void
test_rows_are_filled(void **state)
{
	const unsigned all = PEER_SUPERVISOR | PEER_KEEPER | PEER_TENANT |
	    PEER_GIVER | PEER_TAKER | PEER_OUTGOING | PEER_INCOMING;

	(void)state;
	assert_null(message_info(MSG_NONE));
	assert_null(message_info(MSG_KIND_MAX));
	assert_null(message_info(UINT32_MAX));
	assert_string_equal(message_kind_name(MSG_KIND_MAX), "unknown");
	for (uint32_t kind = MSG_NONE + 1; kind < MSG_KIND_MAX; kind++) {
		const struct message_info *info = message_info(kind);

		assert_non_null(info);
		assert_non_null(info->descriptor);
		assert_string_equal(message_kind_name(kind), info->name);
		assert_true(info->from != 0 && (info->from & ~all) == 0);
		assert_true(info->to != 0 && (info->to & ~all) == 0);
		assert_true(info->min_fds <= info->max_fds);
		for (uint32_t other = MSG_NONE + 1; other < kind; other++)
			assert_string_not_equal(info->name,
			    message_kind_name(other));
	}
}

static void
test_check(void **state)
{
	(void)state;
	assert_int_equal(message_check(MSG_TENANT_STARTED, 1, PEER_KEEPER,
			     PEER_SUPERVISOR),
	    0);
	assert_int_equal(message_check(MSG_TENANT_STARTED, 0, PEER_KEEPER,
			     PEER_SUPERVISOR),
	    -EINVAL);
	assert_int_equal(message_check(MSG_TENANT_STARTED, 2, PEER_KEEPER,
			     PEER_SUPERVISOR),
	    -EINVAL);
	assert_int_equal(message_check(MSG_TENANT_STARTED, 1, PEER_SUPERVISOR,
			     PEER_KEEPER),
	    -EINVAL);
	assert_int_equal(message_check(MSG_STOP, 0, PEER_SUPERVISOR,
			     PEER_TENANT),
	    -EINVAL);
	assert_int_equal(message_check(MSG_STOP, 0, PEER_TENANT, PEER_KEEPER),
	    -EINVAL);
	assert_int_equal(message_check(MSG_FDS, 253, PEER_SUPERVISOR,
			     PEER_TENANT),
	    0);
	assert_int_equal(message_check(MSG_NONE, 0, PEER_SUPERVISOR,
			     PEER_TENANT),
	    -EINVAL);
}

static int
decode(const uint8_t *bytes, size_t len, int nfds)
{
	enum message_kind kind;
	ProtobufCMessage *body;
	int rc;

	rc = message_decode(bytes, len, nfds, PEER_SUPERVISOR, PEER_TENANT,
	    NULL, &kind, &body);
	if (rc == 0)
		protobuf_c_message_free_unpacked(body, NULL);
	return rc;
}

static void
test_round_trip(void **state)
{
	Holdfast__Drain drain = HOLDFAST__DRAIN__INIT;
	enum message_kind kind;
	ProtobufCMessage *body;
	uint8_t bytes[64];
	size_t len;

	(void)state;
	drain.close_code = 1012;
	drain.window_ms = 180000;
	assert_int_equal(message_encode(MSG_DRAIN, &drain.base, bytes,
			     sizeof(bytes), &len),
	    0);
	assert_int_equal(bytes[0] | bytes[1] << 8, MSG_DRAIN);
	assert_int_equal(message_decode(bytes, len, 0, PEER_SUPERVISOR,
			     PEER_TENANT, NULL, &kind, &body),
	    0);
	assert_int_equal(kind, MSG_DRAIN);
	assert_int_equal(((Holdfast__Drain *)body)->window_ms, 180000);
	protobuf_c_message_free_unpacked(body, NULL);

	/* every shorter packet lacks a required field or is cut off */
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(decode(bytes, cut, 0), -EPROTO);
	assert_int_equal(decode(bytes, len, 1), -EPROTO);
	bytes[0] = MSG_KIND_MAX;
	assert_int_equal(decode(bytes, len, 0), -EPROTO);
	assert_int_equal(message_encode(MSG_DRAINED, &drain.base, bytes,
			     sizeof(bytes), &len),
	    -EINVAL);
	assert_int_equal(message_encode(MSG_DRAIN, &drain.base, bytes, 3, &len),
	    -EMSGSIZE);
}

static void
test_claim_names_each_fd(void **state)
{
	Holdfast__Fds__Spec spec = HOLDFAST__FDS__SPEC__INIT;
	Holdfast__Fds__Spec *specs[2] = { &spec, &spec };
	Holdfast__Claim claim = HOLDFAST__CLAIM__INIT;
	enum message_kind kind;
	ProtobufCMessage *body;
	uint8_t bytes[64];
	size_t len;

	(void)state;
	claim.n_spec = 2;
	claim.spec = specs;
	assert_int_equal(message_encode(MSG_CLAIM, &claim.base, bytes,
			     sizeof(bytes), &len),
	    0);
	for (int nfds = 0; nfds < 4; nfds++) {
		int rc = message_decode(bytes, len, nfds, PEER_TENANT,
		    PEER_SUPERVISOR, NULL, &kind, &body);

		assert_int_equal(rc, nfds == 2 ? 0 : -EPROTO);
		if (rc == 0)
			protobuf_c_message_free_unpacked(body, NULL);
	}
	/* Not the other way, nor from a keeper. */
	assert_int_equal(decode(bytes, len, 2), -EPROTO);
	assert_int_equal(message_check(MSG_CLAIM, 2, PEER_KEEPER,
			     PEER_SUPERVISOR),
	    -EINVAL);
}

static void
test_fds_names_each_fd(void **state)
{
	Holdfast__Fds__Spec spec = HOLDFAST__FDS__SPEC__INIT;
	Holdfast__Fds__Spec *specs[2] = { &spec, &spec };
	Holdfast__Fds fds = HOLDFAST__FDS__INIT;
	uint8_t bytes[64];
	size_t len;

	(void)state;
	fds.n_spec = 2;
	fds.spec = specs;
	assert_int_equal(message_encode(MSG_FDS, &fds.base, bytes,
			     sizeof(bytes), &len),
	    0);
	assert_int_equal(decode(bytes, len, 2), 0);
	assert_int_equal(decode(bytes, len, 1), -EPROTO);
	assert_int_equal(decode(bytes, len, 3), -EPROTO);
	assert_int_equal(decode(bytes, len, 0), -EPROTO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_are_filled),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_fds_names_each_fd),
		cmocka_unit_test(test_claim_names_each_fd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
