/* SPDX-License-Identifier: ISC */
/*
 * The clocks: monotonic time for deadlines and rates, real time for people and
 * records. Pure modules take `now` as an argument and never include this; the
 * event loops read the clock once a turn and hand it down.
 */
#ifndef HOLDFAST_LIB_CLOCK_H
#define HOLDFAST_LIB_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* "2026-01-02T03:04:05.678901Z" and its NUL. */
#define CLOCK_RFC3339_SIZE 32

/*
 * CLOCK_MONOTONIC: one time line for all processes of the host, so values may
 * be compared across processes and kept in shared memory until a reboot.
 */
uint64_t clock_mono_ns(void);
uint64_t clock_mono_us(void);
uint64_t clock_mono_ms(void);

/* CLOCK_REALTIME since 1970 in UTC; may jump in both directions. */
uint64_t clock_real_us(void);
uint64_t clock_real_ms(void);

/*
 * Writes RFC 3339 in UTC with milliseconds ("2026-01-02T03:04:05.678Z").
 * Returns the length without the NUL, 0 when it does not fit or the year is
 * beyond 9999. Pure.
 */
size_t clock_rfc3339_format(uint64_t real_ms, char *out_text, size_t cap);

/*
 * Reads an RFC 3339 date-time: fraction optional (digits beyond milliseconds
 * are cut), "Z" or a numeric offset, years 1970 to 9999, second 60 read as the
 * last millisecond of its minute. -EINVAL for anything else. Pure.
 */
int clock_rfc3339_parse(const char *text, uint64_t *out_real_ms);

#endif
