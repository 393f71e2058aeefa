/* SPDX-License-Identifier: ISC */
/*
 * What others have written into {fleet}:events, as events of this node, so
 * that `holdfastctl events` tells on every node what happens in the fleet.  It
 * comes with the answer to a renewal of the lease.
 */
#ifndef HOLDFAST_FLEET_FLEET_NEWS_H
#define HOLDFAST_FLEET_FLEET_NEWS_H

struct fleet;
struct redisReply;

/* {id, {field, value ...}} each, oldest first. */
void fleet_news_take(struct fleet *fleet, const struct redisReply *list);

#endif
