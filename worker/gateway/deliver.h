/* SPDX-License-Identifier: ISC */
/*
 * Deliveries: the gateway's end of the ring from the relay.  An entry's effect
 * and its number (ring_applied) are committed together, the receipt goes out
 * before the step ends, and only then is the entry consumed: whenever a tenant
 * dies, each message is delivered once.
 */
#ifndef HOLDFAST_GATEWAY_DELIVER_H
#define HOLDFAST_GATEWAY_DELIVER_H

struct gateway;
struct step_work;

/* Handles what is in the ring, a bounded part per call. */
void deliver_run(struct gateway *);

/* Within a delivering step, before it ends: tells the relay how it went. */
void deliver_receipt(struct gateway *, const struct step_work *);

/* Adoption: the token of the entry whose effect was committed last, if that
 * entry was not consumed yet; 0 if there is none. */
unsigned long long deliver_pending_token(struct gateway *);

#endif
