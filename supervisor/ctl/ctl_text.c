/* SPDX-License-Identifier: ISC */
/*
 * Safe texts and readable numbers (see ctl_text.h).
 */
#include "supervisor/ctl/ctl_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/escape.h"

static void
put_clean(struct textbuf *out, const char *text, bool is_message)
{
	size_t len = strlen(text), at, used, n;
	char safe[ESCAPE_MAX];

	for (at = 0; at < len; at += used) {
		char c = text[at];

		used = 1;
		if (c == '"' || (is_message && (c == '\\' || c == '\n'))) {
			textbuf_putc(out, c);
			continue;
		}
		n = escape_char(ESCAPE_QUOTED, text + at, len - at, safe,
		    &used);
		textbuf_append(out, safe, n);
	}
}

void
ctl_text_cell(struct textbuf *out, const char *text)
{
	put_clean(out, text, false);
}

void
ctl_text_lines(struct textbuf *out, const char *text)
{
	put_clean(out, text, true);
}

size_t
ctl_text_width(const char *text)
{
	size_t width = 0;

	for (; *text != '\0'; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

/* Three digits are as many as anybody reads. */
static void
with_unit(double value, const char *unit, char out[CTL_NUMBER_SIZE])
{
	int digits = value < 9.95 && value > 0 ? 1 : 0;

	snprintf(out, CTL_NUMBER_SIZE, "%.*f%s", digits, value, unit);
}

void
ctl_text_bytes(uint64_t bytes, char out[CTL_NUMBER_SIZE])
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB",
		"PiB" };
	double value = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(out, CTL_NUMBER_SIZE, "%uB", (unsigned)bytes);
		return;
	}
	/* 1023.5 would be shown as 1024. */
	while (value >= 1023.5 && unit < sizeof(units) / sizeof(*units) - 1) {
		value /= 1024;
		unit++;
	}
	with_unit(value, units[unit], out);
}

void
ctl_text_us(uint64_t us, char out[CTL_NUMBER_SIZE])
{
	if (us < 999500)
		with_unit((double)us / 1000, "ms", out);
	else
		ctl_text_duration(us / 1000, out);
}

void
ctl_text_duration(uint64_t ms, char out[CTL_NUMBER_SIZE])
{
	unsigned long long s = ms / 1000, tenths = ms / 100;

	if (ms < 1000)
		snprintf(out, CTL_NUMBER_SIZE, "%ums", (unsigned)ms);
	else if (s < 60)
		with_unit((double)tenths / 10, "s", out);
	else if (s < 3600)
		snprintf(out, CTL_NUMBER_SIZE, "%llum%llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, CTL_NUMBER_SIZE, "%lluh%llum", s / 3600,
		    s % 3600 / 60);
	else
		snprintf(out, CTL_NUMBER_SIZE, "%llud%lluh", s / 86400,
		    s % 86400 / 3600);
}

void
ctl_text_rate(double per_second, char out[CTL_NUMBER_SIZE])
{
	if (per_second < 0.05)
		per_second = 0;
	snprintf(out, CTL_NUMBER_SIZE, "%.*f",
	    per_second > 0 && per_second < 99.95 ? 1 : 0, per_second);
}

void
ctl_text_bar(long long done, long long total, char out[CTL_BAR_SIZE])
{
	int width = CTL_BAR_SIZE - 3, filled = width, i;

	if (done < 0)
		filled = 0;
	else if (done < total)
		filled = (int)((double)width * (double)done / (double)total);
	out[0] = '[';
	for (i = 0; i < width; i++)
		out[i + 1] = i < filled ? '#' : '.';
	out[width + 1] = ']';
	out[width + 2] = '\0';
}
