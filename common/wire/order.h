/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Signed orders: sign, verify, bounds.  Verification runs in the enforcer
 * and trusts not one byte that came from outside; signing runs only in the
 * signer.  Ed25519 as in RFC 8032, through OpenSSL's EVP.
 */
#ifndef CORDON_WIRE_ORDER_H
#define CORDON_WIRE_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/sign.h"
#include "common/wire/order.pb-c.h"

#define ORDER_MAX (32 * 1024) /* packed SignedOrder */
#define ORDER_ALLOWED_MAX 64
#define ORDER_COLLECTORS_MAX 16
#define ORDER_PROBES_MAX 32
#define ORDER_TEXT_MAX 1024 /* reason, notices: bytes each */
#define ORDER_OPERATORS_MAX 16
#define ORDER_CONFIRM_MAX 3600 /* seconds */
#define ORDER_DRILL_MAX 30     /* minutes */

/* What verification found.  Not an error: each is an answer. */
enum verdict {
	VERDICT_GOOD,
	VERDICT_FORGED,	     /* signature or key id does not fit */
	VERDICT_EXPIRED,     /* after deliver-before */
	VERDICT_STALE_EPOCH, /* not above the last accepted epoch */
	VERDICT_WRONG_HOST,
	VERDICT_MALFORMED, /* cannot be unpacked, or a field out of bounds */
};
const char *verdict_str(enum verdict v);

/* What the one who verifies knows by itself. */
struct order_expect {
	const char *host_id;
	uint64_t last_epoch;  /* accepted so far */
	int64_t now_ms;	      /* wall; 0: do not look at the clock (offline) */
	const uint8_t *key;   /* SIGN_KEY_LEN bytes, raw public key */
};

/*
 * Verify packed SignedOrder bytes.  On VERDICT_GOOD *BODY is unpacked and
 * owned by the caller (cordon__order_body__free_unpacked); also on
 * VERDICT_STALE_EPOCH, so that it can be compared with the
 * order in force; else *BODY is untouched.  WHY says what was wrong.
 * The signature is checked before the body is looked at.
 */
enum verdict order_verify(const void *data, size_t len,
    const struct order_expect *expect, Cordon__OrderBody **body,
    struct why *why);

/* Bounds and sense of a body, as order_verify applies them: 0/ERR_RANGE. */
int order_check(const Cordon__OrderBody *body, struct why *why);

/* A list of collectors, here and wherever else one comes in: 0/ERR_RANGE. */
int order_check_collectors(Cordon__Endpoint *const *list, size_t n,
    struct why *why);

/* Digest that names an order: SHA-256 of the exact body bytes. */
int order_digest(const void *data, size_t len, uint8_t out[32]);

/* Pack SignedOrder{BODY bytes, key id, signature} into OUT. */
int order_sign(const struct sign_key *key, const void *body, size_t len,
    struct buf *out);

#endif
