/* SPDX-License-Identifier: ISC */
/*
 * send and kick on the control socket, carried out by the relay.
 */
#include <string.h>

#include "proto/record.h"
#include "supervisor/control/control.h"
#include "supervisor/supervisor.h"

#define CODE_KICKED 4002

static bool
is_good(const char *status)
{
	static const char *const good[] = { "delivered", "queued",
		"disconnected" };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (strcmp(status, good[i]) == 0)
			return true;
	}
	return false;
}

static void
on_answer(const char *status, const char *text, void *arg)
{
	struct control_call *call = arg;
	json_t *result;

	call->state = NULL;
	call->cancel = NULL;
	if (status == NULL) {
		control_fail(call, "deadline", CONTROL_EXIT_DEADLINE,
		    "the relay did not answer in time");
		return;
	}
	if (strcmp(status, "not_connected") == 0) {
		control_fail(call, status, CONTROL_EXIT_REFUSED,
		    "no connection has that client id");
		return;
	}
	if (!is_good(status)) {
		control_fail(call, status, CONTROL_EXIT_REFUSED, "%s",
		    text == NULL || text[0] == '\0' ? status : text);
		return;
	}
	result = json_pack("{s:o}", "status", control_text(status));
	if (text != NULL && text[0] != '\0')
		json_object_set_new(result, "text", control_text(text));
	control_done(call, result);
}

static void
cancel(struct control_call *call)
{
	relay_request_cancel(call->state);
	call->state = NULL;
}

static void
ask(struct control_call *call, struct relay_request_spec *spec)
{
	struct relay_request *request;
	int rc;

	spec->client = control_arg_text(call, "client");
	if (spec->client == NULL || spec->client[0] == '\0' ||
	    strlen(spec->client) > RECORD_ID_MAX) {
		control_fail(call, "bad_request", CONTROL_EXIT_USAGE,
		    "client: a client id is wanted");
		return;
	}
	spec->done = on_answer;
	spec->arg = call;
	rc = relay_request_send(call->sup, spec, &request);
	if (rc != 0) {
		control_fail(call, "relay_unavailable", CONTROL_EXIT_REFUSED,
		    "the relay cannot be asked: %s", strerror(-rc));
		return;
	}
	call->state = request;
	call->cancel = cancel;
}

void
control_run_send(struct control_call *call)
{
	struct relay_request_spec spec = { .verb = "send" };
	const char *text = control_arg_text(call, "text");

	if (text == NULL) {
		control_fail(call, "bad_request", CONTROL_EXIT_USAGE,
		    "text: what is to be sent is missing");
		return;
	}
	spec.payload = text;
	spec.payload_len = strlen(text);
	ask(call, &spec);
}

void
control_run_kick(struct control_call *call)
{
	struct relay_request_spec spec = { .verb = "kick" };
	const char *reason = control_arg_text(call, "reason");
	int64_t code = control_arg_int(call, "code", CODE_KICKED);

	if (code != 1000 && code != 1001 && code != 1008 &&
	    (code < 3000 || code > 4999)) {
		control_fail(call, "bad_request", CONTROL_EXIT_USAGE,
		    "code: 1000, 1001, 1008 or 3000 to 4999");
		return;
	}
	if (reason != NULL && strlen(reason) > 123) {
		control_fail(call, "bad_request", CONTROL_EXIT_USAGE,
		    "reason: at most 123 bytes fit in a close frame");
		return;
	}
	spec.code = (uint32_t)code;
	if (reason != NULL) {
		spec.payload = reason;
		spec.payload_len = strlen(reason);
	}
	ask(call, &spec);
}
