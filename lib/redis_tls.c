/* SPDX-License-Identifier: ISC */
/*
 * See redis_tls.h.  hiredis would check who signed the certificate, but not
 * whom it names: so OpenSSL is set up here, and hiredis only speaks it.
 */
#include "lib/redis_tls.h"

#include <errno.h>
#include <stddef.h>

#ifdef HAVE_HIREDIS_SSL
#include <arpa/inet.h>

#include <hiredis/async.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

static bool
is_set(const char *text)
{
	return text != NULL && text[0] != '\0';
}

static bool
is_literal(const char *host)
{
	struct in6_addr address;

	return inet_pton(AF_INET, host, &address) == 1 ||
	    inet_pton(AF_INET6, host, &address) == 1;
}

static int
on_verify(int is_good, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store,
	    SSL_get_ex_data_X509_STORE_CTX_idx());
	const char **out_problem = SSL_get_app_data(ssl);

	if (!is_good)
		*out_problem = X509_verify_cert_error_string(
		    X509_STORE_CTX_get_error(store));
	return is_good;
}

/* NULL, or what is wrong. */
static const char *
load(SSL_CTX *ctx, const struct redis_tls_conf *conf)
{
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1)
		return "TLS 1.2 is not available";
	if (is_set(conf->ca_file) ?
		SSL_CTX_load_verify_file(ctx, conf->ca_file) != 1 :
		SSL_CTX_set_default_verify_paths(ctx) != 1)
		return "redis.tls_ca cannot be read";
	if (!is_set(conf->cert_file))
		return NULL;
	if (SSL_CTX_use_certificate_chain_file(ctx, conf->cert_file) != 1)
		return "redis.tls_cert cannot be read";
	if (SSL_CTX_use_PrivateKey_file(ctx, conf->key_file,
		SSL_FILETYPE_PEM) != 1)
		return "redis.tls_key cannot be read, or is another's";
	return NULL;
}

static const char *
name_host(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	if (is_literal(host) ? X509_VERIFY_PARAM_set1_ip_asc(param, host) != 1 :
			       SSL_set1_host(ssl, host) != 1 ||
		    SSL_set_tlsext_host_name(ssl, host) != 1)
		return "no memory";
	return NULL;
}

int
redis_tls_begin(struct redisAsyncContext *ac, const struct redis_tls_conf *conf,
    const char *host, const char **out_problem)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	const char *problem = ctx == NULL ? "no memory" : load(ctx, conf);
	SSL *ssl = NULL;

	if (problem == NULL) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_verify);
		ssl = SSL_new(ctx);
		problem = ssl == NULL ||
			SSL_set_app_data(ssl, out_problem) != 1 ?
		    "no memory" :
		    name_host(ssl, host);
	}
	/* A failure leaves ssl to us, success to the context. */
	if (problem == NULL && redisInitiateSSL(&ac->c, ssl) != REDIS_OK)
		problem = "TLS cannot be begun";
	if (problem != NULL)
		SSL_free(ssl);
	SSL_CTX_free(ctx);
	ERR_clear_error();
	if (problem == NULL)
		return 0;
	*out_problem = problem;
	return -EINVAL;
}

#else

int
redis_tls_begin(struct redisAsyncContext *ac, const struct redis_tls_conf *conf,
    const char *host, const char **out_problem)
{
	(void)ac;
	(void)conf;
	(void)host;
	*out_problem = "built without TLS to Redis";
	return -EINVAL;
}

#endif
