/* SPDX-License-Identifier: ISC */
/*
 * holdfast-gateway: keeper and tenant of a slot of client connections.
 * Started by holdfastd, never by hand.
 */
#include "worker/gateway/gateway.h"

int
main(int argc, char **argv)
{
	return worker_main(argc, argv, &gateway_ops);
}
