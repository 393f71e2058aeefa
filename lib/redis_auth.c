/* SPDX-License-Identifier: ISC */
/*
 * See redis_auth.h.
 */
#include "lib/redis_auth.h"

#include <string.h>

#include "lib/fd.h"

static void
add(struct redis_auth_words *words, const char *word)
{
	words->argv[words->argc] = word;
	words->lens[words->argc] = strlen(word);
	words->argc++;
}

int
redis_auth_read(const struct redis_auth *auth, struct redis_auth_words *out)
{
	size_t len;
	int rc;

	out->argc = 0;
	if (auth->password_file[0] == '\0')
		return 0;
	rc = fd_read_file(auth->password_file, out->password,
	    sizeof(out->password), &len);
	if (rc != 0) {
		redis_auth_clear(out);
		return rc;
	}
	out->password[strcspn(out->password, "\r\n")] = '\0';
	add(out, "AUTH");
	if (auth->user[0] != '\0')
		add(out, auth->user);
	add(out, out->password);
	return 0;
}

void
redis_auth_clear(struct redis_auth_words *words)
{
	explicit_bzero(words, sizeof(*words));
}
