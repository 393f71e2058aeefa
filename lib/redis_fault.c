/* SPDX-License-Identifier: ISC */
/*
 * Words of Redis' error replies (see redis_fault.h).
 */
#include "lib/redis_fault.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *word;
	enum redis_fault fault;
} words[] = {
	{ "OOM", REDIS_FAULT_OOM },
	{ "READONLY", REDIS_FAULT_READONLY },
	{ "LOADING", REDIS_FAULT_LOADING },
	{ "BUSY", REDIS_FAULT_BUSY },
	{ "NOSCRIPT", REDIS_FAULT_NOSCRIPT },
	{ "WRONGTYPE", REDIS_FAULT_WRONGTYPE },
	{ "MOVED", REDIS_FAULT_MOVED },
	{ "ASK", REDIS_FAULT_MOVED },
	{ "TRYAGAIN", REDIS_FAULT_MOVED },
	{ "CLUSTERDOWN", REDIS_FAULT_MOVED },
	{ "CROSSSLOT", REDIS_FAULT_MOVED },
	{ "NOAUTH", REDIS_FAULT_DENIED },
	{ "WRONGPASS", REDIS_FAULT_DENIED },
	{ "NOPERM", REDIS_FAULT_DENIED },
	{ "MASTERDOWN", REDIS_FAULT_REFUSED },
	{ "MISCONF", REDIS_FAULT_REFUSED },
	{ "NOREPLICAS", REDIS_FAULT_REFUSED },
};

static const struct {
	const char *name;
	enum redis_reaction reaction;
} faults[REDIS_FAULT_MAX] = {
	[REDIS_FAULT_NONE] = { "none", REDIS_PROCEED },
	[REDIS_FAULT_LOST] = { "lost", REDIS_LATER },
	[REDIS_FAULT_OOM] = { "oom", REDIS_LATER },
	[REDIS_FAULT_READONLY] = { "readonly", REDIS_RECONNECT },
	[REDIS_FAULT_LOADING] = { "loading", REDIS_RECONNECT },
	[REDIS_FAULT_BUSY] = { "busy", REDIS_LATER },
	[REDIS_FAULT_NOSCRIPT] = { "noscript", REDIS_SEND_TEXT },
	[REDIS_FAULT_WRONGTYPE] = { "wrongtype", REDIS_GIVE_UP },
	[REDIS_FAULT_MOVED] = { "moved", REDIS_RECONNECT },
	[REDIS_FAULT_DENIED] = { "denied", REDIS_RECONNECT },
	[REDIS_FAULT_REFUSED] = { "refused", REDIS_LATER },
	[REDIS_FAULT_OTHER] = { "other", REDIS_GIVE_UP },
};

enum redis_fault
redis_fault_parse(const char *text)
{
	size_t len = strcspn(text, " \r\n");

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].word) == len &&
		    memcmp(words[i].word, text, len) == 0)
			return words[i].fault;
	return REDIS_FAULT_OTHER;
}

enum redis_reaction
redis_fault_reaction(enum redis_fault fault)
{
	return fault < REDIS_FAULT_MAX ? faults[fault].reaction : REDIS_GIVE_UP;
}

const char *
redis_fault_name(enum redis_fault fault)
{
	return fault < REDIS_FAULT_MAX ? faults[fault].name : "invalid";
}
