/* SPDX-License-Identifier: ISC */
/*
 * Opens and adopts listen sockets (see listener.h).
 */
#include "supervisor/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/parse.h"

#define LISTEN_FDS_START 3
#define ADMIN_BACKLOG	 64
#define API_BACKLOG	 1024

/* What the service manager gave us and nobody has claimed yet. */
struct inherited {
	int first;
	int count;
	bool taken[64];
	char name[64][16]; /* from LISTEN_FDNAMES, or empty */
};

int
listener_address_parse(const char *text, uint16_t port,
    struct sockaddr_storage *out, socklen_t *out_len)
{
	struct sockaddr_in *in = (struct sockaddr_in *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		*out_len = sizeof(*in);
		return 0;
	}
	if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		*out_len = sizeof(*in6);
		return 0;
	}
	return -EINVAL;
}

static uint16_t
port_of(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
	return ntohs(((const struct sockaddr_in *)address)->sin_port);
}

static bool
same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET6)
		return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
			   &((const struct sockaddr_in6 *)b)->sin6_addr,
			   sizeof(struct in6_addr)) == 0;
	return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
	    ((const struct sockaddr_in *)b)->sin_addr.s_addr;
}

static bool
same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	return same_host(a, b) && port_of(a) == port_of(b);
}

/* The environment is cleaned in every case: workers must not see it. */
static void
find_inherited(struct inherited *in)
{
	const char *pid_text = getenv("LISTEN_PID");
	const char *fds_text = getenv("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	uint64_t pid, fds;

	memset(in, 0, sizeof(*in));
	in->first = LISTEN_FDS_START;
	if (pid_text != NULL && fds_text != NULL &&
	    parse_u64(pid_text, 1, INT32_MAX, &pid) == 0 &&
	    (pid_t)pid == getpid() &&
	    parse_u64(fds_text, 1, sizeof(in->taken) / sizeof(in->taken[0]),
		&fds) == 0)
		in->count = (int)fds;
	for (int i = 0; i < in->count && names != NULL; i++) {
		size_t len = strcspn(names, ":");

		if (len < sizeof(in->name[i]))
			memcpy(in->name[i], names, len);
		names = names[len] == ':' ? names + len + 1 : NULL;
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	for (int i = 0; i < in->count; i++)
		(void)fd_set_cloexec(in->first + i, true);
}

static bool
is_listening_stream(int fd)
{
	int type = 0, listening = 0;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	    type == SOCK_STREAM &&
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 &&
	    listening;
}

static int
adopt(struct inherited *in, const struct sockaddr_storage *wanted,
    const char *name)
{
	for (int i = 0; i < in->count; i++) {
		struct sockaddr_storage have;
		socklen_t len = sizeof(have);
		int fd = in->first + i;

		if (in->taken[i] || !is_listening_stream(fd) ||
		    getsockname(fd, (struct sockaddr *)&have, &len) != 0 ||
		    !same_host(&have, wanted))
			continue;
		if (port_of(wanted) == 0 ? strcmp(in->name[i], name) != 0 :
					   port_of(&have) != port_of(wanted))
			continue;
		in->taken[i] = true;
		return fd;
	}
	return -1;
}

static void
close_unclaimed(const struct inherited *in)
{
	for (int i = 0; i < in->count; i++) {
		int fd = in->first + i;

		if (in->taken[i])
			continue;
		log_warn("listen_fd_unused",
		    "no address of the configuration matches it",
		    log_int("fd", fd));
		fd_close(&fd);
	}
}

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
listener_keep(const struct listener *listener, struct inherited *in)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	int copy;

	if (getsockname(listener->fd, (struct sockaddr *)&address, &len) == -1)
		return -errno;
	copy = adopt(in, &address, "");
	fd_close(&copy);
	return 0;
}

static int
listener_open(struct listener *listener, const char *text, uint32_t port,
    uint32_t backlog, const char *name, struct inherited *in)
{
	struct sockaddr_storage address;
	socklen_t len;
	int rc;

	if (listener->fd != -1)
		return listener_keep(listener, in);
	rc = listener_address_parse(text, (uint16_t)port, &address, &len);
	if (rc != 0)
		return rc;
	listener->fd = adopt(in, &address, name);
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
	listener->port = port_of(&address);
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
	struct inherited none = { .count = 0 };

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

static int
open_all(struct listener_set *set, const struct settings *settings,
    struct inherited *in, const char **out_address, uint32_t *out_port)
{
	bool used[SLOT_MAX_LISTENERS] = { false };
	uint32_t i, place;
	int rc;

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
	if (settings->api.enabled) {
		*out_address = settings->api.address;
		*out_port = settings->api.port;
		rc = listener_open(&set->api, settings->api.address,
		    settings->api.port, API_BACKLOG, LISTENER_NAME_API, in);
		if (rc != 0)
			return rc;
		listener_tell(&set->api, "api");
	}
	if (settings->admin.enabled) {
		*out_address = settings->admin.address;
		*out_port = settings->admin.port;
		rc = listener_open(&set->admin, settings->admin.address,
		    settings->admin.port, ADMIN_BACKLOG, LISTENER_NAME_ADMIN,
		    in);
		if (rc != 0)
			return rc;
		listener_tell(&set->admin, "admin");
	}
	return 0;
}

void
listener_set_init(struct listener_set *set)
{
	uint32_t i;

	memset(set, 0, sizeof(*set));
	for (i = 0; i < SLOT_MAX_LISTENERS; i++)
		set->clients[i].fd = -1;
	set->api.fd = set->admin.fd = -1;
}

int
listener_set_open(struct listener_set *set, const struct settings *settings,
    char *error, size_t size)
{
	struct inherited in;
	const char *address = "";
	uint32_t port = 0;
	int rc;

	find_inherited(&in);
	rc = open_all(set, settings, &in, &address, &port);
	close_unclaimed(&in);
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
	socklen_t len = sizeof(*have), wanted_len;

	if (fd == -1 || !is_listening_stream(fd) ||
	    getsockname(fd, (struct sockaddr *)have, &len) == -1)
		return false;
	if (port == 0)
		port = port_of(have);
	return listener_address_parse(text, (uint16_t)port, &wanted,
		   &wanted_len) == 0 &&
	    same_address(have, &wanted);
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
	listener->port = port_of(&have);
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

void
listener_set_adopt_api(struct listener_set *set,
    const struct settings *settings, int fd)
{
	if (settings->api.enabled)
		listener_adopt(&set->api, settings->api.address,
		    settings->api.port, fd);
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
	set->count = 0;
}
