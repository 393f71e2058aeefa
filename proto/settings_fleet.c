/* SPDX-License-Identifier: ISC */
/*
 * The rows of the groups peer, agent, membership, blast_radius and storm (see
 * settings_rows.h): the supervisor's business, but for the lease, which the
 * relay renews, too.
 */
#include "proto/settings_rows.h"

const struct conf_key settings_fleet_rows[SETTINGS_FLEET_ROWS] = {
	{
	    KEY("peer.address", ADDRESS, RESTART, SUPERVISOR,
		fleet.peer.address),
	    .default_text = "",
	    .flags = CONF_OPTIONAL,
	    .doc = "where other nodes ask whether this one lives; \"\" = "
		   "nowhere, and it is never declared dead",
	},
	{
	    KEY("peer.port", COUNT, RESTART, SUPERVISOR, fleet.peer.port),
	    .default_text = "8083",
	    LIMITS(0, 65535),
	    .doc = "its port; 0 = any free one",
	},
	{
	    KEY("agent.address", ADDRESS, RESTART, SUPERVISOR,
		fleet.agent.address),
	    .default_text = "127.0.0.1",
	    .doc = "where load balancers ask how much the node can take",
	},
	{
	    KEY("agent.port", COUNT, RESTART, SUPERVISOR, fleet.agent.port),
	    .default_text = "8084",
	    LIMITS(0, 65535),
	    .doc = "its port; 0 = any free one",
	},
	{
	    KEY("agent.enabled", BOOL, RESTART, SUPERVISOR,
		fleet.agent.enabled),
	    .default_text = "false",
	    .doc = "answer them, in HAProxy's words",
	},
	{
	    KEY("membership.lease", DURATION, LIVE, SUPERVISOR | RELAY,
		fleet.membership.lease_ms),
	    .default_text = "5s",
	    LIMITS(2000, 300000),
	    .doc = "a node that has not renewed it for so long is suspect",
	},
	{
	    KEY("membership.leader_lease", DURATION, RESTART, SUPERVISOR,
		fleet.membership.leader_lease_ms),
	    .default_text = "5s",
	    LIMITS(2000, 300000),
	    .doc = "another node may lead after it; at most membership.lease",
	},
	{
	    KEY("membership.max_failovers_per_hour", COUNT, LIVE, SUPERVISOR,
		fleet.membership.max_failovers_per_hour),
	    .default_text = "10",
	    LIMITS(0, 64),
	    .doc = "nodes declared dead until an operator acknowledges",
	},
	{
	    KEY("membership.cut_off_grace", DURATION, LIVE, SUPERVISOR,
		fleet.membership.cut_off_grace_ms),
	    .default_text = "60s",
	    LIMITS(0, 86400000),
	    .doc = "without Redis while others have it, before a drain",
	},
	{
	    KEY("membership.alone_grace", DURATION, LIVE, SUPERVISOR,
		fleet.membership.alone_grace_ms),
	    .default_text = "10m",
	    LIMITS(0, 86400000),
	    .doc = "the same, when no other node answers either",
	},
	{
	    KEY("blast_radius.fraction", DOUBLE, LIVE, SUPERVISOR,
		fleet.blast_radius.fraction),
	    .default_text = "0.01",
	    LIMITS(0, 1),
	    .doc = "of the fleet's connections that one node may hold",
	},
	{
	    KEY("blast_radius.slack", DOUBLE, LIVE, SUPERVISOR,
		fleet.blast_radius.slack),
	    .default_text = "0.1",
	    LIMITS(0, 10),
	    .doc = "room beyond the connections that are there; above 0",
	},
	{
	    KEY("blast_radius.floor", COUNT, LIVE, SUPERVISOR,
		fleet.blast_radius.floor),
	    .default_text = "1000",
	    LIMITS(1, 10000000),
	    .doc = "connections that any node may hold",
	},
	{
	    KEY("blast_radius.half_life", DURATION, LIVE, SUPERVISOR,
		fleet.blast_radius.half_life_ms),
	    .default_text = "1h",
	    LIMITS(1000, 2592000000),
	    .doc = "how slowly the fleet's high-water count falls",
	},
	{
	    KEY("blast_radius.max_draining", DOUBLE, LIVE, SUPERVISOR,
		fleet.blast_radius.max_draining),
	    .default_text = "0.02",
	    LIMITS(0, 1),
	    .doc = "of the fleet's connections that may be drained at a time",
	},
	{
	    KEY("blast_radius.max_upgrading", COUNT, LIVE, SUPERVISOR,
		fleet.blast_radius.max_upgrading),
	    .default_text = "1",
	    LIMITS(1, 10000),
	    .doc = "nodes that may upgrade at a time",
	},
	{
	    KEY("storm.min_window", DURATION, LIVE, SUPERVISOR,
		fleet.storm.min_window_ms),
	    .default_text = "2m",
	    LIMITS(0, 3600000),
	    .doc = "clients of a lost node are spread over it at least",
	},
	{
	    KEY("storm.handshakes_per_second", COUNT, LIVE, SUPERVISOR,
		fleet.storm.handshakes_per_second),
	    .default_text = "0",
	    LIMITS(0, 10000000),
	    .doc = "that the load balancers can do; 0 = as the nodes",
	},
};
