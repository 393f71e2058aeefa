/* SPDX-License-Identifier: ISC */
/*
 * Reads redis.url (see redis_url.h).  Credentials have no place in it: it is
 * shown by holdfastctl, and files are easier to keep from others.
 */
#include "lib/redis_url.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "lib/parse.h"

static int
refuse(const char **out_problem, const char *problem)
{
	*out_problem = problem;
	return -EINVAL;
}

static bool
is_host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

static bool
is_literal_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
	    (c >= 'A' && c <= 'F') || c == ':' || c == '.';
}

/* The name's length, or 0 when there is none; *out_skip is its end. */
static size_t
host_span(const char *text, size_t len, const char **out_name, size_t *out_skip)
{
	size_t n = 0;

	if (len > 0 && text[0] == '[') {
		while (1 + n < len && is_literal_char(text[1 + n]))
			n++;
		if (1 + n == len || text[1 + n] != ']')
			return 0;
		*out_name = text + 1;
		*out_skip = n + 2;
		return n;
	}
	while (n < len && is_host_char(text[n]))
		n++;
	*out_name = text;
	*out_skip = n;
	return n;
}

static int
parse_host(const char *text, size_t len, uint64_t port, struct redis_host *out,
    const char **out_problem)
{
	const char *name;
	size_t n, skip;

	n = host_span(text, len, &name, &skip);
	if (n == 0)
		return refuse(out_problem, "a host is missing or malformed");
	if (n > REDIS_URL_HOST_MAX)
		return refuse(out_problem, "a host name is too long");
	if (skip < len && text[skip] == ':') {
		if (parse_u64_n(text + skip + 1, len - skip - 1, 1, 65535,
			&port) != 0)
			return refuse(out_problem,
			    "a port must be between 1 and 65535");
	} else if (skip < len) {
		return refuse(out_problem, "a host is missing or malformed");
	}
	memcpy(out->name, name, n);
	out->name[n] = '\0';
	out->port = (uint16_t)port;
	return 0;
}

static int
parse_database(const char *text, size_t len, struct redis_url *out,
    const char **out_problem)
{
	uint64_t database;

	if (parse_u64_n(text, len, 0, REDIS_URL_DATABASE_MAX, &database) != 0)
		return refuse(out_problem, "the database must be a number");
	out->database = (uint32_t)database;
	return 0;
}

/* *out_rest: what is behind the hosts. */
static int
parse_hosts(const char *text, uint64_t port, struct redis_url *out,
    const char **out_rest, const char **out_problem)
{
	size_t end, len;
	int rc;

	if (strchr(text, '@') != NULL)
		return refuse(out_problem,
		    "credentials belong in redis.user and "
		    "redis.password_file");
	end = strcspn(text, "/");
	while (out->host_count < REDIS_URL_HOSTS) {
		len = strcspn(text, ",/");
		rc = parse_host(text, len, port, &out->hosts[out->host_count],
		    out_problem);
		if (rc != 0)
			return rc;
		out->host_count++;
		text += len;
		end -= len;
		if (end == 0)
			break;
		text++;
		end--;
	}
	if (end > 0)
		return refuse(out_problem, "it names more than 8 hosts");
	*out_rest = text;
	return 0;
}

static int
parse_servers(const char *text, struct redis_url *out, const char **out_problem)
{
	const char *rest;
	int rc;

	rc = parse_hosts(text, REDIS_URL_PORT, out, &rest, out_problem);
	if (rc != 0 || rest[0] == '\0' || strcmp(rest, "/") == 0)
		return rc;
	return parse_database(rest + 1, strlen(rest + 1), out, out_problem);
}

static int
parse_sentinels(const char *text, struct redis_url *out,
    const char **out_problem)
{
	const char *rest;
	size_t len;
	int rc;

	rc = parse_hosts(text, REDIS_URL_SENTINEL, out, &rest, out_problem);
	if (rc != 0)
		return rc;
	if (rest[0] == '/')
		rest++;
	len = strcspn(rest, "/");
	if (len == 0)
		return refuse(out_problem,
		    "sentinel:// wants the master's name behind the hosts");
	if (len > REDIS_URL_MASTER_MAX)
		return refuse(out_problem, "the master's name is too long");
	for (size_t i = 0; i < len; i++)
		if (!is_host_char(rest[i]))
			return refuse(out_problem,
			    "the master's name is malformed");
	memcpy(out->master, rest, len);
	out->master[len] = '\0';
	rest += len;
	if (rest[0] == '\0' || strcmp(rest, "/") == 0)
		return 0;
	return parse_database(rest + 1, strlen(rest + 1), out, out_problem);
}

static int
parse_socket(const char *text, struct redis_url *out, const char **out_problem)
{
	static const char query[] = "?db=";
	size_t len = strcspn(text, "?");

	if (text[0] != '/' || len < 2)
		return refuse(out_problem, "unix:// wants an absolute path");
	if (len > REDIS_URL_PATH_MAX)
		return refuse(out_problem, "the path is longer than 107 bytes");
	memcpy(out->path, text, len);
	out->path[len] = '\0';
	text += len;
	if (text[0] == '\0')
		return 0;
	if (strncmp(text, query, sizeof(query) - 1) != 0)
		return refuse(out_problem,
		    "behind the path only ?db=N is known");
	text += sizeof(query) - 1;
	return parse_database(text, strlen(text), out, out_problem);
}

typedef int parse_rest(const char *text, struct redis_url *out,
    const char **out_problem);

static const struct scheme {
	const char *name;
	parse_rest *parse;
	bool tls;
} schemes[] = {
	{ "redis://", parse_servers, false },
	{ "rediss://", parse_servers, true },
	{ "unix://", parse_socket, false },
	{ "sentinel://", parse_sentinels, false },
	{ "sentinels://", parse_sentinels, true },
};

int
redis_url_parse(const char *text, struct redis_url *out,
    const char **out_problem)
{
	struct redis_url url;
	size_t i, len;
	int rc;

	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		len = strlen(schemes[i].name);
		if (strncmp(text, schemes[i].name, len) != 0)
			continue;
		memset(&url, 0, sizeof(url));
		url.tls = schemes[i].tls;
		rc = schemes[i].parse(text + len, &url, out_problem);
		if (rc == 0)
			*out = url;
		return rc;
	}
	return refuse(out_problem,
	    "it must begin with redis://, rediss://, unix://, sentinel:// or "
	    "sentinels://");
}
