/* SPDX-License-Identifier: ISC */
/*
 * Settings on their way to a worker: the rows meant for it as (name, text)
 * pairs in a packed Settings message.  See settings_pack.h.
 */
#include "proto/settings_pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/holdfast.pb-c.h"

#define PACK_MAX_PAIRS 256u

struct pack {
	Holdfast__Setting pairs[PACK_MAX_PAIRS];
	Holdfast__Setting *list[PACK_MAX_PAIRS];
	size_t count;
	int error;
};

static void
on_pair(const char *name, const char *text, void *arg)
{
	struct pack *pack = arg;
	Holdfast__Setting *pair;

	if (pack->count == PACK_MAX_PAIRS) {
		pack->error = -E2BIG;
		return;
	}
	pair = &pack->pairs[pack->count];
	holdfast__setting__init(pair);
	pair->name = strdup(name);
	pair->value = strdup(text);
	pack->list[pack->count++] = pair;
	if (pair->name == NULL || pair->value == NULL)
		pack->error = -ENOMEM;
}

int
settings_pack(const struct settings *settings, uint32_t program,
    uint8_t **out_bytes, size_t *out_len)
{
	struct pack *pack = calloc(1, sizeof(*pack));
	Holdfast__Settings message = HOLDFAST__SETTINGS__INIT;
	uint8_t *bytes = NULL;
	int rc;

	if (pack == NULL)
		return -ENOMEM;
	conf_table_each(settings_table(), settings, program, on_pair, pack);
	rc = pack->error;
	if (rc == 0) {
		message.setting = pack->list;
		message.n_setting = pack->count;
		*out_len = holdfast__settings__get_packed_size(&message);
		bytes = malloc(*out_len + 1);
		rc = bytes == NULL ? -ENOMEM : 0;
	}
	if (rc == 0) {
		(void)holdfast__settings__pack(&message, bytes);
		*out_bytes = bytes;
	}
	for (size_t i = 0; i < pack->count; i++) {
		free(pack->pairs[i].name);
		free(pack->pairs[i].value);
	}
	free(pack);
	return rc;
}

int
settings_unpack(const uint8_t *bytes, size_t len, struct settings *out,
    uint32_t *out_skipped)
{
	Holdfast__Settings *message = holdfast__settings__unpack(NULL, len,
	    bytes);
	char reason[CONF_REASON_SIZE];
	uint32_t skipped = 0;

	if (message == NULL)
		return -EPROTO;
	settings_defaults(out);
	for (size_t i = 0; i < message->n_setting; i++)
		if (conf_table_set(settings_table(), out,
			message->setting[i]->name, message->setting[i]->value,
			reason) != 0)
			skipped++;
	holdfast__settings__free_unpacked(message, NULL);
	*out_skipped = skipped;
	return 0;
}
