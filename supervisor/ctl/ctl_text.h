/* SPDX-License-Identifier: ISC */
/*
 * Texts for people: untrusted bytes made safe for a terminal, and numbers with
 * a unit that needs no counting of digits.  Pure; every command uses it.
 */
#ifndef HOLDFAST_CTL_CTL_TEXT_H
#define HOLDFAST_CTL_CTL_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/textbuf.h"

/* Enough for each of the ctl_text_* numbers and its NUL. */
#define CTL_NUMBER_SIZE 32
#define CTL_BAR_SIZE	33

/* One line of a cell: all that could move a cursor becomes an escape, and so
 * does a backslash, so that no text can pretend to be another's escape. */
void ctl_text_cell(struct textbuf *out, const char *text);

/* A message of holdfastd: its lines and backslashes stay as they are. */
void ctl_text_lines(struct textbuf *out, const char *text);

/* Columns that a text takes on a terminal, one for each character. */
size_t ctl_text_width(const char *text);

/* "512B", "1.5KiB", "23MiB" */
void ctl_text_bytes(uint64_t bytes, char out[CTL_NUMBER_SIZE]);
/* "0.4ms", "12ms", "3.5s"; from microseconds */
void ctl_text_us(uint64_t us, char out[CTL_NUMBER_SIZE]);
/* "250ms", "9.1s", "4m12s", "3h5m", "2d4h" */
void ctl_text_duration(uint64_t ms, char out[CTL_NUMBER_SIZE]);
/* "0", "0.4", "12.5", "3100" */
void ctl_text_rate(double per_second, char out[CTL_NUMBER_SIZE]);
/* "[###...]": a third of total is done; full when total is 0. */
void ctl_text_bar(long long done, long long total, char out[CTL_BAR_SIZE]);

#endif
