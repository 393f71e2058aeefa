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

#define HTTP_ANSWER_MAX 1024 /* enough for every answer formatted here */

/* What a refused client is told; the texts are constants of the program. */
struct http_refusal {
	int status;
	const char *code;    /* a word for programs, or NULL */
	const char *message; /* a sentence for people */
};

/* The word that stands for a status when a refusal has none of its own. */
const char *http_answer_code(int status);

/*
 * Format a refusal: {"error": code, "message": message}.  retry_after_s adds
 * Retry-After unless it is negative; the lines that a status requires (Allow
 * with 405, Upgrade and Sec-WebSocket-Version with 426) come by themselves.
 * Returns the length, -ENOSPC when cap is too small (never with
 * HTTP_ANSWER_MAX).
 */
int http_answer_refusal_format(const struct http_refusal *refusal,
    int retry_after_s, char *buf, size_t cap)
    __attribute__((warn_unused_result));

/*
 * Format the answer to GET /healthz: {"status": word, "retry_after_ms": n},
 * readable by scripts of every origin, because a browser does not show its
 * script the status of a refused WebSocket.  Returns like the above.
 */
int http_answer_health_format(int status, const char *word,
    uint32_t retry_after_ms, char *buf, size_t cap)
    __attribute__((warn_unused_result));

#endif
