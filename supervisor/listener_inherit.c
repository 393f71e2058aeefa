/* SPDX-License-Identifier: ISC */
/*
 * See listener_inherit.h.
 */
#include "supervisor/listener_inherit.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "supervisor/listener_address.h"

#define LISTEN_FDS_START 3

/* The environment is cleaned in every case: workers must not see it. */
void
listener_inherit_find(struct listener_inherit *in)
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

int
listener_inherit_take(struct listener_inherit *in,
    const struct sockaddr_storage *wanted, const char *name)
{
	uint16_t port = listener_address_port(wanted);

	for (int i = 0; i < in->count; i++) {
		struct sockaddr_storage have;
		int fd = in->first + i;

		if (in->taken[i] || !listener_address_of(fd, &have) ||
		    !listener_address_same_host(&have, wanted))
			continue;
		if (port == 0 ? strcmp(in->name[i], name) != 0 :
				listener_address_port(&have) != port)
			continue;
		in->taken[i] = true;
		return fd;
	}
	return -1;
}

void
listener_inherit_close_rest(const struct listener_inherit *in)
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
