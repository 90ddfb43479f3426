/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What x509.c, ca.c and tls.c share of OpenSSL's types: for this room only;
 * the others see x509.h.
 */
#ifndef CORDON_NET_X509_PEM_H
#define CORDON_NET_X509_PEM_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

#include "common/base/err.h"
#include "common/net/x509.h"

/* Load one P-256 key or the first certificate of a PEM file. */
int x509_key_load(const char *path, EVP_PKEY **key, struct why *why);
int x509_cert_load(const char *path, X509 **cert, struct why *why);
/* PKCS#8 PEM, 0600, atomically. */
int x509_key_write(const char *path, EVP_PKEY *key, struct why *why);

bool x509_key_is_p256(EVP_PKEY *key);
/* 1 to X509_SUBJECT_MAX - 1 bytes, printable UTF-8. */
bool x509_name_good(const char *name);
/* The OU of a role, "agent"; NULL for the CA and for no role. */
const char *x509_role_unit(enum x509_role role);
/* ERR_CRYPTO, "WHAT: oldest error of OpenSSL". */
int x509_fail(struct why *why, const char *what);

#endif
