/* SPDX-License-Identifier: ISC */
/*
 * What all load processes saw together, as one JSON object or as text.
 */
#ifndef HOLDFAST_BENCH_COMMON_REPORT_H
#define HOLDFAST_BENCH_COMMON_REPORT_H

#include "tests/bench/common_client.h"

/* stats has one entry per process, conns opts->connections. */
void report_print(const struct load_opts *, const struct load_share *,
    const struct load_stats *stats, const struct conn *conns);
/* 1 when every connection is alive and every message came back once. */
int report_is_clean(const struct load_opts *, const struct load_stats *stats,
    const struct conn *conns);

#endif
