/* SPDX-License-Identifier: ISC */
/*
 * What a supervisor proves before it may take over (see successor.h).  There
 * is nothing else to do meanwhile, so this waits without an event loop.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "supervisor/supervisor.h"
#include "supervisor/upgrade/upgrade_fault.h"

#define OFFER_MS 5000
#define GO_MS	 30000
#define PROBE	 "upgrade.probe"
/* More than the files that a supervisor keeps there. */
#define PROBE_BYTES (64u * 1024)

/* 1: one message; 0: the other one has ended; -errno. */
static int
await(struct channel *channel, enum message_kind kind, int timeout_ms,
    struct message *out)
{
	struct pollfd ready = { .fd = channel->fd, .events = POLLIN };
	uint64_t until = clock_mono_ms() + (uint64_t)timeout_ms;
	uint64_t now;
	int rc;

	for (;;) {
		rc = channel_recv(channel, out);
		if (rc == 1 && out->kind == kind)
			return 1;
		if (rc == 1) {
			message_clear(out);
			return -EPROTO;
		}
		if (rc < 0)
			return rc == -EPROTO ? rc : 0;
		now = clock_mono_ms();
		if (now >= until)
			return -ETIMEDOUT;
		(void)poll(&ready, 1, (int)(until - now));
	}
}

static void
refuse(struct channel *channel, const char *error, const char *text)
{
	Holdfast__UpgradeFailed body = HOLDFAST__UPGRADE_FAILED__INIT;
	char word[32], words[UPGRADE_REASON_SIZE];

	snprintf(word, sizeof(word), "%s", error);
	snprintf(words, sizeof(words), "%s", text);
	body.error = word;
	body.text = words;
	if (channel->fd != -1)
		(void)channel_send(channel, MSG_UPGRADE_FAILED, &body.base,
		    NULL, 0);
}

void
successor_refuse(struct supervisor *sup, const char *error, const char *text)
{
	refuse(&sup->successor.link.channel, error, text);
}

void
successor_refuse_fd(int fd, const char *error, const char *text)
{
	struct channel channel;
	struct message message;

	channel_init(&channel, fd, PEER_INCOMING, PEER_OUTGOING);
	/* To leave the offer unread would end the channel with ECONNRESET,
	 * which the other one gets before what we say. */
	if (await(&channel, MSG_UPGRADE_OFFER, OFFER_MS, &message) == 1)
		message_clear(&message);
	refuse(&channel, error, text);
	channel_clear(&channel);
}

/* The list of slots and the pid file will have to be written there. */
static int
probe_run_dir(struct supervisor *sup)
{
	static const char zeros[4096];
	const char *dir = sup->conf.settings.node.run_dir;
	char path[512];
	size_t done;
	int fd, rc = 0;

	if (snprintf(path, sizeof(path), "%s/%s", dir, PROBE) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
	    0600);
	if (fd == -1)
		return -errno;
	for (done = 0; rc == 0 && done < PROBE_BYTES; done += sizeof(zeros))
		rc = fd_write_all(fd, zeros, sizeof(zeros));
	fd_close(&fd);
	(void)unlink(path);
	return rc;
}

struct verdict {
	const char *error;
	char text[UPGRADE_REASON_SIZE];
};

#define REFUSE(verdict, word, ...)                                             \
	do {                                                                   \
		(verdict)->error = (word);                                     \
		snprintf((verdict)->text, sizeof((verdict)->text),             \
		    __VA_ARGS__);                                              \
		return -EPERM;                                                 \
	} while (0)

static int
judge(struct supervisor *sup, const Holdfast__UpgradeOffer *offer,
    uint64_t *out_nofile, struct verdict *verdict)
{
	const char *missing, *user = sup->conf.settings.node.user;
	struct slot_user found;
	int rc;

	if (offer->protocol != MESSAGE_PROTOCOL)
		REFUSE(verdict, "protocol",
		    "the running one speaks version %u of the protocol, this "
		    "one %u",
		    offer->protocol, MESSAGE_PROTOCOL);
	if (!table_layout_meets(offer->layout, offer->known, offer->n_known))
		REFUSE(verdict, "layout",
		    "the running one has layout %u of the tables, this one %u, "
		    "and neither knows the other's",
		    offer->layout, SLOT_LAYOUT);
	rc = worker_programs_open(&sup->programs, sup->program_dir, &missing);
	if (rc != 0)
		REFUSE(verdict, "program_missing", "%s: %s", missing,
		    strerror(-rc));
	rc = slot_user_find(user, &found);
	if (rc != 0)
		REFUSE(verdict, "user_unknown", "node.user %s: %s", user,
		    strerror(-rc));
	rc = fd_raise_nofile(out_nofile);
	if (rc == 0 && *out_nofile < offer->nofile)
		REFUSE(verdict, "nofile",
		    "its limit of open files is %llu, that of the running one "
		    "%llu",
		    (unsigned long long)*out_nofile,
		    (unsigned long long)offer->nofile);
	rc = probe_run_dir(sup);
	if (rc != 0)
		REFUSE(verdict, "run_dir", "node.run_dir %s: %s",
		    sup->conf.settings.node.run_dir, strerror(-rc));
	return 0;
}

static int
send_ready(struct channel *channel, uint64_t nofile)
{
	Holdfast__UpgradeReady ready = HOLDFAST__UPGRADE_READY__INIT;
	char build[] = HOLDFAST_VERSION;

	ready.protocol = MESSAGE_PROTOCOL;
	ready.layout = SLOT_LAYOUT;
	ready.build = build;
	ready.nofile = nofile;
	return channel_send(channel, MSG_UPGRADE_READY, &ready.base, NULL, 0);
}

static void
take_old(struct supervisor *sup, struct message *message)
{
	const Holdfast__UpgradeGo *go =
	    (const Holdfast__UpgradeGo *)message->body;
	struct worker_programs *old = &sup->successor.old;

	if (worker_program_adopt(&old->gateway, go->gateway, message->fds[0]) !=
		0 ||
	    worker_program_adopt(&old->relay, go->relay, message->fds[1]) != 0)
		worker_programs_close(old);
	message->fds[0] = message->fds[1] = -1;
}

static void
on_message(struct message *message, void *arg)
{
	/* It has said all it may say. */
	(void)message;
	(void)arg;
}

static void
on_broken(int rc, void *arg)
{
	struct supervisor *sup = arg;

	if (sup->successor.state == SUCCESSOR_NONE)
		return;
	log_warn("old_supervisor_gone", "this one carries on",
	    log_text("phase", successor_state_name(sup->successor.state)),
	    log_errno(rc));
}

int
successor_prepare(struct supervisor *sup, int fd)
{
	struct successor *successor = &sup->successor;
	struct channel channel;
	struct message message;
	struct verdict verdict = { .error = NULL };
	uint64_t nofile = 0;
	int rc;

	successor->started_ms = clock_mono_ms();
	channel_init(&channel, fd, PEER_INCOMING, PEER_OUTGOING);
	rc = await(&channel, MSG_UPGRADE_OFFER, OFFER_MS, &message);
	if (rc == 1) {
		const Holdfast__UpgradeOffer *offer =
		    (const Holdfast__UpgradeOffer *)message.body;

		sup->upgrade.results[UPGRADE_DONE] = offer->upgrades_done;
		sup->upgrade.results[UPGRADE_REFUSED] = offer->upgrades_refused;
		sup->upgrade.results[UPGRADE_ROLLED_BACK] =
		    offer->upgrades_failed;
		rc = judge(sup, offer, &nofile, &verdict);
		message_clear(&message);
		if (rc != 0)
			refuse(&channel, verdict.error, verdict.text);
	} else if (rc == 0) {
		rc = -ECONNRESET;
	}
	/* A dead one does not read it; then nobody says go, either. */
	if (rc == 0)
		(void)send_ready(&channel, nofile);
	upgrade_fault("new", "ready");
	if (rc == 0)
		rc = await(&channel, MSG_UPGRADE_GO, GO_MS, &message);
	if (rc < 0) {
		log_error("upgrade_not_taken", "ending", log_errno(rc),
		    log_text("reason", verdict.text));
		channel_clear(&channel);
		return rc;
	}
	successor->state = SUCCESSOR_STARTING;
	upgrade_fault("new", "starting");
	if (rc == 0) {
		/* It died, and what it had is there for whoever is first. */
		log_warn("old_supervisor_gone", "this one carries on");
		channel_clear(&channel);
		return 0;
	}
	take_old(sup, &message);
	message_clear(&message);
	fd = fcntl(channel.fd, F_DUPFD_CLOEXEC, 3);
	channel_clear(&channel);
	successor->link.on_message = on_message;
	successor->link.on_broken = on_broken;
	successor->link.arg = sup;
	return fd == -1 ?
	    -errno :
	    upgrade_link_open(&successor->link, sup->base, fd, PEER_INCOMING);
}
