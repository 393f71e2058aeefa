/* SPDX-License-Identifier: ISC */
/*
 * Loads, prints and packs the configuration (see node_conf.h).
 */
#include "supervisor/node_conf.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/conf_file.h"
#include "lib/conf_table.h"
#include "lib/fd.h"
#include "proto/holdfast.pb-c.h"
#include "proto/settings_check.h"
#include "proto/settings_pack.h"
#include "proto/slot.h"
#include "supervisor/memory_limit.h"

/* CPUs that this process may use: a container may have fewer than the host. */
static uint32_t
usable_cpus(void)
{
	cpu_set_t set;
	int n = 1;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	if (n < 1)
		n = 1;
	return n > (int)SLOT_MAX_WORKERS ? SLOT_MAX_WORKERS : (uint32_t)n;
}

static void
fill_in(struct settings *settings)
{
	if (settings->node.workers == 0)
		settings->node.workers = usable_cpus();
	if (settings->node.id[0] == '\0' &&
	    gethostname(settings->node.id, sizeof(settings->node.id) - 1) != 0)
		memcpy(settings->node.id, "localhost", sizeof("localhost"));
	settings->node.id[sizeof(settings->node.id) - 1] = '\0';
}

static void
fit_into_group(struct node_conf *conf)
{
	uint64_t most = memory_limit_arena(
	    memory_limit("/proc/self/cgroup", "/sys/fs/cgroup"));

	if (conf->settings.memory.max_arena <= most)
		return;
	conf->asked_arena = conf->settings.memory.max_arena;
	conf->settings.memory.max_arena = most;
}

/* problem: begins with the key; where that is the file's, its line is told. */
static void
complain(const struct conf_tree *tree, const char *path, const char *problem,
    struct textbuf *errors)
{
	const struct conf_node *node;
	char key[CONF_FILE_ERROR_SIZE];

	(void)snprintf(key, sizeof(key), "%.*s", (int)strcspn(problem, ":"),
	    problem);
	node = conf_tree_find(tree, key);
	if (node != NULL)
		textbuf_printf(errors, "%s:%u: %s\n", node->file, node->line,
		    problem);
	else
		textbuf_printf(errors, "%s: %s\n", path, problem);
}

int
node_conf_load(const char *path, struct node_conf *out, struct textbuf *errors)
{
	char text[CONF_FILE_ERROR_SIZE];
	struct node_conf *conf;
	int rc;

	conf = calloc(1, sizeof(*conf));
	if (conf == NULL)
		return -ENOMEM;
	conf_tree_init(&conf->tree);
	rc = conf_file_load(path, &conf->tree, text);
	if (rc != 0)
		textbuf_printf(errors, "%s\n", text);
	if (rc == 0)
		rc = conf_table_load(settings_table(), &conf->tree,
		    &conf->settings, errors);
	if (rc == 0) {
		fill_in(&conf->settings);
		rc = settings_validate(&conf->settings, text, sizeof(text));
		if (rc != 0)
			complain(&conf->tree, path, text, errors);
	}
	if (rc == 0) {
		fit_into_group(conf);
		conf->generation = 1;
		*out = *conf;
	} else {
		conf_tree_clear(&conf->tree);
	}
	free(conf);
	return rc;
}

void
node_conf_clear(struct node_conf *conf)
{
	conf_tree_clear(&conf->tree);
}

void
node_conf_print(const struct node_conf *conf, struct textbuf *out)
{
	conf_table_print(settings_table(), &conf->settings, &conf->tree, out);
}

void
node_conf_origin(const struct node_conf *conf, const char *name,
    struct textbuf *out)
{
	const struct conf_node *node = conf_tree_find(&conf->tree, name);

	if (strcmp(name, "log.level") == 0 && conf->level_set_by != NULL)
		textbuf_puts(out, conf->level_set_by);
	else if (strcmp(name, "node.workers") == 0 &&
	    conf->workers_set_by != NULL)
		textbuf_puts(out, conf->workers_set_by);
	else if (node == NULL)
		textbuf_puts(out, "default");
	else
		textbuf_printf(out, "%s:%u", node->file, node->line);
}

struct pack {
	Holdfast__Settings message;
	Holdfast__Setting **list; /* owned, with what is in it */
	size_t cap;
	int rc;
};

static void
on_pair(const char *name, const char *text, void *arg)
{
	struct pack *pack = arg;
	Holdfast__Setting *setting;

	if (pack->rc != 0)
		return;
	if (pack->message.n_setting == pack->cap) {
		size_t cap = pack->cap == 0 ? 64 : pack->cap * 2;
		void *grown = reallocarray(pack->list, cap,
		    sizeof(pack->list[0]));

		if (grown == NULL) {
			pack->rc = -ENOMEM;
			return;
		}
		pack->list = grown;
		pack->cap = cap;
	}
	setting = calloc(1, sizeof(*setting));
	if (setting == NULL) {
		pack->rc = -ENOMEM;
		return;
	}
	holdfast__setting__init(setting);
	setting->name = strdup(name);
	setting->value = strdup(text);
	pack->list[pack->message.n_setting++] = setting;
	if (setting->name == NULL || setting->value == NULL)
		pack->rc = -ENOMEM;
}

static int
write_sealed(const uint8_t *bytes, size_t len, int *out_fd)
{
	int fd = memfd_create("holdfast-settings",
	    MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int rc;

	if (fd == -1)
		return -errno;
	rc = fd_write_all(fd, bytes, len);
	if (rc == 0 &&
	    fcntl(fd, F_ADD_SEALS,
		F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == -1)
		rc = -errno;
	if (rc != 0) {
		fd_close(&fd);
		return rc;
	}
	*out_fd = fd;
	return 0;
}

int
node_conf_pack(const struct node_conf *conf, uint32_t program, int *out_fd)
{
	struct pack pack = { .message = HOLDFAST__SETTINGS__INIT };
	uint8_t *bytes = NULL;
	size_t i, len;

	conf_table_each(settings_table(), &conf->settings, program, on_pair,
	    &pack);
	pack.message.setting = pack.list;
	pack.message.has_generation = 1;
	pack.message.generation = conf->generation;
	if (pack.rc == 0) {
		len = holdfast__settings__get_packed_size(&pack.message);
		bytes = malloc(len + 1);
		if (bytes == NULL)
			pack.rc = -ENOMEM;
	}
	if (pack.rc == 0) {
		holdfast__settings__pack(&pack.message, bytes);
		pack.rc = write_sealed(bytes, len, out_fd);
	}
	free(bytes);
	for (i = 0; i < pack.message.n_setting; i++) {
		free(pack.list[i]->name);
		free(pack.list[i]->value);
		free(pack.list[i]);
	}
	free(pack.list);
	return pack.rc;
}
