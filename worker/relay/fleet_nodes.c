/* SPDX-License-Identifier: ISC */
/*
 * Rows of nodes (see fleet_nodes.h).
 */
#include "worker/relay/fleet_nodes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* No node has more; the sum of all still fits. */
#define COUNT_MAX 1000000000000ll

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text == NULL ? "" : text;
}

static json_int_t
count_of(const json_t *object, const char *key)
{
	json_int_t number = json_integer_value(json_object_get(object, key));

	return number > 0 && number < COUNT_MAX ? number : 0;
}

/* As for the leader: does it take part? */
static bool
state_counts(const char *state)
{
	return strcmp(state, "dead") != 0 && strcmp(state, "left") != 0;
}

static void
put_own(json_t *row, const struct fleet_nodes_own *own)
{
	json_t *region = json_string(own->region); /* NULL: not UTF-8 */
	char incarnation[20];

	(void)snprintf(incarnation, sizeof(incarnation), "%016" PRIx64,
	    own->incarnation);
	json_object_set_new(row, "incarnation", json_string(incarnation));
	json_object_set_new(row, "region",
	    region != NULL ? region : json_string(""));
	json_object_set_new(row, "connections", json_integer(own->connections));
	json_object_set_new(row, "open", json_integer(own->open));
	json_object_set_new(row, "limit", json_integer(own->limit));
	json_object_set_new(row, "slots", json_integer(own->slots));
	json_object_set_new(row, "age_ms", json_integer(0));
}

json_t *
fleet_nodes_alone(const struct fleet_nodes_own *own)
{
	json_t *row = json_pack("{s:s, s:s, s:i, s:f}", "node_id", own->id,
	    "state", own->is_draining ? "draining" : "ready", "capacity",
	    (int)own->limit, "share", own->connections > 0 ? 1.0 : 0.0);

	if (row == NULL)
		return NULL;
	put_own(row, own);
	return json_pack("[o]", row);
}

static json_t *
row_of(const json_t *item, uint64_t age_ms)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:f, s:I}",
	    "node_id", text_of(item, "id"), "region", text_of(item, "region"),
	    "state", text_of(item, "state"), "peer", text_of(item, "peer"),
	    "incarnation", text_of(item, "incarnation"), "connections",
	    count_of(item, "count"), "limit", count_of(item, "limit"),
	    "capacity", count_of(item, "capacity"), "share", 0.0, "age_ms",
	    (json_int_t)age_ms);
}

/* What the leader says of us, as far as we do not know better. */
static void
refresh(json_t *row, const struct fleet_nodes_own *own)
{
	const char *state = text_of(row, "state");

	if (own->is_draining)
		state = "draining";
	else if (strcmp(state, "draining") == 0)
		state = "healthy";
	json_object_set_new(row, "state", json_string(state));
	put_own(row, own);
}

static void
put_shares(json_t *rows)
{
	json_int_t total = 0;
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		if (state_counts(text_of(row, "state")))
			total += count_of(row, "connections");
	}
	json_array_foreach(rows, i, row) {
		if (total > 0 && state_counts(text_of(row, "state")))
			json_object_set_new(row, "share",
			    json_real((double)count_of(row, "connections") /
				(double)total));
	}
}

/* false: no memory. */
static bool
add_rows(json_t *rows, const json_t *list, const struct fleet_nodes_own *own,
    uint64_t age_ms)
{
	bool is_there = false;
	json_t *item, *row;
	size_t i;

	json_array_foreach(list, i, item) {
		const char *id = text_of(item, "id");

		if (id[0] == '\0')
			continue;
		row = row_of(item, age_ms);
		if (row != NULL && strcmp(id, own->id) == 0) {
			refresh(row, own);
			is_there = true;
		}
		if (json_array_append_new(rows, row) != 0)
			return false;
	}
	if (is_there)
		return true;
	/* It has joined this moment. */
	item = json_pack("{s:s, s:s, s:I}", "id", own->id, "state", "joining",
	    "capacity", (json_int_t)own->limit);
	row = row_of(item, 0);
	json_decref(item);
	if (row != NULL)
		refresh(row, own);
	return json_array_append_new(rows, row) == 0;
}

json_t *
fleet_nodes_all(const struct fleet_nodes_own *own, const char *text, size_t len,
    uint64_t age_ms)
{
	json_t *list = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	json_t *rows = json_array();

	if (!json_is_array(list) || json_array_size(list) > FLEET_NODES_MAX ||
	    !add_rows(rows, list, own, age_ms)) {
		json_decref(rows);
		rows = NULL;
	} else {
		put_shares(rows);
	}
	json_decref(list);
	return rows;
}
