/* SPDX-License-Identifier: ISC */
/*
 * The server on the control socket (see control.h).
 */
#include "supervisor/control/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "supervisor/control/control_client.h"
#include "supervisor/supervisor.h"

#define FLUSH_MS    200
#define SOCKET_NAME "control.sock"
#define BACKLOG	    16
#define IDLE_S	    60
#define WRITE_S	    10
/* Unread answers of one client, beyond which nothing more is done for it. */
#define OUTPUT_ENOUGH (256u * 1024)

/* No deadline for reading while a command runs: it may take its time. */
static void
set_idle_timeout(struct control_client *client, bool idle)
{
	struct timeval read = { .tv_sec = IDLE_S };
	struct timeval write = { .tv_sec = WRITE_S };

	bufferevent_set_timeouts(client->bev, idle ? &read : NULL, &write);
}

void
control_client_free(struct control_client *client)
{
	struct control *control = &client->call.sup->control;

	if (client->busy && client->call.cancel != NULL)
		client->call.cancel(&client->call);
	TAILQ_REMOVE(&control->clients, client, entry);
	control->count--;
	json_decref(client->request);
	bufferevent_free(client->bev);
	free(client);
}

static void
run_request(struct control_client *client, const char *line, size_t len)
{
	const struct control_command *command;
	struct control_call *call = &client->call;
	json_error_t error;
	const char *name;

	client->busy = true;
	client->request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	call->args = client->request;
	call->state = NULL;
	call->cancel = NULL;
	set_idle_timeout(client, false);
	name = control_arg_text(call, "command");
	if (name == NULL) {
		control_fail(call, "bad_request", CONTROL_EXIT_USAGE,
		    "not a JSON object with a command");
		return;
	}
	for (command = control_commands; command->name != NULL; command++) {
		if (strcmp(command->name, name) == 0) {
			command->run(call);
			return;
		}
	}
	control_fail(call, "unknown_command", CONTROL_EXIT_USAGE,
	    "there is no command of that name");
}

/* Takes lines for as long as commands end at once and answers are read:
 * whoever asks without reading waits for on_written(). */
static void
read_lines(struct control_client *client)
{
	struct evbuffer *input = bufferevent_get_input(client->bev);
	struct evbuffer *output = bufferevent_get_output(client->bev);

	while (!client->busy && !client->leaving &&
	    evbuffer_get_length(output) < OUTPUT_ENOUGH) {
		size_t len;
		char *line = evbuffer_readln(input, &len, EVBUFFER_EOL_LF);

		if (line == NULL)
			break;
		run_request(client, line, len);
		free(line);
	}
	if (!client->busy && !client->leaving &&
	    evbuffer_search_eol(input, NULL, NULL, EVBUFFER_EOL_LF).pos == -1 &&
	    evbuffer_get_length(input) > CONTROL_MAX_REQUEST) {
		client->busy = true;
		client->leaving = true;
		evbuffer_drain(input, evbuffer_get_length(input));
		control_fail(&client->call, "too_large", CONTROL_EXIT_USAGE,
		    "a request has at most %u bytes", CONTROL_MAX_REQUEST);
	}
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	read_lines(arg);
}

/* Output is empty: go on with what was asked meanwhile, or end. */
static void
on_written(struct bufferevent *bev, void *arg)
{
	struct control_client *client = arg;

	(void)bev;
	if (client->leaving && !client->busy) {
		control_client_free(client);
		return;
	}
	read_lines(client);
}

static void
on_client_event(struct bufferevent *bev, short what, void *arg)
{
	struct control_client *client = arg;

	(void)bev;
	if ((what & BEV_EVENT_TIMEOUT) && (what & BEV_EVENT_WRITING))
		log_warn("control_slow_reader", "it is disconnected",
		    log_int("client_pid", client->pid));
	/* Half-closed (`echo ... | nc -N`): the answer is still wanted. */
	if ((what & BEV_EVENT_EOF) && client->busy && !client->follows) {
		client->leaving = true;
		bufferevent_disable(client->bev, EV_READ);
		return;
	}
	control_client_free(client);
}

static bool
is_allowed(int fd, pid_t *out_pid)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == -1)
		return false;
	*out_pid = peer.pid;
	return peer.uid == 0 || peer.uid == geteuid();
}

struct control_client *
control_client_new(struct supervisor *sup, int fd, pid_t pid)
{
	struct control *control = &sup->control;
	struct control_client *client = calloc(1, sizeof(*client));

	if (client != NULL)
		client->bev = bufferevent_socket_new(sup->base, fd,
		    BEV_OPT_CLOSE_ON_FREE);
	if (client == NULL || client->bev == NULL) {
		free(client);
		close(fd);
		return NULL;
	}
	client->pid = pid;
	client->call.sup = sup;
	client->call.client = client;
	TAILQ_INSERT_TAIL(&control->clients, client, entry);
	control->count++;
	bufferevent_setcb(client->bev, on_read, on_written, on_client_event,
	    client);
	/* One byte more than allowed shows that a request is too long. */
	bufferevent_setwatermark(client->bev, EV_READ, 0,
	    CONTROL_MAX_REQUEST + 1);
	set_idle_timeout(client, true);
	bufferevent_enable(client->bev, EV_READ | EV_WRITE);
	return client;
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *address, int len, void *arg)
{
	struct supervisor *sup = arg;
	struct control *control = &sup->control;
	pid_t pid = 0;

	(void)listener;
	(void)address;
	(void)len;
	if (control->count >= CONTROL_MAX_CONNECTIONS ||
	    !is_allowed(fd, &pid)) {
		control->refused++;
		log_warn("control_refused", NULL, log_int("client_pid", pid),
		    log_uint("connections", control->count));
		close(fd);
		return;
	}
	(void)control_client_new(sup, fd, pid);
}

void
control_client_ended(struct control_client *client)
{
	client->busy = false;
	client->follows = client->waits = false;
	json_decref(client->request);
	client->request = NULL;
	client->call.args = NULL;
	client->call.cancel = NULL;
	set_idle_timeout(client, true);
}

static int
bind_socket(struct control *control, const struct run_dir *dir, int *out_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t old;
	int fd, rc;

	rc = run_dir_path(dir, SOCKET_NAME, address.sun_path,
	    sizeof(address.sun_path));
	if (rc != 0)
		return rc;
	snprintf(control->path, sizeof(control->path), "%s", address.sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -errno;
	/* We hold the directory's lock: a socket there is a dead one's. */
	(void)unlink(address.sun_path);
	old = umask(0177);
	rc = bind(fd, (struct sockaddr *)&address, sizeof(address)) == -1 ?
	    -errno :
	    0;
	umask(old);
	if (rc == 0 && listen(fd, BACKLOG) == -1)
		rc = -errno;
	if (rc != 0) {
		fd_close(&fd);
		return rc;
	}
	*out_fd = fd;
	return 0;
}

int
control_start(struct supervisor *sup)
{
	struct control *control = &sup->control;
	int fd, rc;

	rc = bind_socket(control, &sup->run_dir, &fd);
	if (rc != 0)
		return rc;
	control->listener = evconnlistener_new(sup->base, on_accept, sup,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (control->listener == NULL) {
		fd_close(&fd);
		return -ENOMEM;
	}
	return 0;
}

/* Who follows would look for a successor. */
static void
say_goodbye(struct supervisor *sup)
{
	struct control_client *client, *next;

	for (client = TAILQ_FIRST(&sup->control.clients); client != NULL;
	     client = next) {
		next = TAILQ_NEXT(client, entry);
		if (client->follows)
			control_fail(&client->call, "stopped",
			    CONTROL_EXIT_REFUSED, "holdfastd has stopped");
	}
	control_flush_all(sup, FLUSH_MS);
}

void
control_stop(struct supervisor *sup)
{
	struct control *control = &sup->control;

	if (control->listener != NULL) {
		(void)unlink(control->path);
		say_goodbye(sup);
	}
	control_let_go(sup, NULL);
}
