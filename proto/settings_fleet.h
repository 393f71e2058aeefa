/* SPDX-License-Identifier: ISC */
/*
 * Settings of the groups peer, agent, membership, blast_radius and storm; see
 * settings_fleet.c for their rows.  All but agent matter only with redis.url.
 */
#ifndef HOLDFAST_PROTO_SETTINGS_FLEET_H
#define HOLDFAST_PROTO_SETTINGS_FLEET_H

#include <stdbool.h>
#include <stdint.h>

struct settings_fleet {
	struct {
		char address[64]; /* "": other nodes cannot ask us */
		uint32_t port;
	} peer;
	struct {
		char address[64];
		uint32_t port;
		bool enabled;
	} agent;
	struct {
		uint64_t lease_ms;
		uint64_t leader_lease_ms;
		uint32_t max_failovers_per_hour;
		uint64_t cut_off_grace_ms;
		uint64_t alone_grace_ms;
	} membership;
	struct {
		double fraction;
		double slack;
		uint64_t floor;
		uint64_t half_life_ms;
		double max_draining;	/* of the fleet's connections */
		uint32_t max_upgrading; /* nodes */
	} blast_radius;
	struct {
		uint64_t min_window_ms;
		uint64_t handshakes_per_second; /* 0: as the nodes do */
	} storm;
};

#endif
