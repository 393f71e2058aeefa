/* SPDX-License-Identifier: ISC */
/*
 * Events of the fleet (see fleet_news.h).  Others write them, so all of it is
 * text to be shown, and cut to size.
 */
#include "supervisor/fleet/fleet_news.h"

#include <stdio.h>
#include <string.h>

#include "lib/parse.h"
#include "supervisor/fleet/fleet.h"
#include "supervisor/supervisor.h"

#define NONE "0-0" /* before all ids */

struct news {
	const char *kind, *node, *text, *by, *token;
	uint64_t value;
};

static struct news
read_fields(const struct redisReply *fields)
{
	struct news news = { "", "", "", "", "", 0 };
	size_t i, count = redis_reply_count(fields);

	for (i = 0; i + 1 < count; i += 2) {
		const char *field = redis_reply_text_at(fields, i);
		const char *value = redis_reply_text_at(fields, i + 1);

		if (strcmp(field, "kind") == 0)
			news.kind = value;
		else if (strcmp(field, "node") == 0)
			news.node = value;
		else if (strcmp(field, "by") == 0)
			news.by = value;
		else if (strcmp(field, "token") == 0)
			news.token = value;
		else if (strcmp(field, "value") == 0 ||
		    strcmp(field, "routes") == 0)
			(void)!parse_u64(value, 0, INT64_MAX, &news.value);
		else if (strcmp(field, "text") == 0 ||
		    strcmp(field, "observed") == 0)
			news.text = value;
	}
	return news;
}

/* What we have done ourselves has been told. */
static bool
is_ours(const struct fleet *fleet, const struct news *news)
{
	return strcmp(news->by, fleet->sup->conf.settings.node.id) == 0 ||
	    (news->token[0] != '\0' &&
		strcmp(news->token, fleet->token_text) == 0);
}

static void
take(struct fleet *fleet, const struct redisReply *item)
{
	struct news news = read_fields(redis_reply_at(item, 1));
	char line[EVENT_TEXT_SIZE];

	if (news.kind[0] == '\0' || is_ours(fleet, &news))
		return;
	(void)snprintf(line, sizeof(line), "node %s%s%s%s%s", news.node,
	    news.text[0] == '\0' ? "" : " ", news.text,
	    news.by[0] == '\0' ? "" : ", said by ", news.by);
	supervisor_event(fleet->sup, news.kind, -1, NULL, line,
	    (int64_t)news.value);
}

void
fleet_news_take(struct fleet *fleet, const struct redisReply *list)
{
	size_t i, count = redis_reply_count(list);
	bool is_first = fleet->news_id[0] == '\0';

	/* What was before us is history: `holdfastctl events` is not. */
	if (is_first)
		(void)snprintf(fleet->news_id, sizeof(fleet->news_id), NONE);
	for (i = 0; i < count; i++) {
		const struct redisReply *item = redis_reply_at(list, i);
		const char *id = redis_reply_text_at(item, 0);

		if (id[0] == '\0' || strlen(id) >= sizeof(fleet->news_id))
			continue;
		(void)snprintf(fleet->news_id, sizeof(fleet->news_id), "%s",
		    id);
		if (!is_first)
			take(fleet, item);
	}
}
