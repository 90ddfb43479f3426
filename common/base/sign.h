/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ed25519 signatures (RFC 8032) through OpenSSL's EVP, always over a
 * context string with its terminator and then the data, so that a signature
 * made for one purpose never serves another.
 */
#ifndef CORDON_BASE_SIGN_H
#define CORDON_BASE_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define SIGN_KEY_LEN 32 /* raw public key */
#define SIGN_KEY_ID_LEN 8
#define SIGN_SIG_LEN 64
#define ORDER_CONTEXT "cordon-order-v1"
#define MANIFEST_CONTEXT "cordon-manifest-v1"
#define AUDIT_CONTEXT "cordon-audit-v1"

struct sign_key; /* private key; opaque */

int sign_key_new(struct sign_key **key); /* fresh random key */
/* PKCS#8 PEM. */
int sign_key_load(const char *path, struct sign_key **key, struct why *why);
/* Mode 0400; ERR_EXIST if there is a file already. */
int sign_key_save(const struct sign_key *key, const char *path,
    struct why *why);
void sign_key_free(struct sign_key **key);
void sign_key_public(const struct sign_key *key, uint8_t out[SIGN_KEY_LEN]);
/* First 8 bytes of SHA-256 of the raw public key. */
void sign_key_id(const uint8_t key[SIGN_KEY_LEN],
    uint8_t out[SIGN_KEY_ID_LEN]);

int sign_make(const struct sign_key *key, const char *context,
    const void *data, size_t len, uint8_t sig[SIGN_SIG_LEN]);
bool sign_good(const uint8_t key[SIGN_KEY_LEN], const char *context,
    const void *data, size_t len, const uint8_t sig[SIGN_SIG_LEN]);

#endif
