/* SPDX-License-Identifier: ISC */
/*
 * The kernel's byte counts, see settle.h and tcp(7).  Taken is bytes_received
 * less what waits (SIOCINQ); given is bytes_acked plus what is unacknowledged
 * (SIOCOUTQ).  The two halves of each are read at different moments while
 * segments arrive, so they are read until both counts repeat.
 */
#include "worker/gateway/settle.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>

#define SETTLE_TRIES 1000

/* States of <netinet/tcp.h>, which cannot be included beside <linux/tcp.h>. */
enum {
	SETTLE_FIN_WAIT1 = 4,
	SETTLE_FIN_WAIT2,
	SETTLE_TIME_WAIT,
	SETTLE_CLOSE,
	SETTLE_CLOSE_WAIT,
	SETTLE_LAST_ACK,
	SETTLE_LISTEN,
	SETTLE_CLOSING
};

static int
settle_info(int fd, struct tcp_info *info)
{
	socklen_t len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &len) != 0)
		return -errno;
	return 0;
}

static bool
settle_peer_fin(uint8_t state)
{
	return state == SETTLE_CLOSE_WAIT || state == SETTLE_LAST_ACK ||
	    state == SETTLE_CLOSING || state == SETTLE_TIME_WAIT;
}

int
settle_counts(int fd, bool fin_sent, uint64_t *out_taken, uint64_t *out_given)
{
	struct tcp_info a, b;
	int in, out, rc;

	for (int i = 0; i < SETTLE_TRIES; i++) {
		rc = settle_info(fd, &a);
		if (rc != 0)
			return rc;
		if (a.tcpi_state == SETTLE_CLOSE)
			return -ENOTCONN;
		if (ioctl(fd, SIOCINQ, &in) != 0 ||
		    ioctl(fd, SIOCOUTQ, &out) != 0)
			return -errno;
		rc = settle_info(fd, &b);
		if (rc != 0)
			return rc;
		if (a.tcpi_state != b.tcpi_state ||
		    a.tcpi_bytes_received != b.tcpi_bytes_received ||
		    a.tcpi_bytes_acked != b.tcpi_bytes_acked)
			continue;
		*out_taken = b.tcpi_bytes_received - (uint64_t)in -
		    (settle_peer_fin(b.tcpi_state) ? 1 : 0);
		*out_given = b.tcpi_bytes_acked + (uint64_t)out -
		    (fin_sent ? 1 : 0);
		return 0;
	}
	return -EAGAIN;
}

bool
settle_is_client(int fd)
{
	int proto = 0, listening = 1;
	socklen_t len = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &proto, &len) != 0 ||
	    proto != IPPROTO_TCP)
		return false;
	len = sizeof(int);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) != 0)
		return false;
	return listening == 0;
}
