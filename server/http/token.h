/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Enrolment tokens (160 random bits as 32 base32 digits; stored as SHA-256
 * of that text) and PEM (RFC 7468) of what enrolment exchanges.
 */
#ifndef CORDON_SERVER_HTTP_TOKEN_H
#define CORDON_SERVER_HTTP_TOKEN_H

#include <jansson.h>

#include "common/base/buf.h"
#include "common/base/digest.h"
#include "common/base/err.h"

#define TOKEN_TEXT 33 /* with the terminator */

void token_new(char out[TOKEN_TEXT]);
/* Hex SHA-256 of the text, as in the table `tokens`. */
void token_hash(const char *token, char out[DIGEST_HEX_MAX]);

/* The first block of PEM text, which must be KIND; ERR_SYNTAX. */
int pem_read(const char *text, const char *kind, struct buf *der);
/* KEY: a certificate as PEM. */
int pem_put(json_t *o, const char *key, const struct buf *der);

#endif
