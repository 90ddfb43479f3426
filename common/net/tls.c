/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TLS 1.3 contexts (RFC 8446).  Runs in the agent's network process and in
 * the collector.  The peer is nobody until its chain ends in our own CA;
 * the system's certificate store is never looked at.
 */
#include "common/net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/base/id.h"
#include "common/net/x509_pem.h"

/* AES-128 first: fastest with AES-NI, and the memory is the smallest. */
#define SUITES                                                                 \
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"                       \
	"TLS_CHACHA20_POLY1305_SHA256"
#define CERT_LIST_MAX (16 * 1024) /* bytes of the peer's chain */
#define SESSION_ID_CONTEXT "cordon"

/* The pinned digest of a client without CA file belongs to its SSL_CTX. */
static int pin_index = -1;
static pthread_once_t pin_once = PTHREAD_ONCE_INIT;

static void
pin_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
    void *argp)
{
	(void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
	free(ptr);
}

static void
pin_start(void)
{
	pin_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, pin_free);
}

const char *
tls_error(char *out, size_t size)
{
	unsigned long code = ERR_get_error();
	const char *text = code != 0 ? ERR_reason_error_string(code) : NULL;

	if (code == 0)
		snprintf(out, size, "no reason given");
	else if (text != NULL)
		snprintf(out, size, "%s", text);
	else
		snprintf(out, size, "OpenSSL error %lx", code);
	ERR_clear_error();
	return out;
}

static bool
dates_only(X509_STORE_CTX *store)
{
	int err = X509_STORE_CTX_get_error(store);

	return err == X509_V_ERR_CERT_HAS_EXPIRED ||
	    err == X509_V_ERR_CERT_NOT_YET_VALID;
}

/* The client's own certificate may be out of its dates, the CA not. */
static int
verify_stale(int ok, X509_STORE_CTX *store)
{
	if (ok || !dates_only(store) ||
	    X509_STORE_CTX_get_error_depth(store) != 0)
		return ok;
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

/*
 * Had this server certificate ended when the CA issued ours?  Then it is
 * older than anything that we can be talking to.
 */
static bool
ended_before_ours(X509_STORE_CTX *store)
{
	const X509 *theirs = X509_STORE_CTX_get_current_cert(store), *ours;
	SSL *ssl = X509_STORE_CTX_get_ex_data(store,
	    SSL_get_ex_data_X509_STORE_CTX_idx());

	ours = ssl != NULL ? SSL_get_certificate(ssl) : NULL;
	return theirs == NULL || ours == NULL ||
	    ASN1_TIME_compare(X509_get0_notAfter(theirs),
		X509_get0_notBefore(ours)) != 1;
}

/* By the day that our own certificate was issued, never by the clock. */
static int
verify_by_ours(int ok, X509_STORE_CTX *store)
{
	if (ok || !dates_only(store))
		return ok;
	/* The CA is pinned as a key; it has no other date than "ours". */
	if (X509_STORE_CTX_get_error_depth(store) == 0 &&
	    X509_STORE_CTX_get_error(store) == X509_V_ERR_CERT_HAS_EXPIRED &&
	    ended_before_ours(store))
		return 0;
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

static X509 *
find_pinned(STACK_OF(X509) *chain, const uint8_t *pin)
{
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned int len;
	int i;

	for (i = 0; chain != NULL && i < sk_X509_num(chain); i++) {
		X509 *x = sk_X509_value(chain, i);

		if (X509_digest(x, EVP_sha256(), md, &len) == 1 &&
		    len == DIGEST_LEN && bytes_equal(md, pin, DIGEST_LEN) &&
		    X509_check_ca(x) == 1 &&
		    (X509_get_extension_flags(x) & EXFLAG_SS))
			return x;
	}
	return NULL;
}

/*
 * Enrolment knows the CA only by its digest: the server sends it in its
 * chain, and the one that fits becomes the only trust anchor of this check.
 */
static int
verify_pinned(X509_STORE_CTX *store, void *arg)
{
	STACK_OF(X509) *anchors = NULL;
	X509 *root;
	int ok = 0;

	root = find_pinned(X509_STORE_CTX_get0_untrusted(store), arg);
	if (root == NULL) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
		return 0;
	}
	anchors = sk_X509_new_null();
	if (anchors == NULL || sk_X509_push(anchors, root) <= 0) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_OUT_OF_MEM);
		goto done;
	}
	X509_STORE_CTX_set0_trusted_stack(store, anchors);
	ok = X509_verify_cert(store) == 1;
done:
	sk_X509_free(anchors);
	return ok;
}

/* What both sides have in common. */
static int
common_ctx(const SSL_METHOD *method, SSL_CTX **out, struct why *why)
{
	SSL_CTX *ctx;

	ctx = SSL_CTX_new(method);
	if (ctx == NULL)
		return x509_fail(why, "TLS context");
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(ctx, SUITES) != 1 ||
	    SSL_CTX_set1_groups_list(ctx, "X25519:P-256") != 1) {
		SSL_CTX_free(ctx);
		return x509_fail(why, "TLS 1.3 settings");
	}
	SSL_CTX_set_mode(ctx,
	    SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
		SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(ctx, CERT_LIST_MAX);
	/* No intermediates: the CA itself signs. */
	SSL_CTX_set_verify_depth(ctx, 0);
	*out = ctx;
	return 0;
}

static int
use_own(SSL_CTX *ctx, const struct tls_files *f, struct why *why)
{
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	int err;

	err = x509_key_load(f->key, &key, why);
	if (err == 0)
		err = x509_cert_load(f->cert, &cert, why);
	if (err != 0)
		goto done;
	if (SSL_CTX_use_certificate(ctx, cert) != 1 ||
	    SSL_CTX_use_PrivateKey(ctx, key) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1) {
		ERR_clear_error();
		err = why_set(why, ERR_CRYPTO, "%s does not belong to %s",
		    f->key, f->cert);
	}
done:
	X509_free(cert);
	EVP_PKEY_free(key);
	return err;
}

/* Trust F->ca alone; a server also sends it, for those who know its digest. */
static int
use_ca(SSL_CTX *ctx, const char *path, bool send, struct why *why)
{
	X509 *ca = NULL;
	int err;

	err = x509_cert_load(path, &ca, why);
	if (err != 0)
		return err;
	if (X509_check_ca(ca) != 1)
		err = why_set(why, ERR_CRYPTO, "%s: not a CA certificate",
		    path);
	else if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca) != 1 ||
	    (send && (SSL_CTX_add1_chain_cert(ctx, ca) != 1 ||
			 SSL_CTX_add_client_CA(ctx, ca) != 1)))
		err = x509_fail(why, path);
	X509_free(ca);
	return err;
}

static int
use_pin(SSL_CTX *ctx, const uint8_t *sha256, struct why *why)
{
	uint8_t *pin;

	pthread_once(&pin_once, pin_start);
	pin = malloc(DIGEST_LEN);
	if (pin == NULL || pin_index < 0 ||
	    SSL_CTX_set_ex_data(ctx, pin_index, pin) != 1) {
		free(pin);
		return why_set(why, ERR_NOMEM, "out of memory");
	}
	memcpy(pin, sha256, DIGEST_LEN);
	SSL_CTX_set_cert_verify_callback(ctx, verify_pinned, pin);
	return 0;
}

int
tls_server_ctx(const struct tls_files *f, bool peer_must,
    struct ssl_ctx_st **out, struct why *why)
{
	SSL_CTX *ctx = NULL;
	int err, mode;

	if (f->key == NULL || f->cert == NULL || f->ca == NULL)
		return why_set(why, ERR_CONFIG,
		    "a server needs key, certificate and CA");
	err = common_ctx(TLS_server_method(), &ctx, why);
	if (err != 0)
		return err;
	err = use_own(ctx, f, why);
	if (err == 0)
		err = use_ca(ctx, f->ca, true, why);
	if (err != 0) {
		SSL_CTX_free(ctx);
		return err;
	}
	mode = SSL_VERIFY_PEER;
	if (peer_must)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(ctx, mode, NULL);
	SSL_CTX_set_purpose(ctx, X509_PURPOSE_SSL_CLIENT);
	/* No tickets: resumption would skip a fresh look at the peer. */
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_session_id_context(ctx,
	    (const uint8_t *)SESSION_ID_CONTEXT, sizeof(SESSION_ID_CONTEXT) - 1);
	*out = ctx;
	return 0;
}

void
tls_server_take_stale(struct ssl_ctx_st *ctx)
{
	SSL_CTX_set_verify(ctx, SSL_CTX_get_verify_mode(ctx), verify_stale);
}

int
tls_client_ctx(const struct tls_files *f, struct ssl_ctx_st **out,
    struct why *why)
{
	SSL_CTX *ctx = NULL;
	int err;

	if ((f->key == NULL) != (f->cert == NULL) ||
	    (f->ca == NULL) == (f->ca_sha256 == NULL))
		return why_set(why, ERR_CONFIG, "a client needs key and "
		    "certificate or neither, and a CA or its digest");
	err = common_ctx(TLS_client_method(), &ctx, why);
	if (err != 0)
		return err;
	if (f->key != NULL)
		err = use_own(ctx, f, why);
	if (err == 0)
		err = f->ca != NULL ? use_ca(ctx, f->ca, false, why)
				    : use_pin(ctx, f->ca_sha256, why);
	if (err != 0) {
		SSL_CTX_free(ctx);
		return err;
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER,
	    f->cert != NULL ? verify_by_ours : NULL);
	SSL_CTX_set_purpose(ctx, X509_PURPOSE_SSL_SERVER);
	*out = ctx;
	return 0;
}

void
tls_ctx_free(struct ssl_ctx_st **ctx)
{
	SSL_CTX_free(*ctx);
	*ctx = NULL;
}

int
tls_peer(const struct ssl_st *ssl, struct x509_id *id)
{
	X509 *x = SSL_get0_peer_certificate(ssl);
	uint8_t *der = NULL;
	int err, len;

	if (x == NULL) {
		memset(id, 0, sizeof(*id));
		return 0;
	}
	len = i2d_X509(x, &der);
	if (len <= 0)
		return ERR_CRYPTO;
	err = x509_read(der, (size_t)len, id, NULL);
	OPENSSL_free(der);
	return err;
}
