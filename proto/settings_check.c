/* SPDX-License-Identifier: ISC */
/*
 * Relations between keys of the configuration (see settings_check.h).
 */
#include "proto/settings_check.h"

#include <errno.h>
#include <stdio.h>

static int
is_loopback(const char *text)
{
	struct ipaddr addr;

	return ipaddr_parse(text, &addr) == 0 && ipaddr_is_loopback(&addr);
}

int
settings_validate(const struct settings *s, char *out, size_t out_size)
{
	if (s->auth.mode == AUTH_NONE)
		for (uint32_t i = 0; i < s->listen_count; i++)
			if (!is_loopback(s->listen[i].address)) {
				(void)snprintf(out, out_size,
				    "listen[%u].address: %s is not a loopback "
				    "address, which auth.mode \"none\" needs",
				    i, s->listen[i].address);
				return -EINVAL;
			}
	if (s->auth.mode == AUTH_PROXY && s->auth.trusted_proxies.count == 0) {
		(void)snprintf(out, out_size,
		    "auth.mode: \"proxy\" needs auth.trusted_proxies");
		return -EINVAL;
	}
	if (s->api.enabled && s->api.tokens_file[0] == '\0' &&
	    !is_loopback(s->api.address)) {
		(void)snprintf(out, out_size,
		    "api.address: %s is not a loopback address, which the API "
		    "needs without api.tokens_file",
		    s->api.address);
		return -EINVAL;
	}
	if (s->listen_count == 0) {
		(void)snprintf(out, out_size, "listen: at least one is needed");
		return -EINVAL;
	}
	if (s->worker.backoff_max_ms < s->worker.backoff_ms) {
		(void)snprintf(out, out_size,
		    "worker.backoff_max: must not be below worker.backoff");
		return -EINVAL;
	}
	return 0;
}
