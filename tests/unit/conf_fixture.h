/* SPDX-License-Identifier: ISC */
/*
 * A small config table with every type of value, and the loading of text by it,
 * for the tests of lib/conf_table.h.
 */
#ifndef HOLDFAST_UNIT_CONF_FIXTURE_H
#define HOLDFAST_UNIT_CONF_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/cidr.h"
#include "lib/conf_table.h"

struct item {
	char address[64];
	uint16_t port;
	bool proxy;
};

struct settings {
	struct {
		char id[32];
		uint32_t workers;
		bool pin;
		uint64_t capacity;
		int32_t nice;
	} node;
	struct {
		uint64_t max_message;
		uint32_t ping_ms;
		double fraction;
		int mode;
		struct cidr_list trusted;
		char origins[128];
		char url[128];
	} web;
	uint32_t debug;
	uint32_t listen_count;
	struct item listen[3];
};

#define GATEWAY 1u
#define RELAY	2u
#define BOTH	(GATEWAY | RELAY)

extern const struct conf_table conf_fixture_table;

/* Loads text; returns the errors, "" on success. The caller frees. */
char *conf_fixture_load(const char *text, struct settings *settings);

/* Fails the test unless text loads. */
void conf_fixture_expect_ok(const char *text, struct settings *settings);

/* Fails it unless these are the errors and nothing else was touched. */
void conf_fixture_expect_error(const char *text, const char *wanted);

#endif
