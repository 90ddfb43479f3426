/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TLS 1.3 contexts (RFC 8446), mutual, our CA only.  A client checks the
 * chain and the serverAuth purpose, not a host name: collectors are known
 * by pinned address and by the CA.
 */
#ifndef CORDON_NET_TLS_H
#define CORDON_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/net/x509.h"

struct ssl_ctx_st; /* SSL_CTX */
struct ssl_st;	   /* SSL */

struct tls_files {
	const char *key;  /* PEM; NULL: no certificate of our own (enrolment) */
	const char *cert; /* PEM */
	const char *ca;	  /* PEM; NULL with ca_sha256 */
	/* Client without CA file: SHA-256 of the CA certificate it must see. */
	const uint8_t *ca_sha256;
};

/*
 * PEER_MUST: a server that takes no client without certificate; else the
 * client may come without one and x509 role 0 is reported.
 * The certificate dates of the peer are checked by the server's clock; a
 * client accepts a server certificate outside its dates only with
 * LENIENT_DATES (an isolated host with a stepped clock must not strand).
 */
int tls_server_ctx(const struct tls_files *f, bool peer_must,
    struct ssl_ctx_st **ctx, struct why *why);
int tls_client_ctx(const struct tls_files *f, bool lenient_dates,
    struct ssl_ctx_st **ctx, struct why *why);
void tls_ctx_free(struct ssl_ctx_st **ctx);

/* Who is on the other side; role 0 if it sent no certificate. */
int tls_peer(const struct ssl_st *ssl, struct x509_id *id);
/* The oldest error of OpenSSL's queue in words, and clear the queue. */
const char *tls_error(char *out, size_t size);

#endif
