/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The TLS identity of this host: key and certificate in one PEM file, so
 * that a crash never leaves one without the other, and the CA beside it.
 * All below the network process's own state folder; the key never leaves
 * it.
 */
#ifndef CORDON_AGENT_NETWORK_CREDENTIAL_H
#define CORDON_AGENT_NETWORK_CREDENTIAL_H

#include <stddef.h>

#include "common/base/err.h"

#define CREDENTIAL_FILE "tls.pem"  /* private key, then certificate; 0600 */
#define CREDENTIAL_CA "ca.pem"
#define CREDENTIAL_NEXT "next.key" /* key of a request under way */

/*
 * Is this certificate for the key in KEY_PATH, signed by the CA (DER), an
 * agent's, and named HOST_ID?  0 or ERR_CRYPTO.
 */
int credential_check(const char *key_path, const void *cert, size_t cert_len,
    const void *ca, size_t ca_len, const char *host_id, struct why *why);

/* The CA of STATE_DIR as DER, at most SIZE bytes; *LEN set. */
int credential_ca_der(const char *state_dir, void *out, size_t size,
    size_t *len, struct why *why);

/*
 * Make CREDENTIAL_NEXT and the certificate (DER) the identity, in one step
 * (rename(2)); then remove CREDENTIAL_NEXT.
 */
int credential_install(const char *state_dir, const void *cert,
    size_t cert_len, struct why *why);

#endif
