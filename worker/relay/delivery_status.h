/* SPDX-License-Identifier: ISC */
/*
 * What became of a message, in one word for callers of the API and for other
 * nodes.  Pure.
 */
#ifndef HOLDFAST_RELAY_DELIVERY_STATUS_H
#define HOLDFAST_RELAY_DELIVERY_STATUS_H

enum delivery_status {
	DELIVERY_PENDING,   /* on_done will tell */
	DELIVERY_DELIVERED, /* the kernel has it for that client */
	DELIVERY_QUEUED,    /* the gateway has it */
	DELIVERY_NOT_CONNECTED,
	DELIVERY_UNKNOWN, /* no receipt in time, or the slot was lost */
	DELIVERY_BUSY,	  /* not taken, try again later */
	DELIVERY_TOO_BIG, /* does not fit a ring */
	DELIVERY_STATUS_MAX
};

const char *delivery_status_name(enum delivery_status);
/* DELIVERY_STATUS_MAX: no such name. */
enum delivery_status delivery_status_parse(const char *name);

#endif
