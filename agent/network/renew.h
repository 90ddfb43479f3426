/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Renewing the certificate well before it expires, with a new key. */
#ifndef CORDON_AGENT_NETWORK_RENEW_H
#define CORDON_AGENT_NETWORK_RENEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

#define RENEW_AGAIN_MS (60 * 60 * 1000) /* between two requests */

struct renew {
	const char *state_dir, *host_id; /* lent */
	int64_t not_before_ms, not_after_ms;
	bool wanted;	  /* the collector said so; cleared by the request */
	bool asked;	  /* a request is under way */
	int64_t asked_at; /* boot ms; 0: never */
	bool stale;	  /* the collector took ours for renewal only */
};

int renew_init(struct renew *r, const char *state_dir, const char *host_id,
    struct why *why);
/*
 * Is it time?  Less than a third of the lifetime left, or wanted.  NOW_MS:
 * the collector's time, which dated the certificate; ours may be off.
 */
bool renew_due(const struct renew *r, int64_t now_ms);
/* Make a key unless one is waiting, and pack the CertRequest into OUT. */
int renew_request(struct renew *r, struct buf *out, struct why *why);
/* Forget the request: the connection it went over has ended. */
void renew_forget(struct renew *r);
/*
 * CertIssued came.  *INSTALLED: the identity was replaced.  ERR_PROTO when
 * none was asked for; ERR_CRYPTO when it does not fit: nothing was changed.
 */
int renew_issued(struct renew *r, const uint8_t *payload, size_t len,
    bool *installed, struct why *why);

#endif
