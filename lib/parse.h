/* SPDX-License-Identifier: ISC */
/*
 * Strict parsers for the scalar texts of config, command lines and headers,
 * and the formatters that write the shortest text which reads back as the same
 * value. Pure. No sign, blank, leading '+', hex or trailing byte is accepted
 * unless stated. All return 0, -EINVAL (not such a text) or -ERANGE (outside
 * [min, max]); *out is untouched on failure.
 */
#ifndef HOLDFAST_LIB_PARSE_H
#define HOLDFAST_LIB_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARSE_WARN_UNUSED __attribute__((warn_unused_result))

/* Enough for every format_* below and its NUL. */
#define FORMAT_SCALAR_SIZE 32

int parse_u64(const char *text, uint64_t min, uint64_t max,
    uint64_t *out) PARSE_WARN_UNUSED;

/* The same for bytes without a NUL, as in headers. */
int parse_u64_n(const char *bytes, size_t len, uint64_t min, uint64_t max,
    uint64_t *out) PARSE_WARN_UNUSED;

/* A leading '-' is accepted. */
int parse_i64(const char *text, int64_t min, int64_t max,
    int64_t *out) PARSE_WARN_UNUSED;

/* Plain decimal fractions ("0.01", "-2"); no exponent, no inf, no nan. */
int parse_double(const char *text, double min, double max,
    double *out) PARSE_WARN_UNUSED;

/* "true" or "false", nothing else. */
int parse_bool(const char *text, bool *out) PARSE_WARN_UNUSED;

/*
 * A whole number and one of ms, s, m, h, d; a bare number is refused except
 * "0", since nobody can tell its unit. min, max and *out in milliseconds.
 */
int parse_duration_ms(const char *text, uint64_t min_ms, uint64_t max_ms,
    uint64_t *out_ms) PARSE_WARN_UNUSED;

/* A whole number of bytes, or with one of KiB, MiB, GiB, TiB. */
int parse_size(const char *text, uint64_t min, uint64_t max,
    uint64_t *out) PARSE_WARN_UNUSED;

/*
 * The shortest text that parses back to the value: 90000 -> "90s",
 * 0 -> "0", 1048576 -> "1MiB". They return the length without the NUL, 0 when
 * it does not fit.
 */
size_t format_duration_ms(uint64_t ms, char *out_text, size_t cap);
size_t format_size(uint64_t bytes, char *out_text, size_t cap);
size_t format_double(double value, char *out_text, size_t cap);

#endif
