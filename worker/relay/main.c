/* SPDX-License-Identifier: ISC */
/*
 * holdfast-relay: keeper and tenant of the relay's slot.  Started by
 * holdfastd, never by hand.
 */
#include "worker/relay/relay.h"

int
main(int argc, char **argv)
{
	return worker_main(argc, argv, &relay_ops);
}
