/* SPDX-License-Identifier: ISC */
/*
 * Opens and adopts listen sockets (see listener.h).
 */
#include "supervisor/listener.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "supervisor/listener_address.h"
#include "supervisor/listener_inherit.h"

#define ADMIN_BACKLOG 64
#define API_BACKLOG   1024
#define LINE_BACKLOG  128

/* Set on the listener, inherited by what it accepts.  SO_OOBINLINE: urgent
 * data outside the stream would falsify the kernel's byte counts. */
static int
set_options(int fd)
{
	int on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)) == -1)
		return -errno;
	return fd_set_nonblock(fd, true);
}

static int
open_socket(const struct sockaddr_storage *address, socklen_t len,
    uint32_t backlog, int *out_fd)
{
	int fd, on = 1, rc = 0;

	fd = socket(address->ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd == -1)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    (address->ss_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) ==
		    -1) ||
	    bind(fd, (const struct sockaddr *)address, len) == -1 ||
	    listen(fd, (int)backlog) == -1)
		rc = -errno;
	if (rc != 0) {
		fd_close(&fd);
		return rc;
	}
	*out_fd = fd;
	return 0;
}

/* Already there, from before us; what the service manager keeps is a copy. */
static int
listener_keep(const struct listener *listener, struct listener_inherit *in)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	int copy;

	if (getsockname(listener->fd, (struct sockaddr *)&address, &len) == -1)
		return -errno;
	copy = listener_inherit_take(in, &address, "");
	fd_close(&copy);
	return 0;
}

static int
listener_open(struct listener *listener, const char *text, uint32_t port,
    uint32_t backlog, const char *name, struct listener_inherit *in)
{
	struct sockaddr_storage address;
	socklen_t len;
	int rc;

	if (listener->fd != -1)
		return listener_keep(listener, in);
	rc = listener_address_parse(text, (uint16_t)port, &address, &len);
	if (rc != 0)
		return rc;
	listener->fd = listener_inherit_take(in, &address, name);
	listener->adopted = listener->fd != -1;
	if (!listener->adopted)
		rc = open_socket(&address, len, backlog, &listener->fd);
	if (rc == 0)
		rc = set_options(listener->fd);
	len = sizeof(address);
	if (rc == 0 &&
	    getsockname(listener->fd, (struct sockaddr *)&address, &len) == -1)
		rc = -errno;
	if (rc != 0) {
		fd_close(&listener->fd);
		return rc;
	}
	snprintf(listener->address, sizeof(listener->address), "%s", text);
	listener->port = listener_address_port(&address);
	listener->asked_port = port;
	return 0;
}

static uint32_t
read_somaxconn(void)
{
	char text[32];
	uint64_t value;
	size_t len;

	if (fd_read_file("/proc/sys/net/core/somaxconn", text, sizeof(text),
		&len) != 0)
		return UINT32_MAX;
	text[strcspn(text, "\n")] = '\0';
	return parse_u64(text, 1, UINT32_MAX, &value) == 0 ? (uint32_t)value :
							     UINT32_MAX;
}

static uint32_t
capped_backlog(const struct settings_listen *listen)
{
	uint32_t most = read_somaxconn();

	if (listen->backlog <= most)
		return listen->backlog;
	log_warn("backlog_capped",
	    "raise net.core.somaxconn to have the configured backlog",
	    log_text("address", listen->address),
	    log_uint("port", listen->port),
	    log_uint("backlog", listen->backlog), log_uint("somaxconn", most));
	return most;
}

void
listener_tell(const struct listener *listener, const char *purpose)
{
	log_info("listening", NULL, log_text("address", listener->address),
	    log_uint("port", listener->port), log_text("for", purpose),
	    log_bool("adopted", listener->adopted));
}

int
listener_open_client(struct listener *listener,
    const struct settings_listen *listen)
{
	struct listener_inherit none = { .count = 0 };

	listener->asked_backlog = listen->backlog;
	return listener_open(listener, listen->address, listen->port,
	    capped_backlog(listen), LISTENER_NAME_CLIENTS, &none);
}

void
listener_set_backlog(struct listener *listener,
    const struct settings_listen *wanted)
{
	listener->asked_backlog = wanted->backlog;
	/* On a socket that listens it does no more than that. */
	if (listen(listener->fd, (int)capped_backlog(wanted)) == -1)
		log_warn("backlog_kept", NULL,
		    log_text("address", listener->address),
		    log_uint("port", listener->port), log_errno(errno));
}

/* The place that was taken over for this address, or the first that nobody has
 * had.  There is one: settings name fewer than there are places. */
static uint32_t
place_for(const struct listener_set *set, const struct settings_listen *listen,
    bool used[SLOT_MAX_LISTENERS])
{
	uint32_t p, place = SLOT_MAX_LISTENERS - 1;

	for (p = SLOT_MAX_LISTENERS; p-- > 0;) {
		const struct listener *have = &set->clients[p];

		if (have->fd == -1 && have->address[0] == '\0' && !used[p])
			place = p;
	}
	for (p = 0; p < SLOT_MAX_LISTENERS; p++) {
		const struct listener *have = &set->clients[p];

		if (have->fd != -1 && !used[p] &&
		    have->asked_port == listen->port &&
		    strcmp(have->address, listen->address) == 0) {
			place = p;
			break;
		}
	}
	used[place] = true;
	return place;
}

struct single {
	struct listener *listener;
	bool is_wanted;
	const char *address;
	uint32_t port;
	uint32_t backlog;
	const char *name;
};

static struct single
single_of(struct listener_set *set, const struct settings *settings,
    enum listener_single which)
{
	const struct settings_fleet *fleet = &settings->fleet;
	const struct single all[LISTENER_SINGLES] = {
		[LISTENER_API] = { &set->api, settings->api.enabled,
		    settings->api.address, settings->api.port, API_BACKLOG,
		    LISTENER_NAME_API },
		[LISTENER_ADMIN] = { &set->admin, settings->admin.enabled,
		    settings->admin.address, settings->admin.port,
		    ADMIN_BACKLOG, LISTENER_NAME_ADMIN },
		[LISTENER_AGENT] = { &set->agent, fleet->agent.enabled,
		    fleet->agent.address, fleet->agent.port, LINE_BACKLOG,
		    LISTENER_NAME_AGENT },
		[LISTENER_PEERS] = { &set->peers,
		    listener_set_wants_peers(settings), fleet->peer.address,
		    fleet->peer.port, LINE_BACKLOG, LISTENER_NAME_PEERS },
	};

	return all[which];
}

static int
open_all(struct listener_set *set, const struct settings *settings,
    struct listener_inherit *in, const char **out_address, uint32_t *out_port)
{
	bool used[SLOT_MAX_LISTENERS] = { false };
	uint32_t i, place;
	int rc = 0;

	for (i = 0; i < settings->listen_count; i++) {
		const struct settings_listen *listen = &settings->listen[i];

		*out_address = listen->address;
		*out_port = listen->port;
		place = place_for(set, listen, used);
		rc = listener_open(&set->clients[place], listen->address,
		    listen->port, capped_backlog(listen), LISTENER_NAME_CLIENTS,
		    in);
		if (rc != 0)
			return rc;
		set->clients[place].asked_backlog = listen->backlog;
		if (set->count < place + 1)
			set->count = place + 1;
		listener_tell(&set->clients[place], "clients");
	}
	for (i = 0; rc == 0 && i < LISTENER_SINGLES; i++) {
		const struct single one = single_of(set, settings, i);

		if (!one.is_wanted)
			continue;
		*out_address = one.address;
		*out_port = one.port;
		rc = listener_open(one.listener, one.address, one.port,
		    one.backlog, one.name, in);
		if (rc == 0)
			listener_tell(one.listener, one.name);
	}
	return rc;
}

void
listener_set_init(struct listener_set *set)
{
	uint32_t i;

	memset(set, 0, sizeof(*set));
	for (i = 0; i < SLOT_MAX_LISTENERS; i++)
		set->clients[i].fd = -1;
	set->api.fd = set->admin.fd = set->agent.fd = set->peers.fd = -1;
}

int
listener_set_open(struct listener_set *set, const struct settings *settings,
    char *error, size_t size)
{
	struct listener_inherit in;
	const char *address = "";
	uint32_t port = 0;
	int rc;

	listener_inherit_find(&in);
	rc = open_all(set, settings, &in, &address, &port);
	listener_inherit_close_rest(&in);
	if (rc != 0) {
		snprintf(error, size, "cannot listen on %s port %u: %s",
		    address, port, strerror(-rc));
		listener_set_close(set);
	}
	return rc;
}

/* A port of 0 stands for whatever the kernel had given. */
static bool
is_of_address(int fd, const char *text, uint32_t port,
    struct sockaddr_storage *have)
{
	struct sockaddr_storage wanted;
	socklen_t len;

	if (!listener_address_of(fd, have))
		return false;
	if (port == 0)
		port = listener_address_port(have);
	return listener_address_parse(text, (uint16_t)port, &wanted, &len) ==
	    0 &&
	    listener_address_same_host(have, &wanted) &&
	    listener_address_port(have) == port;
}

static void
listener_adopt(struct listener *listener, const char *text, uint32_t port,
    int fd)
{
	struct sockaddr_storage have;

	if (listener->fd != -1 || !is_of_address(fd, text, port, &have)) {
		fd_close(&fd);
		return;
	}
	listener->fd = fd;
	listener->asked_port = port;
	listener->adopted = true;
	listener->port = listener_address_port(&have);
	snprintf(listener->address, sizeof(listener->address), "%s", text);
}

void
listener_set_adopt(struct listener_set *set, const struct settings *settings,
    uint32_t place, int fd)
{
	struct listener *listener = &set->clients[place];
	struct sockaddr_storage have;
	uint32_t i;

	for (i = 0; i < settings->listen_count; i++) {
		const struct settings_listen *listen = &settings->listen[i];

		if (!is_of_address(fd, listen->address, listen->port, &have))
			continue;
		listener_adopt(listener, listen->address, listen->port, fd);
		if (set->count < place + 1)
			set->count = place + 1;
		return;
	}
	fd_close(&fd);
}

bool
listener_set_wants_peers(const struct settings *settings)
{
	return settings->redis.url[0] != '\0' &&
	    settings->fleet.peer.address[0] != '\0';
}

void
listener_set_adopt_single(struct listener_set *set,
    const struct settings *settings, enum listener_single which, int fd)
{
	const struct single one = single_of(set, settings, which);

	if (one.is_wanted)
		listener_adopt(one.listener, one.address, one.port, fd);
	else
		fd_close(&fd);
}

void
listener_set_close(struct listener_set *set)
{
	uint32_t i;

	for (i = 0; i < SLOT_MAX_LISTENERS; i++)
		fd_close(&set->clients[i].fd);
	fd_close(&set->api.fd);
	fd_close(&set->admin.fd);
	fd_close(&set->agent.fd);
	fd_close(&set->peers.fd);
	set->count = 0;
}
