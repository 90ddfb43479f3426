/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys and certificates: P-256, X.509 v3 (RFC 5280).  Our own small CA; an
 * agent's certificate has only clientAuth, a collector's only serverAuth,
 * so that neither can play the other.
 */
#ifndef CORDON_NET_X509_H
#define CORDON_NET_X509_H

#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

#define X509_SUBJECT_MAX 64
#define X509_DER_MAX 4096

enum x509_role {
	X509_AGENT = 1,	   /* clientAuth, OU=agent, CN=host id */
	X509_OPERATOR = 2, /* clientAuth, OU=operator, CN=name */
	X509_SERVER = 3,   /* serverAuth, OU=collector */
	X509_CA = 4,
};

/* What a certificate says, after the chain was checked by TLS. */
struct x509_id {
	enum x509_role role;
	char name[X509_SUBJECT_MAX]; /* CN */
	uint8_t sha256[32];	     /* of the DER */
	char serial[42];	     /* hex */
	int64_t not_before_ms, not_after_ms;
};

/* Make a P-256 key in PATH (PKCS#8 PEM, 0600), unless one is there. */
int x509_key_make(const char *path, struct why *why);
/* PKCS#10 request for the key in KEY_PATH, CN=NAME, as DER. */
int x509_csr_make(const char *key_path, const char *name, struct buf *der,
    struct why *why);

/* New CA: key and self-signed certificate as PEM files, 10 years. */
int x509_ca_make(const char *key_path, const char *cert_path,
    const char *name, struct why *why);

struct x509_ca; /* loaded CA that can issue */
int x509_ca_load(const char *key_path, const char *cert_path,
    struct x509_ca **ca, struct why *why);
void x509_ca_free(struct x509_ca **ca);
/* DER and SHA-256 of the CA's own certificate. */
int x509_ca_der(const struct x509_ca *ca, struct buf *der);
/*
 * Issue for the key of the request, after its own signature was checked;
 * nothing else of the request is used.  Valid from a minute ago until
 * SECONDS from now.  ID says what was issued.
 */
int x509_issue(const struct x509_ca *ca, const void *csr, size_t len,
    enum x509_role role, const char *name, int64_t seconds, struct buf *der,
    struct x509_id *id, struct why *why);

int x509_read(const void *der, size_t len, struct x509_id *id,
    struct why *why);
int x509_read_file(const char *pem_path, struct x509_id *id, struct why *why);
/* Convert one DER certificate to a PEM file, atomically. */
int x509_save(const char *path, const void *der, size_t len, struct why *why);

#endif
