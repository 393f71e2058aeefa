/* SPDX-License-Identifier: ISC */
/*
 * A full screen on a terminal (see ctl_screen.h).  The sequences are those of
 * every terminal since the VT100, and of xterm for the alternate screen.
 */
#include "supervisor/ctl/ctl_screen.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/textbuf.h"

#define ENTER	    "\033[?1049h\033[?25l"
#define LEAVE	    "\033[?25h\033[?1049l"
#define HOME	    "\033[H"
#define CLEAR_LINE  "\033[K"
#define CLEAR_BELOW "\033[J"
#define DRAW_MAX    (1024u * 1024)

static struct termios before;
static volatile sig_atomic_t leaving;
static volatile sig_atomic_t resized;

static void
on_signal(int signo)
{
	if (signo == SIGWINCH)
		resized = 1;
	else
		leaving = 1;
}

static void
catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH };
	/* No SA_RESTART: poll() is to end. */
	struct sigaction action = { .sa_handler = on_signal };
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

int
ctl_screen_open(void)
{
	struct termios raw;
	const char *term = getenv("TERM");

	if (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &before) == -1 ||
	    term == NULL || strcmp(term, "dumb") == 0)
		return -ENOTTY;
	raw = before;
	raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
	catch_signals();
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) == -1)
		return -errno;
	fputs(ENTER, stdout);
	fflush(stdout);
	return 0;
}

void
ctl_screen_close(void)
{
	fputs(LEAVE, stdout);
	fflush(stdout);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
}

/* Bytes of the first `columns` characters of a line. */
static size_t
cut(const char *line, size_t len, size_t columns)
{
	size_t i, width = 0;

	for (i = 0; i < len; i++) {
		if (((unsigned char)line[i] & 0xc0) == 0x80)
			continue;
		if (width++ == columns)
			break;
	}
	return i;
}

void
ctl_screen_draw(const char *text)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	struct textbuf out;
	unsigned row;

	(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	textbuf_init(&out, DRAW_MAX);
	textbuf_puts(&out, HOME);
	for (row = 0; *text != '\0' && row < size.ws_row; row++) {
		size_t len = strcspn(text, "\n");

		/* Not behind the last row: the screen would scroll. */
		if (row > 0)
			textbuf_puts(&out, "\r\n");
		textbuf_append(&out, text, cut(text, len, size.ws_col));
		textbuf_puts(&out, CLEAR_LINE);
		text += len + (text[len] == '\n');
	}
	textbuf_puts(&out, CLEAR_BELOW);
	fputs(textbuf_text(&out), stdout);
	fflush(stdout);
	textbuf_clear(&out);
}

bool
ctl_screen_wait(uint64_t until_ms)
{
	resized = 0;
	while (!leaving && !resized) {
		struct pollfd poller = { .fd = STDIN_FILENO, .events = POLLIN };
		uint64_t now = clock_mono_ms();
		uint64_t left = until_ms > now ? until_ms - now : 0;
		char key = 0;
		int n;

		if (left == 0)
			break;
		n = poll(&poller, 1, left > INT_MAX ? INT_MAX : (int)left);
		if (n <= 0)
			continue;
		if (read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' ||
		    key == 'Q')
			return false;
		/* Any other key: at once. */
		break;
	}
	return !leaving;
}
