/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The collector's side of the signer's socket: one request, one answer, at
 * most SIGNER_CLIENT_MS each.  Any thread may ask; they take turns.
 * Connects by itself, again when the line breaks.
 */
#ifndef CORDON_SERVER_LINKS_SIGNER_CLIENT_H
#define CORDON_SERVER_LINKS_SIGNER_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/sign.h"

#define SIGNER_CLIENT_MS 2000
/* After a failure heads are not tried for that long: a signer that hangs
 * must not slow down each commit. */
#define SIGNER_CLIENT_PAUSE_MS 5000

struct signer_client;

struct signer_client *signer_client_new(const char *socket_path);
void signer_client_free(struct signer_client **c);

int signer_client_keys(struct signer_client *c,
    uint8_t order_key[SIGN_KEY_LEN], uint8_t audit_key[SIGN_KEY_LEN],
    struct why *why);

/*
 * The next three have the forms of orders_settings.sign,
 * cases_settings.sign_manifest and audit_sign_fn; ARG is the client.
 * ERR_PERM: the signer refused, WHY has its words.  Else it is away.
 */
int signer_client_order(void *arg, const void *body, size_t len,
    struct buf *out, struct why *why);
int signer_client_manifest(void *arg, const char *manifest_id,
    const uint8_t digest[32], uint8_t sig[64], struct why *why);
int signer_client_head(void *arg, const char *what, uint64_t number,
    const char *hash, uint8_t sig[SIGN_SIG_LEN]);

#endif
