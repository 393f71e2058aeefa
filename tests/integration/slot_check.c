/* SPDX-License-Identifier: ISC */
/*
 * slot_check KEEPER-PID: walks table, index, arena, fds and epoll set of a
 * gateway's slot and says what does not fit together.
 *
 * The tenant is stopped between two steps, so that nothing moves.  What it
 * publishes once a tick may lag: such facts are looked at again.  A line
 * "bad: ..." for each finding, then one line of counts; exit code 1 if
 * anything was found.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "proto/arena.h"
#include "proto/table_index.h"
#include "tests/integration/common_slot.h"

#define TRIES	    400 /* to find the tenant at rest */
#define LOOKS	    40	/* before something is wrong for good */
#define KEPT_CHUNKS 8u	/* free chunks that keep their pages, see arena.h */
#define MAX_FD	    (1u << 20)

struct check {
	struct slot_view view;
	const struct slot_header *h;
	uint32_t high;
	uint8_t *unit;	  /* a byte per arena unit: in use */
	uint32_t *rec_of; /* by fd: record + 1 */
	uint64_t *epoll;  /* by fd: data, 0: not in the set */
	uint32_t *events;
	uint32_t live, open, indexed, blocks, chunks, sockets, entries;
	uint32_t bad;
	FILE *out;
};

static void __attribute__((format(printf, 2, 3)))
bad(struct check *c, const char *format, ...)
{
	va_list ap;

	c->bad++;
	fprintf(c->out, "bad: ");
	va_start(ap, format);
	vfprintf(c->out, format, ap);
	va_end(ap);
	fputc('\n', c->out);
}

/* ---- arena -------------------------------------------------------------- */

static void
check_block(struct check *c, uint32_t rec, const char *what, uint32_t ref,
    uint32_t cap)
{
	uint64_t first = (uint64_t)ref - 1;
	uint64_t count = (cap + ARENA_UNIT - 1) / ARENA_UNIT;

	if (ref == 0 || cap == 0 ||
	    (first + count) * ARENA_UNIT > c->view.arena_bytes) {
		bad(c, "record %u: %s block %u+%u is nowhere", rec, what, ref,
		    cap);
		return;
	}
	for (uint64_t i = first; i < first + count; i++) {
		if (c->unit[i]) {
			bad(c, "record %u: %s block %u+%u overlaps another",
			    rec, what, ref, cap);
			return;
		}
		c->unit[i] = 1;
	}
	c->blocks++;
}

static void
check_busy(struct check *c, uint32_t rec, const struct record_body *b)
{
	const struct record_busy *busy;
	uint64_t sent;

	if (b->busy == 0)
		return;
	check_block(c, rec, "busy", b->busy, sizeof(*busy));
	busy = (const void *)(c->view.arena +
	    (uint64_t)(b->busy - 1) * ARENA_UNIT);
	if (busy->in_ref != 0)
		check_block(c, rec, "input", busy->in_ref, busy->in_cap);
	if (busy->in_len > busy->in_cap)
		bad(c, "record %u: input of %u in %u", rec, busy->in_len,
		    busy->in_cap);
	if (busy->stash_len > RECORD_STASH)
		bad(c, "record %u: stash of %u", rec, busy->stash_len);
	if (busy->out_ref == 0)
		return;
	check_block(c, rec, "output", busy->out_ref, busy->out_cap);
	sent = b->given - busy->out_base;
	if (busy->out_len > busy->out_cap || sent > busy->out_len)
		bad(c, "record %u: output %" PRIu64 " of %u in %u", rec, sent,
		    busy->out_len, busy->out_cap);
	if (!(b->flags & RECORD_WANT_OUT))
		bad(c, "record %u: output waits for nothing", rec);
}

static void
check_arena(struct check *c)
{
	const uint32_t units = ARENA_CHUNK / ARENA_UNIT;
	uint64_t pages;
	struct stat st;

	for (uint64_t i = 0; i < c->view.arena_bytes / ARENA_CHUNK; i++)
		c->chunks += memchr(c->unit + i * units, 1, units) != NULL;
	if (c->h->arena_used_kib != c->chunks * (ARENA_CHUNK / 1024))
		bad(c, "arena: %u KiB in use, records hold %u",
		    c->h->arena_used_kib, c->chunks * (ARENA_CHUNK / 1024));
	if (fstat(c->view.arena_fd, &st) != 0)
		err(2, "arena");
	pages = (uint64_t)st.st_blocks * 512;
	if (pages > (uint64_t)(c->chunks + KEPT_CHUNKS) * ARENA_CHUNK)
		bad(c, "arena: pages of %" PRIu64 " KiB for %u chunks",
		    pages / 1024, c->chunks);
}

/* ---- records ------------------------------------------------------------ */

static void
check_epoll(struct check *c, uint32_t rec, const struct record_body *b)
{
	uint64_t data = (uint64_t)b->gen << 32 | rec;
	uint32_t want = ((b->flags & RECORD_PAUSED) ? 0u : EPOLLIN) |
	    ((b->flags & RECORD_WANT_OUT) ? EPOLLOUT : 0u);
	uint32_t have = c->events[b->fd] & (EPOLLIN | EPOLLOUT);

	if (c->epoll[b->fd] != data)
		bad(c, "record %u: fd %d is in the epoll set as %" PRIx64, rec,
		    b->fd, c->epoll[b->fd]);
	else if (have != want)
		bad(c, "record %u: epoll events %x instead of %x", rec, have,
		    want);
}

static void
check_free(struct check *c, uint32_t rec, const struct record_body *b)
{
	if (b->busy != 0 || b->flags != 0 || b->id_len != 0 ||
	    (b->gen != 0 && b->fd != -1))
		bad(c, "free record %u: busy %u, flags %x, fd %d", rec, b->busy,
		    b->flags, b->fd);
}

static void
check_record(struct check *c, uint32_t rec)
{
	const struct record *r = &c->view.table.records[rec];
	const struct record_body *b = &r->body;

	if (r->seq & 1)
		bad(c, "record %u: odd sequence word", rec);
	if (b->state == RECORD_FREE) {
		check_free(c, rec, b);
		return;
	}
	c->live++;
	c->open += b->state == RECORD_OPEN;
	if (!table_is_sane(b) || b->state == RECORD_DYING)
		bad(c, "record %u: state %u, id of %u bytes", rec, b->state,
		    b->id_len);
	check_busy(c, rec, b);
	if (b->fd < 0 || (uint32_t)b->fd >= MAX_FD) {
		bad(c, "record %u: fd %d", rec, b->fd);
		return;
	}
	if (c->rec_of[b->fd] != 0)
		bad(c, "records %u and %u: the same fd %d", rec,
		    c->rec_of[b->fd] - 1, b->fd);
	c->rec_of[b->fd] = rec + 1;
	check_epoll(c, rec, b);
}

/* ---- index -------------------------------------------------------------- */

static void
check_entry(struct check *c, uint64_t entry)
{
	uint32_t rec = (uint32_t)entry - 1;
	struct table *t = &c->view.table;
	char id[RECORD_ID_MAX + 1];

	c->entries++;
	if (rec >= c->high || !table_is_indexable(&t->records[rec].body)) {
		bad(c, "index: an entry of record %u, which has no id", rec);
		return;
	}
	table_id(t, rec, id);
	if (table_tag(t, id, strlen(id)) != (uint32_t)(entry >> 32))
		bad(c, "index: the entry of record %u has another's tag", rec);
}

/* Each open client is found by its id, as the newest of that id. */
static void
check_found(struct check *c, uint32_t rec)
{
	struct table *t = &c->view.table;
	const struct record_body *b = &t->records[rec].body;
	struct record_view found;
	char id[RECORD_ID_MAX + 1];
	int rc;

	if (b->state != RECORD_OPEN || !(b->flags & RECORD_INDEXED))
		return;
	c->indexed++;
	table_id(t, rec, id);
	rc = table_find(t, id, strlen(id), &found);
	if (rc != 0)
		bad(c, "index: %s (record %u) is not found: %s", id, rec,
		    strerror(-rc));
	else if (strcmp(found.id, id) != 0 ||
	    found.body.established_us < b->established_us)
		bad(c, "index: %s is record %u, found is %u", id, rec,
		    found.index);
}

static void
check_index(struct check *c)
{
	struct table *t = &c->view.table;
	struct table_geometry g;

	if (!table_geometry_parse(t, c->h->index_word, &g)) {
		bad(c, "index: geometry %x", c->h->index_word);
		return;
	}
	for (uint32_t i = 0; i <= g.mask; i++) {
		uint64_t entry = g.entries[i];

		if (entry != INDEX_EMPTY && entry != INDEX_TOMBSTONE)
			check_entry(c, entry);
	}
	for (uint32_t rec = 0; rec < c->high; rec++)
		check_found(c, rec);
}

/* ---- fds ---------------------------------------------------------------- */

static void
read_epoll(struct check *c)
{
	char path[64], line[256];
	int epoll_fd = -1, fd;
	uint32_t events;
	uint64_t data;
	FILE *file;

	for (uint32_t i = 0; i < SLOT_MAX_FDS; i++)
		if (c->h->fds[i].kind == SLOT_FD_EPOLL)
			epoll_fd = c->h->fds[i].fd;
	(void)snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", c->view.keeper,
	    epoll_fd);
	file = fopen(path, "re");
	if (file == NULL)
		err(2, "%s", path);
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "tfd: %d events: %x data: %" SCNx64, &fd,
			&events, &data) == 3 &&
		    (uint32_t)fd < MAX_FD) {
			c->epoll[fd] = data;
			c->events[fd] = events;
		}
	fclose(file);
}

/* A TCP connection: what a record must know. */
static bool
is_connection(int pidfd, int number)
{
	int fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	int proto = 0, listens = 1;
	socklen_t len = sizeof(int);

	if (fd < 0)
		return false;
	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &proto, &len) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) != 0)
		proto = 0;
	close(fd);
	return proto == IPPROTO_TCP && !listens;
}

static void
check_fds(struct check *c)
{
	char path[32];
	struct dirent *entry;
	int pidfd = (int)syscall(SYS_pidfd_open, c->view.keeper, 0);
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", c->view.keeper);
	dir = opendir(path);
	if (dir == NULL || pidfd < 0)
		err(2, "%s", path);
	while ((entry = readdir(dir)) != NULL) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] == '.' || !is_connection(pidfd, fd))
			continue;
		c->sockets++;
		if (c->rec_of[fd] == 0)
			bad(c, "fd %d: a connection without a record", fd);
		c->rec_of[fd] = 0;
	}
	for (uint32_t fd = 0; fd < MAX_FD; fd++)
		if (c->rec_of[fd] != 0)
			bad(c, "record %u: fd %u is not open",
			    c->rec_of[fd] - 1, fd);
	closedir(dir);
	close(pidfd);
}

/* ---- all of it ---------------------------------------------------------- */

static void
check_all(struct check *c)
{
	c->live = c->open = c->indexed = c->blocks = c->chunks = 0;
	c->sockets = c->entries = c->bad = 0;
	memset(c->unit, 0, c->view.arena_bytes / ARENA_UNIT);
	memset(c->rec_of, 0, MAX_FD * sizeof(*c->rec_of));
	memset(c->epoll, 0, MAX_FD * sizeof(*c->epoll));
	c->high = c->h->high_water;
	read_epoll(c);
	for (uint32_t rec = 0; rec < c->high; rec++)
		check_record(c, rec);
	if (c->h->live != c->live)
		bad(c, "header: %u records in use, in truth %u", c->h->live,
		    c->live);
	check_arena(c);
	check_index(c);
	check_fds(c);
}

static void
pause_ms(long ms)
{
	(void)nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

/* Stops the tenant between two steps: its pid, or 0. */
static int
stop_at_rest(const struct check *c)
{
	int pid = (int)c->h->tenant_pid;
	char path[32], state = 0;
	FILE *file;

	if (pid <= 1 || c->h->tenant_state != TENANT_SERVING ||
	    kill(pid, SIGSTOP) != 0)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (int i = 0; i < 1000 && state != 'T'; i++) {
		file = fopen(path, "re");
		if (file == NULL)
			return 0;
		if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
			state = 0;
		fclose(file);
	}
	if (state == 'T' && c->h->step.kind == STEP_NONE &&
	    c->h->kick_rec == RECORD_NONE)
		return pid;
	(void)kill(pid, SIGCONT);
	return 0;
}

int
main(int argc, char **argv)
{
	struct check c = { 0 };
	char *text = NULL;
	size_t size = 0;
	int stopped = 0;

	if (argc != 2)
		errx(2, "usage: slot_check KEEPER-PID");
	slot_view_open(&c.view, atoi(argv[1]));
	c.h = c.view.table.header;
	c.unit = malloc(c.view.arena_bytes / ARENA_UNIT);
	c.rec_of = calloc(MAX_FD, sizeof(*c.rec_of));
	c.epoll = calloc(MAX_FD, sizeof(*c.epoll));
	c.events = calloc(MAX_FD, sizeof(*c.events));
	if (c.unit == NULL || c.rec_of == NULL || c.epoll == NULL ||
	    c.events == NULL)
		err(2, "malloc");
	for (int i = 0;
	     i < TRIES && stopped < LOOKS && (stopped == 0 || c.bad > 0); i++) {
		int pid = stop_at_rest(&c);

		if (pid != 0) {
			stopped++;
			free(text);
			c.out = open_memstream(&text, &size);
			if (c.out == NULL)
				err(2, "open_memstream");
			check_all(&c);
			fclose(c.out);
			(void)kill(pid, SIGCONT);
		}
		pause_ms(pid != 0 ? 50 : 3);
	}
	if (stopped == 0)
		errx(2, "the tenant is never at rest");
	fputs(text, stdout);
	printf("records %u open %u indexed %u entries %u blocks %u chunks %u "
	       "sockets %u\n",
	    c.live, c.open, c.indexed, c.entries, c.blocks, c.chunks,
	    c.sockets);
	free(text);
	free(c.unit);
	free(c.rec_of);
	free(c.epoll);
	free(c.events);
	slot_view_close(&c.view);
	return c.bad > 0;
}
