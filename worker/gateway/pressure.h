/* SPDX-License-Identifier: ISC */
/*
 * Near the end of the budget for bytes in flight: those who hold most of them,
 * the slowest consumers, go before anybody else suffers.  New connections are
 * refused earlier (admission_is_tight()).
 */
#ifndef HOLDFAST_GATEWAY_PRESSURE_H
#define HOLDFAST_GATEWAY_PRESSURE_H

#include <stdint.h>

struct gateway;

/* To be called between steps, before one that may take so many bytes: it costs
 * a comparison until the budget is nearly used up. */
void pressure_relieve(struct gateway *, uint64_t need);

/* What it may take to let n bytes more wait for a client, at worst. */
uint64_t pressure_need(const struct gateway *, uint32_t rec, uint64_t n);

#endif
