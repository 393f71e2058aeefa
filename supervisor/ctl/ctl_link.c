/* SPDX-License-Identifier: ISC */
/*
 * Lines over a Unix socket (see ctl_link.h).
 */
#include "supervisor/ctl/ctl_link.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fd.h"

#define READ_SIZE 65536u
/* The longest answer is a list of 10,000 clients. */
#define LINE_MAX_SIZE (64u * 1024 * 1024)

void
ctl_link_init(struct ctl_link *link)
{
	memset(link, 0, sizeof(*link));
	link->fd = -1;
}

void
ctl_link_close(struct ctl_link *link)
{
	if (link->fd != -1)
		fd_close(&link->fd);
	free(link->data);
	ctl_link_init(link);
}

int
ctl_link_open(struct ctl_link *link, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int rc;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	link->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (link->fd == -1)
		return -errno;
	if (connect(link->fd, (struct sockaddr *)&address, sizeof(address)) ==
	    -1) {
		rc = -errno;
		fd_close(&link->fd);
		return rc;
	}
	return 0;
}

static int
wait_for(const struct ctl_link *link, short what, uint64_t until_ms)
{
	struct pollfd poller = { .fd = link->fd, .events = what };
	uint64_t now = clock_mono_ms();
	uint64_t left = until_ms > now ? until_ms - now : 0;
	int n;

	if (until_ms == CTL_LINK_FOREVER)
		n = poll(&poller, 1, -1);
	else
		n = poll(&poller, 1, left > INT_MAX ? INT_MAX : (int)left);
	if (n == -1)
		return -errno;
	return n == 0 ? -ETIMEDOUT : 0;
}

static int
send_all(const struct ctl_link *link, const char *bytes, size_t len,
    uint64_t until_ms)
{
	while (len > 0) {
		ssize_t n = send(link->fd, bytes, len,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		int rc;

		if (n == -1 && errno != EAGAIN && errno != EINTR)
			return errno == ECONNRESET ? -EPIPE : -errno;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
			continue;
		}
		rc = wait_for(link, POLLOUT, until_ms);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int
ctl_link_send(struct ctl_link *link, const json_t *request, uint64_t until_ms)
{
	char *text = request == NULL ? NULL : json_dumps(request, JSON_COMPACT);
	int rc;

	if (text == NULL)
		return -ENOMEM;
	rc = send_all(link, text, strlen(text), until_ms);
	if (rc == 0)
		rc = send_all(link, "\n", 1, until_ms);
	free(text);
	return rc;
}

static int
read_more(struct ctl_link *link)
{
	size_t cap = link->cap * 2 > link->len + READ_SIZE ?
	    link->cap * 2 :
	    link->len + READ_SIZE;
	ssize_t n;

	if (link->len >= LINE_MAX_SIZE)
		return -EPROTO;
	if (link->cap - link->len < READ_SIZE / 2) {
		char *data = realloc(link->data, cap);

		if (data == NULL)
			return -ENOMEM;
		link->data = data;
		link->cap = cap;
	}
	n = recv(link->fd, link->data + link->len, link->cap - link->len,
	    MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return n == 0 || errno == ECONNRESET ? -EPIPE : -errno;
	link->len += (size_t)n;
	return 0;
}

static int
take_line(struct ctl_link *link, size_t len, json_t **out)
{
	json_t *value = json_loadb(link->data, len, 0, NULL);

	link->len -= len + 1;
	memmove(link->data, link->data + len + 1, link->len);
	if (!json_is_object(value)) {
		json_decref(value);
		return -EPROTO;
	}
	*out = value;
	return 0;
}

int
ctl_link_read(struct ctl_link *link, uint64_t until_ms, json_t **out)
{
	size_t looked = 0;
	int rc;

	if (link->fd == -1)
		return -EPIPE;
	for (;;) {
		char *end = link->len > looked ?
		    memchr(link->data + looked, '\n', link->len - looked) :
		    NULL;

		if (end != NULL)
			return take_line(link, (size_t)(end - link->data), out);
		looked = link->len;
		rc = wait_for(link, POLLIN, until_ms);
		if (rc == 0)
			rc = read_more(link);
		if (rc != 0)
			return rc;
	}
}
