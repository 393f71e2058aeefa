/* SPDX-License-Identifier: ISC */
/*
 * What the supervisor has Redis do, as scripts: each is one step that happens
 * whole or not at all, by the clock of Redis, and what acts for the fleet
 * compares the leader's whole token first.  All keys of a script share the
 * fleet's hash tag.  holdfast-protocol(7) tells what is in the keys.
 */
#ifndef HOLDFAST_FLEET_FLEET_SCRIPTS_H
#define HOLDFAST_FLEET_FLEET_SCRIPTS_H

/*
 * A node's lease.  KEYS: node, nodes, summary, events, asks, routes mark; ARGV:
 * id, incarnation, state, lease ms, "1" to have the members too, the
 * incarnation before ours or "", the id of the event seen last or "", the beat
 * of the lease that has our id, if it stands still, or 0, then fields and
 * values, "peer" first.  Whoever was dead and joins again loses the mark, so
 * that its relay writes its routes anew.  Returns {"ok", now, epoch, held,
 * level, storm_until, hold, at, members, events, asks, leader, paused, expired,
 * missing, effective, storm_window, displaced, storm_spare, announced} or
 * {"taken", now, beat, peer} or {"dead", now}.
 */
extern const char *const fleet_script_renew;

/*
 * The leader's lease.  KEYS: leader, epoch; ARGV: our token or "", lease ms,
 * "1" when it may be claimed, least epoch, incarnation, random.  Returns the
 * token that we hold now, or nil.
 */
extern const char *const fleet_script_lead;
/* Gives it back.  KEYS: leader; ARGV: token. */
extern const char *const fleet_script_resign;

/* Everything the leader decides by.  KEYS: nodes, paused, ack, events, leader,
 * summary; ARGV: what the keys of nodes begin with, how far back in ms deaths
 * are wanted, token.  Returns {now, paused, ack, {when somebody was declared
 * dead ...}, epoch, {id, beat, {field, value ...}}, ...}. */
extern const char *const fleet_script_read;

/* The pause that Redis has forgotten.  KEYS: leader, paused; ARGV: token, text.
 * 1 or 0. */
extern const char *const fleet_script_pause_again;
/* What the leader tells of.  KEYS: leader, events; ARGV: token, kind, node,
 * text, our id.  1, or 0: not the leader. */
extern const char *const fleet_script_event;

/* An operator has looked.  KEYS: ack. */
extern const char *const fleet_script_ack;

/* KEYS: leader, summary; ARGV: token, fields and values.  1, or 0: not the
 * leader. */
extern const char *const fleet_script_publish;

/* Declares a node dead, unless it has renewed its lease or an operator said
 * pause meanwhile.  KEYS: leader, node, events, paused; ARGV: token, id,
 * incarnation, beat, what was observed, our id.
 * 1, 0: not so any more, -1: not the leader. */
extern const char *const fleet_script_bury;

/*
 * A permit (fleet_permit.h), given or renewed.  KEYS: drains or upgrades,
 * summary; ARGV: id, token, connections or 1, lease ms, and how much may be
 * permitted: a fraction of the fleet's connections plus a number; "1" when no
 * matter what.  Returns {1 or 0, now, reserved by others, their number}.
 */
extern const char *const fleet_script_permit;
/* Given back, if it is still that one.  KEYS: drains or upgrades; ARGV: id,
 * token. */
extern const char *const fleet_script_permit_end;

/* Asks another node to look.  KEYS: leader, asks, seen; ARGV: token, id, whom
 * and which life of it, how long that stands in ms. */
extern const char *const fleet_script_ask;
/* What it saw.  KEYS: seen; ARGV: id, what, how long that stands in ms. */
extern const char *const fleet_script_seen;

/* Is it still dead, or has it left, and are we the leader?  KEYS: leader, node;
 * ARGV: token, incarnation.  1 or 0. */
extern const char *const fleet_script_is_over;
/* No routes are left.  KEYS: leader, node, routes mark, events; ARGV:
 * token, incarnation, id, number of routes.  1 or 0. */
extern const char *const fleet_script_purged;
/* Takes it off the list, unless it has come back or has routes.  KEYS: leader,
 * node, nodes, events, routes mark; ARGV: token, id, incarnation,
 * our id.  1, 0, or 2: it had no lease, and is dead now, so that its routes are
 * purged first. */
extern const char *const fleet_script_forget;
/* Deletes the inbox of one that is not listed any more.  KEYS: inbox; ARGV: by
 * when that was known, by Redis' clock in ms.  1, or 0: it is in use. */
extern const char *const fleet_script_uninbox;
/* An operator knows that it is gone for good: declares it dead, and the leader
 * forgets it when its routes are purged.  KEYS: node, nodes; ARGV: id.  "", or
 * why not. */
extern const char *const fleet_script_disown;

/* Deletes a client's route if it still leads to that node.  KEYS: user-route;
 * ARGV: node id.  1 or 0. */
extern const char *const fleet_script_unroute;

#endif
