/* SPDX-License-Identifier: ISC */
/*
 * The HTTP answers of the client port that are not a 101: refusals with a
 * short JSON body, and GET /healthz.  Every one of them ends the connection.
 * Pure; used by the gateway's handshake.
 */
#ifndef HOLDFAST_GATEWAY_HTTP_ANSWER_H
#define HOLDFAST_GATEWAY_HTTP_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#define HTTP_ANSWER_MAX	1024	/* enough for every answer formatted here */

/* What a refused client is told; all texts are constants of the program. */
struct http_refusal {
	int		 status;
	const char	*code;		/* one word for programs */
	const char	*message;	/* one sentence for people */
	const char	*headers;	/* whole lines with CRLF, or NULL */
};

/* The reason phrase of a status that the gateway sends, "Error" otherwise. */
const char	*http_answer_phrase(int status);

/*
 * Format a refusal: {"error": code, "message": message}.  retry_after_s adds
 * Retry-After unless it is negative.  Returns the length, -ENOSPC when
 * cap is too small.
 */
int	http_answer_refusal_format(const struct http_refusal *refusal,
	    int retry_after_s, char *buf, size_t cap)
	    __attribute__((warn_unused_result));

/*
 * Format the answer to GET /healthz: {"status": word, "retry_after_ms": n},
 * readable by scripts of every origin, because a browser does not show its
 * script the status of a refused WebSocket.  Returns like the above.
 */
int	http_answer_health_format(int status, const char *word,
	    uint32_t retry_after_ms, char *buf, size_t cap)
	    __attribute__((warn_unused_result));

#endif
