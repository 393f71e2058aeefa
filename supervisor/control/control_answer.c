/* SPDX-License-Identifier: ISC */
/*
 * Writes the answers of the control socket, and reads its arguments (see
 * control.h).
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "lib/log.h"
#include "supervisor/control/control_client.h"

#define NO_MEMORY "{\"ok\":false,\"error\":\"no_memory\",\"exit\":1}\n"

static void
write_line(struct control_client *client, json_t *line)
{
	char *text = line == NULL ? NULL : json_dumps(line, JSON_COMPACT);

	json_decref(line);
	if (text == NULL) {
		bufferevent_write(client->bev, NO_MEMORY, strlen(NO_MEMORY));
		return;
	}
	bufferevent_write(client->bev, text, strlen(text));
	bufferevent_write(client->bev, "\n", 1);
	free(text);
}

void
control_done(struct control_call *call, json_t *result)
{
	struct control_client *client = call->client;

	write_line(client,
	    json_pack("{s:b, s:o}", "ok", 1, "result",
		result == NULL ? json_object() : result));
	control_client_ended(client);
}

void
control_fail(struct control_call *call, const char *error, int exit_code,
    const char *format, ...)
{
	struct control_client *client = call->client;
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* `error` may be a worker's word, so it may be no UTF-8. */
	write_line(client,
	    json_pack("{s:b, s:o, s:o, s:i}", "ok", 0, "error",
		control_text(error), "message", control_text(text), "exit",
		exit_code));
	control_client_ended(client);
}

void
control_tell(struct control_call *call, const char *name, json_t *value)
{
	write_line(call->client, json_pack("{s:o}", name, value));
}

json_t *
control_text(const char *text)
{
	json_t *value = json_string(text == NULL ? "" : text);
	char clean[1024];
	size_t i;

	if (value != NULL)
		return value;
	/* Not UTF-8: what is not ASCII becomes '?'. */
	snprintf(clean, sizeof(clean), "%s", text);
	for (i = 0; clean[i] != '\0'; i++) {
		if ((unsigned char)clean[i] >= 0x80)
			clean[i] = '?';
	}
	return json_string(clean);
}

const char *
control_arg_text(const struct control_call *call, const char *key)
{
	return json_string_value(json_object_get(call->args, key));
}

int64_t
control_arg_int(const struct control_call *call, const char *key,
    int64_t fallback)
{
	const json_t *value = json_object_get(call->args, key);

	return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool
control_arg_bool(const struct control_call *call, const char *key)
{
	return json_is_true(json_object_get(call->args, key));
}
