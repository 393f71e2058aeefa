/* SPDX-License-Identifier: ISC */
/*
 * Strict reading of the JSON that API callers send: no duplicate keys, nothing
 * behind the value, no field that is not known, types and lengths checked, and
 * a sentence that tells the caller what to mend.  Pure.
 */
#ifndef HOLDFAST_RELAY_API_JSON_H
#define HOLDFAST_RELAY_API_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define API_CLIENT_ID_MAX 100u
#define API_TEXT_MAX	  200u /* message ids, event types, node ids */

/* Why a request is refused: becomes {"error": code, "message": text}. */
struct api_fault {
	int status; /* HTTP */
	char code[32];
	char text[240];
};

/* Fills *fault and returns -EINVAL, for `return api_fault_set(...)`. */
int api_fault_set(struct api_fault *fault, int status, const char *code,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

enum api_type {
	API_ANY,
	API_TEXT,	   /* 1 to `max` bytes without control characters */
	API_TEXT_OR_EMPTY, /* likewise from 0 bytes */
	API_CLIENT_ID, /* 1 to 100 bytes of printable ASCII without blanks */
	API_ADDRESS,   /* an IPv4 or IPv6 literal */
	API_TIME,      /* RFC 3339 text or whole milliseconds since 1970 */
	API_WHOLE,     /* a whole number, 0 to `max` */
	API_NUMBER,    /* a number, 0 to `max` */
};

struct api_field {
	const char *name;
	enum api_type type;
	bool required;
	uint64_t max;
};

/*
 * Parses an object or array; *out is a new reference.  Fails with -EINVAL and
 * a fault 400.
 */
int api_json_parse(const char *bytes, size_t len, json_t **out,
    struct api_fault *fault) __attribute__((warn_unused_result));

/*
 * Is value an object with these fields and no others?  element: its number in
 * an array, for the message; -1 when it stands alone.
 */
int api_json_check(const json_t *value, const struct api_field *fields,
    size_t count, long element, struct api_fault *fault)
    __attribute__((warn_unused_result));

/* 1 to 100 bytes of printable ASCII without blanks? */
bool api_client_id_ok(const char *id, size_t len);

/* May the API close a connection with it? */
bool api_close_code_ok(uint32_t code);

/* Is this the name of the host in a Host header: a literal or localhost? */
bool api_host_is_literal(const char *host);

struct api_query {
	uint32_t wait_ms;   /* wait_ms=, 0 to max; absent: 0 */
	bool is_node_scope; /* scope=node; scope=fleet is the same as absent */
};

/* A query string (NULL: none).  Any other parameter is a fault, and scope is
 * where it has no meaning. */
int api_query_parse(const char *query, uint32_t max_wait_ms, bool has_scope,
    struct api_query *out, struct api_fault *fault)
    __attribute__((warn_unused_result));

#endif
