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
 * client may come without one and x509 role 0 is reported.  The dates of a
 * client's certificate are checked by the server's clock.
 */
int tls_server_ctx(const struct tls_files *f, bool peer_must,
    struct ssl_ctx_st **ctx, struct why *why);
/*
 * From now on this server lets a client's own certificate through whose
 * dates do not fit, and nothing else that is wrong with it.  Whoever asks
 * for that must look at the dates in x509_id and allow such a client next
 * to nothing: it is a host that was away for long, or a stolen old disk.
 */
void tls_server_take_stale(struct ssl_ctx_st *ctx);
/*
 * A client with a certificate of its own does not ask its own clock for the
 * dates of the server's: that clock may be off by a year, whoever is root
 * can step it, and a host that is cut off has nobody to set it by.  The
 * dates are held against one thing that nobody on the host can move, the
 * day on which our CA issued the client's own certificate (RFC 5280,
 * 4.1.2.5): a server certificate that had ended by then is refused, so an
 * old collector's key that was stolen is good for nothing; one that ended
 * later is taken, whatever the clock says.  What such a server can do is
 * bounded anyhow: orders have their own key.  A client without certificate
 * (enrolment) checks the dates by its clock.
 */
int tls_client_ctx(const struct tls_files *f, struct ssl_ctx_st **ctx,
    struct why *why);
void tls_ctx_free(struct ssl_ctx_st **ctx);

/* Who is on the other side; role 0 if it sent no certificate. */
int tls_peer(const struct ssl_st *ssl, struct x509_id *id);
/* The oldest error of OpenSSL's queue in words, and clear the queue. */
const char *tls_error(char *out, size_t size);

#endif
