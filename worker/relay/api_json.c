/* SPDX-License-Identifier: ISC */
/*
 * The checks behind api_json.h, on jansson.  Numbers of a payload may be beyond
 * 64 bits, since the payload is the receiver's business: all numbers are read
 * as reals, and whole ones are recognised by their value.
 */
#include "worker/relay/api_json.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/cidr.h"
#include "lib/clock.h"
#include "lib/escape.h"
#include "lib/parse.h"
#include "lib/suggest.h"

#define TIME_MS_MAX 253402300799999.0 /* the end of the year 9999 */

int
api_fault_set(struct api_fault *fault, int status, const char *code,
    const char *format, ...)
{
	va_list args;

	fault->status = status;
	snprintf(fault->code, sizeof(fault->code), "%s", code);
	va_start(args, format);
	vsnprintf(fault->text, sizeof(fault->text), format, args);
	va_end(args);
	return -EINVAL;
}

int
api_json_parse(const char *bytes, size_t len, json_t **out,
    struct api_fault *fault)
{
	json_error_t error;
	json_t *root;

	if (len == 0)
		return api_fault_set(fault, 400, "empty_body",
		    "send a JSON document in the body");
	root = json_loadb(bytes, len,
	    JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL,
	    &error);
	if (root == NULL)
		return api_fault_set(fault, 400, "bad_json",
		    "line %d, column %d: %s", error.line, error.column,
		    error.text);
	*out = root;
	return 0;
}

bool
api_client_id_ok(const char *id, size_t len)
{
	size_t i;

	if (len == 0 || len > API_CLIENT_ID_MAX)
		return false;
	for (i = 0; i < len; i++) {
		if (id[i] <= ' ' || id[i] > '~')
			return false;
	}
	return true;
}

bool
api_close_code_ok(uint32_t code)
{
	return code == 1000 || code == 1001 || code == 1008 ||
	    (code >= 1011 && code <= 1013) || (code >= 3000 && code <= 4999);
}

static bool
text_ok(const json_t *value, uint64_t min, uint64_t max)
{
	const char *text = json_string_value(value);
	size_t i, len = json_string_length(value);

	if (text == NULL || len < min || len > max)
		return false;
	for (i = 0; i < len; i++) {
		if ((unsigned char)text[i] < ' ' || text[i] == '\177')
			return false;
	}
	return true;
}

static bool
number_ok(const json_t *value, double max, bool whole)
{
	double number = json_number_value(value);

	return json_is_number(value) && number >= 0 && number <= max &&
	    (!whole || floor(number) == number);
}

static bool
time_ok(const json_t *value)
{
	uint64_t ignored;

	if (json_is_string(value))
		return strlen(json_string_value(value)) ==
		    json_string_length(value) &&
		    clock_rfc3339_parse(json_string_value(value), &ignored) ==
		    0;
	return number_ok(value, TIME_MS_MAX, true);
}

static bool
value_ok(const json_t *value, const struct api_field *field)
{
	struct ipaddr address;

	switch (field->type) {
	case API_ANY:
		return true;
	case API_TEXT:
		return text_ok(value, 1, field->max);
	case API_TEXT_OR_EMPTY:
		return text_ok(value, 0, field->max);
	case API_CLIENT_ID:
		return json_is_string(value) &&
		    api_client_id_ok(json_string_value(value),
			json_string_length(value));
	case API_ADDRESS:
		return text_ok(value, 1, IPADDR_TEXT_SIZE) &&
		    ipaddr_parse(json_string_value(value), &address) == 0;
	case API_TIME:
		return time_ok(value);
	case API_WHOLE:
		return number_ok(value, (double)field->max, true);
	case API_NUMBER:
		return number_ok(value, (double)field->max, false);
	}
	return false;
}

static void
describe(const struct api_field *field, char *out, size_t cap)
{
	unsigned long long max = field->max;

	switch (field->type) {
	case API_TEXT:
		snprintf(out, cap,
		    "a string of 1 to %llu bytes without "
		    "control characters",
		    max);
		break;
	case API_TEXT_OR_EMPTY:
		snprintf(out, cap, "a string of at most %llu bytes", max);
		break;
	case API_CLIENT_ID:
		snprintf(out, cap,
		    "a string of 1 to %u bytes of printable "
		    "ASCII without blanks",
		    API_CLIENT_ID_MAX);
		break;
	case API_ADDRESS:
		snprintf(out, cap, "an IPv4 or IPv6 address");
		break;
	case API_TIME:
		snprintf(out, cap,
		    "an RFC 3339 time or milliseconds since "
		    "1970");
		break;
	case API_WHOLE:
		snprintf(out, cap, "a whole number from 0 to %llu", max);
		break;
	case API_NUMBER:
		snprintf(out, cap, "a number from 0 to %llu", max);
		break;
	case API_ANY:
		snprintf(out, cap, "any value");
		break;
	}
}

/* "element 3: ", or nothing. */
static const char *
where(long element, char *out, size_t cap)
{
	out[0] = '\0';
	if (element >= 0)
		snprintf(out, cap, "element %ld: ", element);
	return out;
}

static int
refuse_unknown(const char *key, const struct api_field *fields, size_t count,
    const char *place, struct api_fault *fault)
{
	char shown[64];
	struct suggest suggest;
	size_t i, len;

	suggest_init(&suggest, key);
	for (i = 0; i < count; i++)
		suggest_offer(&suggest, fields[i].name);
	len = escape_text(ESCAPE_QUOTED, key, strlen(key), shown,
	    sizeof(shown) - 1, NULL);
	shown[len] = '\0';
	if (suggest.best != NULL)
		return api_fault_set(fault, 400, "unknown_field",
		    "%sfield '%s' is not known; did you mean '%s'?", place,
		    shown, suggest.best);
	return api_fault_set(fault, 400, "unknown_field",
	    "%sfield '%s' is not known", place, shown);
}

int
api_json_check(const json_t *value, const struct api_field *fields,
    size_t count, long element, struct api_fault *fault)
{
	char place[32], expected[96];
	const json_t *member;
	const char *key;
	size_t i, known = 0;
	void *iter;

	where(element, place, sizeof(place));
	if (!json_is_object(value))
		return api_fault_set(fault, 400, "bad_request",
		    "%sa JSON object is expected", place);
	for (i = 0; i < count; i++) {
		member = json_object_get(value, fields[i].name);
		if (member == NULL && !fields[i].required)
			continue;
		if (member == NULL)
			return api_fault_set(fault, 400, "missing_field",
			    "%sfield '%s' is missing", place, fields[i].name);
		known++;
		if (value_ok(member, &fields[i]))
			continue;
		describe(&fields[i], expected, sizeof(expected));
		return api_fault_set(fault, 400, "bad_field",
		    "%sfield '%s' must be %s", place, fields[i].name, expected);
	}
	if (known == json_object_size(value))
		return 0;
	/* jansson's iterators take no const; nothing is changed */
	for (iter = json_object_iter((json_t *)(uintptr_t)value); iter != NULL;
	     iter = json_object_iter_next((json_t *)(uintptr_t)value, iter)) {
		key = json_object_iter_key(iter);
		for (i = 0; i < count && strcmp(key, fields[i].name) != 0; i++)
			;
		if (i == count)
			return refuse_unknown(key, fields, count, place, fault);
	}
	return 0;
}

bool
api_host_is_literal(const char *host)
{
	char name[IPADDR_TEXT_SIZE];
	struct ipaddr address;
	const char *end;

	if (host[0] == '[') {
		host++;
		end = strchr(host, ']');
		if (end == NULL)
			return false;
	} else {
		end = host + strcspn(host, ":");
	}
	if ((size_t)(end - host) >= sizeof(name))
		return false;
	memcpy(name, host, (size_t)(end - host));
	name[end - host] = '\0';
	return strcasecmp(name, "localhost") == 0 ||
	    ipaddr_parse(name, &address) == 0;
}

/* One parameter, of len bytes. */
static int
parse_parameter(const char *text, size_t len, uint32_t max_wait_ms,
    bool has_scope, struct api_query *out, struct api_fault *fault)
{
	char word[24];
	uint64_t wait;

	if (len >= sizeof(word))
		len = 0; /* too long for any that there is */
	memcpy(word, text, len);
	word[len] = '\0';
	if (has_scope &&
	    (strcmp(word, "scope=node") == 0 ||
		strcmp(word, "scope=fleet") == 0)) {
		out->is_node_scope = word[strlen("scope=")] == 'n';
		return 0;
	}
	if (strncmp(word, "wait_ms=", strlen("wait_ms=")) != 0)
		return api_fault_set(fault, 400, "bad_query",
		    has_scope ? "parameters are wait_ms and scope, node or "
				"fleet" :
				"wait_ms is the only parameter");
	if (parse_u64(word + strlen("wait_ms="), 0, max_wait_ms, &wait) != 0)
		return api_fault_set(fault, 400, "bad_query",
		    "wait_ms must be a whole number from 0 to %u", max_wait_ms);
	out->wait_ms = (uint32_t)wait;
	return 0;
}

int
api_query_parse(const char *query, uint32_t max_wait_ms, bool has_scope,
    struct api_query *out, struct api_fault *fault)
{
	struct api_query found = { 0, false };
	size_t len;

	while (query != NULL && query[0] != '\0') {
		len = strcspn(query, "&");
		if (parse_parameter(query, len, max_wait_ms, has_scope, &found,
			fault) != 0)
			return -EINVAL;
		query += len + (query[len] == '&');
	}
	*out = found;
	return 0;
}
