/* SPDX-License-Identifier: ISC */
/*
 * Links to Redis, see backplane.h.
 */
#include "worker/relay/backplane.h"

#include <errno.h>
#include <string.h>

#include "lib/log.h"
#include "proto/redis_conf.h"
#include "worker/relay/pushes.h"
#include "worker/relay/relay.h"

#define MAX_PENDING 16384u /* replies owed */
#define MAX_WORDS   24
#define SLOW_PARTS  8u /* of redis.command_timeout */

/* What is no news would be the same again and again. */
static void
tell(struct relay *relay, struct redis_link *link, const char *name, bool is_up,
    const char *why)
{
	if (is_up) {
		counter_add(relay_counters(relay), COUNTER_REDIS_CONNECTS, 1);
		log_notice("redis_up", NULL, log_text("link", name),
		    log_text("address", redis_link_address(link)));
		return;
	}
	counter_add(relay_counters(relay), COUNTER_REDIS_FAILURES, 1);
	if (redis_link_is_news(link))
		log_warn("redis_down", why, log_text("link", name),
		    log_text("address", redis_link_address(link)));
	else
		log_debug("redis_down", why, log_text("link", name),
		    log_text("address", redis_link_address(link)));
}

static void
on_commands(bool is_up, const char *why, void *arg)
{
	struct backplane *backplane = arg;
	struct relay *relay = backplane->relay;

	tell(relay, backplane->commands, "commands", is_up, why);
	atomic_store(&relay->worker->slot->redis.commands_up, is_up);
	inbox_link(&relay->inbox, is_up);
	routes_link(&relay->routes, is_up);
	for (int path = 0; is_up && path < SLOT_PATH_MAX; path++)
		canary_linked(&relay->canary, (enum slot_path)path);
}

static void
on_pushes(bool is_up, const char *why, void *arg)
{
	struct backplane *backplane = arg;
	struct relay *relay = backplane->relay;

	changeover_pushes_link(&relay->changeover, is_up);
	if (changeover_is_beside(&relay->changeover))
		return; /* another relay's are told of */
	tell(relay, backplane->pushes, "pushes", is_up, why);
	atomic_store(&relay->worker->slot->redis.pushes_up, is_up);
	if (!is_up)
		return;
	routes_heard(&relay->routes);
	canary_linked(&relay->canary, SLOT_PATH_CHANNEL);
}

static void
on_streams(bool is_up, const char *why, void *arg)
{
	struct backplane *backplane = arg;

	tell(backplane->relay, backplane->streams, "streams", is_up, why);
	inbox_streams_link(&backplane->relay->inbox, is_up);
	if (is_up)
		canary_linked(&backplane->relay->canary, SLOT_PATH_INBOX);
}

static void
on_ingress(bool is_up, const char *why, void *arg)
{
	struct backplane *backplane = arg;

	tell(backplane->relay, backplane->ingress, "ingress", is_up, why);
	ingress_link(&backplane->relay->ingress, is_up);
}

static void
on_push(const char *bytes, size_t len, void *arg)
{
	const struct backplane *backplane = arg;

	pushes_take(backplane->relay, bytes, len);
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	const struct backplane *backplane = arg;

	(void)fd;
	(void)what;
	shards_wake(&backplane->relay->shards);
}

static struct redis_link_conf
link_conf(struct backplane *backplane)
{
	struct redis_link_conf conf = redis_conf_of(
	    &backplane->relay->worker->settings.redis);

	conf.url = backplane->url;
	conf.max_pending = MAX_PENDING;
	conf.arg = backplane;
	return conf;
}

struct redis_link *
backplane_new_link(struct backplane *backplane, redis_link_state_cb *on_state,
    void *arg)
{
	struct redis_link_conf conf = link_conf(backplane);

	conf.on_state = on_state;
	conf.arg = arg;
	return redis_link_new(backplane->relay->worker->base, &conf);
}

static struct redis_link *
new_pushes(struct backplane *backplane)
{
	struct redis_link_conf conf = link_conf(backplane);

	conf.on_state = on_pushes;
	conf.on_push = on_push;
	conf.channel = backplane->channel;
	return redis_link_new(backplane->relay->worker->base, &conf);
}

static int
start_links(struct backplane *backplane)
{
	bool has_pushes = backplane->pushes != NULL;

	backplane->commands = backplane_new_link(backplane, on_commands,
	    backplane);
	backplane->streams = backplane_new_link(backplane, on_streams,
	    backplane);
	backplane->ingress = backplane_new_link(backplane, on_ingress,
	    backplane);
	if (!has_pushes)
		backplane->pushes = new_pushes(backplane);
	backplane->wake = evtimer_new(backplane->relay->worker->base, on_wake,
	    backplane);
	if (backplane->commands == NULL || backplane->pushes == NULL ||
	    backplane->streams == NULL || backplane->ingress == NULL ||
	    backplane->wake == NULL)
		return -ENOMEM;
	redis_link_start(backplane->commands);
	redis_link_start(backplane->streams);
	if (!has_pushes)
		redis_link_start(backplane->pushes);
	return 0;
}

static int
prepare(struct backplane *backplane, struct relay *relay)
{
	const struct settings *settings = &relay->worker->settings;
	const char *problem;

	memset(backplane, 0, sizeof(*backplane));
	backplane->relay = relay;
	if (settings->redis.url[0] == '\0')
		return -ENOENT;
	if (redis_url_parse(settings->redis.url, &backplane->url, &problem) !=
	    0)
		return -EINVAL;
	redis_names_channel(&settings->redis, settings->node.id,
	    backplane->channel);
	return 0;
}

int
backplane_stand_by(struct backplane *backplane, struct relay *relay)
{
	int rc = prepare(backplane, relay);

	if (rc != 0)
		return rc;
	backplane->pushes = new_pushes(backplane);
	if (backplane->pushes == NULL)
		return -ENOMEM;
	redis_link_start(backplane->pushes);
	return 0;
}

int
backplane_start(struct backplane *backplane, struct relay *relay)
{
	struct slot_redis *shown = &relay->worker->slot->redis;
	int rc = backplane->pushes != NULL ? 0 : prepare(backplane, relay);

	atomic_store(&shown->commands_up, 0u);
	atomic_store(&shown->pushes_up, 0u);
	atomic_store(&shown->routes, (uint32_t)SLOT_ROUTES_AWAY);
	atomic_store(&shown->routes_done, UINT64_C(0));
	if (rc != 0)
		return rc == -ENOENT ? 0 : rc;
	return start_links(backplane);
}

void
backplane_serve(struct backplane *backplane)
{
	if (backplane_hears(backplane))
		on_pushes(true, NULL, backplane);
}

static int
command(struct redis_link *link, redis_link_cb *cb, void *arg,
    const char *const *words)
{
	size_t lens[MAX_WORDS];
	int count;

	if (link == NULL)
		return -ENOTCONN;
	for (count = 0; words[count] != NULL; count++) {
		if (count == MAX_WORDS)
			return -EINVAL;
		lens[count] = strlen(words[count]);
	}
	return redis_link_command(link, cb, arg, count, words, lens);
}

int
backplane_command(struct backplane *backplane, redis_link_cb *cb, void *arg,
    const char *const *words)
{
	return command(backplane->commands, cb, arg, words);
}

int
backplane_stream_command(struct backplane *backplane, redis_link_cb *cb,
    void *arg, const char *const *words)
{
	return command(backplane->streams, cb, arg, words);
}

void
backplane_ingress_start(struct backplane *backplane)
{
	if (backplane->ingress != NULL && !backplane->ingress_started)
		redis_link_start(backplane->ingress);
	backplane->ingress_started = true;
}

int
backplane_ingress_command(struct backplane *backplane, redis_link_cb *cb,
    void *arg, int argc, const char *const *argv, const size_t *lens)
{
	if (backplane->ingress == NULL)
		return -ENOTCONN;
	return redis_link_command(backplane->ingress, cb, arg, argc, argv,
	    lens);
}

static bool
is_ready(const struct redis_link *link)
{
	return link != NULL && redis_link_state(link) == REDIS_LINK_READY;
}

bool
backplane_hears(const struct backplane *backplane)
{
	return is_ready(backplane->pushes);
}

/* What hears. */
static struct redis_link *
ear(const struct backplane *backplane, enum slot_path path)
{
	return path == SLOT_PATH_CHANNEL ? backplane->pushes :
					   backplane->streams;
}

bool
backplane_path_is_up(const struct backplane *backplane, enum slot_path path)
{
	return is_ready(backplane->commands) && is_ready(ear(backplane, path));
}

void
backplane_renew(struct backplane *backplane, enum slot_path path)
{
	static const char why[] = "nothing is heard by it";
	struct redis_link *link = ear(backplane, path);

	/* One that is on its way already asks where the master is. */
	if (is_ready(link))
		redis_link_renew(link, why);
	if (is_ready(backplane->commands))
		redis_link_renew(backplane->commands, why);
}

void
backplane_tell(struct backplane *backplane, const char *const *words)
{
	int rc = backplane_command(backplane, NULL, NULL, words);

	if (rc == 0)
		return;
	counter_add(relay_counters(backplane->relay), COUNTER_REDIS_UNTOLD, 1);
	log_debug("redis_not_told", NULL, log_text("command", words[0]),
	    log_errno(rc));
}

void
backplane_tick(struct backplane *backplane)
{
	uint64_t errors;

	if (!backplane_is_on(backplane))
		return;
	errors = redis_link_errors(backplane->commands) +
	    redis_link_errors(backplane->pushes) +
	    redis_link_errors(backplane->streams) +
	    redis_link_errors(backplane->ingress);
	counter_add(relay_counters(backplane->relay), COUNTER_REDIS_ERRORS,
	    errors - backplane->errors);
	backplane->errors = errors;
}

bool
backplane_has_room(const struct backplane *backplane, uint32_t commands)
{
	return backplane->commands != NULL &&
	    redis_link_pending(backplane->commands) + commands <= MAX_PENDING;
}

bool
backplane_is_slow(const struct backplane *backplane)
{
	const struct settings_redis *set =
	    &backplane->relay->worker->settings.redis;

	return backplane->commands != NULL &&
	    redis_link_owed_ms(backplane->commands) >
	    set->command_timeout_ms / SLOW_PARTS;
}

void
backplane_wake_later(struct backplane *backplane)
{
	event_active(backplane->wake, EV_TIMEOUT, 0);
}

static void
set_timeouts(struct redis_link *link, const struct settings_redis *set)
{
	redis_link_set_timeouts(link, (uint32_t)set->connect_timeout_ms,
	    (uint32_t)set->command_timeout_ms, (uint32_t)set->ping_interval_ms);
}

void
backplane_apply_settings(struct backplane *backplane)
{
	const struct settings_redis *set =
	    &backplane->relay->worker->settings.redis;

	if (!backplane_is_on(backplane))
		return;
	set_timeouts(backplane->commands, set);
	set_timeouts(backplane->pushes, set);
	set_timeouts(backplane->streams, set);
	set_timeouts(backplane->ingress, set);
}
