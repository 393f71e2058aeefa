/* SPDX-License-Identifier: ISC */
/*
 * Probes of peer ports (see peer_probe.h).
 */
#include "supervisor/fleet/peer_probe.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/listener_address.h"

struct peer_probe {
	int fd;		     /* owned */
	struct event *event; /* owned */
	bool is_connected;
	int failed; /* errno of a connect() that failed at once */
	uint64_t timeout_ms;
	peer_probe_cb *cb;
	void *arg;
	size_t len;
	char bytes[PEER_LINE_MAX];
};

void
peer_probe_cancel(struct peer_probe *probe)
{
	if (probe == NULL)
		return;
	if (probe->event != NULL)
		event_free(probe->event);
	if (probe->fd != -1)
		(void)close(probe->fd);
	free(probe);
}

static void
end(struct peer_probe *probe, enum peer_probe_result result,
    const struct peer_line *line)
{
	peer_probe_cb *cb = probe->cb;
	void *arg = probe->arg;

	peer_probe_cancel(probe);
	cb(result, line, arg);
}

static enum peer_probe_result
result_of(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ECONNRESET:
		return PEER_PROBE_REFUSED;
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
		return PEER_PROBE_SILENT;
	default:
		return PEER_PROBE_ERROR;
	}
}

static void on_ready(evutil_socket_t fd, short what, void *arg);

/* The deadline is for each of the two waits: connected, answered. */
static int
wait_for(struct peer_probe *probe, short what)
{
	struct timeval tv = { .tv_sec = (time_t)(probe->timeout_ms / 1000),
		.tv_usec = (suseconds_t)(probe->timeout_ms % 1000 * 1000) };

	if (event_assign(probe->event, event_get_base(probe->event), probe->fd,
		what, on_ready, probe) != 0)
		return -EINVAL;
	return event_add(probe->event, &tv) == 0 ? 0 : -ENOMEM;
}

static void
on_connected(struct peer_probe *probe)
{
	int error = 0;
	socklen_t len = sizeof(error);

	(void)getsockopt(probe->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error != 0) {
		end(probe, result_of(error), NULL);
		return;
	}
	probe->is_connected = true;
	if (wait_for(probe, EV_READ) != 0)
		end(probe, PEER_PROBE_ERROR, NULL);
}

static void
on_readable(struct peer_probe *probe)
{
	ssize_t n = recv(probe->fd, probe->bytes + probe->len,
	    sizeof(probe->bytes) - probe->len, 0);
	struct peer_line line;
	int rc;

	if (n <= 0) {
		end(probe, n == 0 ? PEER_PROBE_ERROR : result_of(errno), NULL);
		return;
	}
	probe->len += (size_t)n;
	rc = peer_line_parse(probe->bytes, probe->len, &line);
	if (rc == 0)
		end(probe, PEER_PROBE_ANSWERED, &line);
	else if (rc != -EAGAIN || wait_for(probe, EV_READ) != 0)
		end(probe, PEER_PROBE_ERROR, NULL);
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct peer_probe *probe = arg;

	(void)fd;
	if (probe->failed != 0) {
		end(probe, result_of(probe->failed), NULL);
		return;
	}
	/* One that accepts and says nothing hangs: it does not live. */
	if (what & EV_TIMEOUT)
		end(probe, PEER_PROBE_SILENT, NULL);
	else if (!probe->is_connected)
		on_connected(probe);
	else
		on_readable(probe);
}

static int
begin(struct peer_probe *probe, struct event_base *base, const char *address,
    uint16_t port)
{
	struct sockaddr_storage where;
	socklen_t len;
	int rc = listener_address_parse(address, port, &where, &len);

	if (rc != 0)
		return rc;
	probe->fd = socket(where.ss_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (probe->fd == -1)
		return -errno;
	probe->event = event_new(base, probe->fd, EV_WRITE, on_ready, probe);
	if (probe->event == NULL)
		return -ENOMEM;
	if (connect(probe->fd, (struct sockaddr *)&where, len) == -1 &&
	    errno != EINPROGRESS) {
		/* The loop tells it, as it tells everything else. */
		probe->failed = errno;
		probe->timeout_ms = 1;
	}
	return wait_for(probe, EV_WRITE);
}

int
peer_probe_start(struct event_base *base, const char *address, uint16_t port,
    uint64_t timeout_ms, peer_probe_cb *cb, void *arg, struct peer_probe **out)
{
	struct peer_probe *probe = calloc(1, sizeof(*probe));
	int rc;

	if (probe == NULL)
		return -ENOMEM;
	probe->fd = -1;
	probe->timeout_ms = timeout_ms;
	probe->cb = cb;
	probe->arg = arg;
	rc = begin(probe, base, address, port);
	if (rc != 0) {
		peer_probe_cancel(probe);
		return rc;
	}
	*out = probe;
	return 0;
}

const char *
peer_probe_result_name(enum peer_probe_result result)
{
	static const char *const names[PEER_PROBE_RESULT_MAX] = {
		[PEER_PROBE_ANSWERED] = "answered",
		[PEER_PROBE_REFUSED] = "refused",
		[PEER_PROBE_SILENT] = "silent",
		[PEER_PROBE_ERROR] = "error",
	};

	return (unsigned)result < PEER_PROBE_RESULT_MAX ? names[result] :
							  "unknown";
}
