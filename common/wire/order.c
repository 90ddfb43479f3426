/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Signed orders.  Verifying runs in the enforcer and trusts not one byte;
 * signing runs in the signer, which checks a body by the same rules before
 * it signs.
 */
#include "common/wire/order.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/wire/pack.h"
#include "common/wire/unpack.h"

#define ORDER_VERSION 1
#define TCP 6
#define UDP 17

#define PROFILE(x) CORDON__PROFILE__PROFILE_##x
#define MODE(x) CORDON__MODE__MODE_##x
#define REVIEW(x) CORDON__REVIEW_THEN__REVIEW_##x
#define DEADMAN(x) CORDON__DEAD_MAN_THEN__DEADMAN_##x
#define DIRECTION(x) CORDON__DIRECTION__DIRECTION_##x

const char *
verdict_str(enum verdict v)
{
	static const char *const names[] = {
		[VERDICT_GOOD] = "good",
		[VERDICT_FORGED] = "forged",
		[VERDICT_EXPIRED] = "expired",
		[VERDICT_STALE_EPOCH] = "stale-epoch",
		[VERDICT_WRONG_HOST] = "wrong-host",
		[VERDICT_MALFORMED] = "malformed",
	};

	return (unsigned int)v < sizeof(names) / sizeof(names[0]) ? names[v]
								  : "?";
}

static int
bad(struct why *why, const char *what)
{
	return why_set(why, ERR_RANGE, "%s", what);
}

/* -- endpoints ------------------------------------------------------------- */

/* ::ffff:0:0/96 (RFC 4291, 2.5.5.2) is never on the wire: no rule meets it. */
static bool
v4_mapped(const ProtobufCBinaryData *a)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	return a->len == 16 && memcmp(a->data, prefix, sizeof(prefix)) == 0;
}

static int
check_endpoint(const Cordon__Endpoint *e, struct why *why)
{
	if (e->address.len != 4 && e->address.len != 16)
		return bad(why, "address is neither 4 nor 16 bytes");
	if (v4_mapped(&e->address))
		return bad(why, "IPv4 address in IPv6 form");
	if (e->prefix_len < 1 || e->prefix_len > 8 * e->address.len)
		return bad(why, "prefix length does not fit the address");
	if (e->protocol != TCP && e->protocol != UDP)
		return bad(why, "protocol is neither TCP nor UDP");
	if (e->port < 1 || e->port > 65535)
		return bad(why, "port is not 1 to 65535");
	if (e->direction != DIRECTION(OUT) && e->direction != DIRECTION(IN))
		return bad(why, "direction is neither out nor in");
	return 0;
}

/* One address that the host may open a connection to. */
static int
check_peer(const Cordon__Endpoint *e, struct why *why)
{
	static const uint8_t zero[16];
	int rc = check_endpoint(e, why);

	if (rc != 0)
		return rc;
	if (e->prefix_len != 8 * e->address.len)
		return bad(why, "a network, not one address");
	if (e->direction != DIRECTION(OUT))
		return bad(why, "direction is not out");
	if (memcmp(e->address.data, zero, e->address.len) == 0)
		return bad(why, "address is empty");
	return 0;
}

static int
check_collector(const Cordon__Endpoint *e, struct why *why)
{
	int rc = check_peer(e, why);

	if (rc != 0)
		return rc;
	if (e->protocol != TCP)
		return bad(why, "protocol is not TCP");
	if (e->address.len == 4 ? e->address.data[0] >= 224
				: e->address.data[0] == 0xff)
		return bad(why, "address is no unicast one");
	return 0;
}

static int
check_list(const char *name, Cordon__Endpoint *const *list, size_t n,
    size_t min, size_t max,
    int (*check)(const Cordon__Endpoint *, struct why *), struct why *why)
{
	size_t i;
	int rc;

	if (n < min || n > max)
		return why_set(why, ERR_RANGE, "%s: %zu, must be %zu to %zu",
		    name, n, min, max);
	for (i = 0; i < n; i++) {
		rc = check(list[i], why);
		if (rc != 0) {
			why_prefix(why, "%s %zu: ", name, i + 1);
			return rc;
		}
	}
	return 0;
}

int
order_check_collectors(Cordon__Endpoint *const *list, size_t n,
    struct why *why)
{
	return check_list("collectors", list, n, 1, ORDER_COLLECTORS_MAX,
	    check_collector, why);
}

/* -- body ------------------------------------------------------------------ */

static int
check_ids(const Cordon__OrderBody *b, struct why *why)
{
	if (b->version != ORDER_VERSION)
		return why_set(why, ERR_RANGE, "version %" PRIu32 ", not %d",
		    b->version, ORDER_VERSION);
	if (!id_valid(b->host_id))
		return bad(why, "host id is none");
	if (b->epoch == 0)
		return bad(why, "epoch is 0");
	if (!id_valid(b->order_id))
		return bad(why, "order id is none");
	if (!id_valid(b->plan_id))
		return bad(why, "plan id is none");
	if (b->case_id[0] != '\0' && !id_valid(b->case_id))
		return bad(why, "case id is none");
	return 0;
}

static int
check_peers(const Cordon__OrderBody *b, struct why *why)
{
	bool named = b->profile == PROFILE(RECOVERY) ||
	    b->profile == PROFILE(LIMITED);
	int rc;

	if (!named && b->profile != PROFILE(OPEN) &&
	    b->profile != PROFILE(STRICT))
		return bad(why, "profile is none that exists");
	rc = check_list("allowed", b->allowed, b->n_allowed, 0,
	    named ? ORDER_ALLOWED_MAX : 0, check_endpoint, why);
	if (rc == 0)
		rc = order_check_collectors(b->collectors, b->n_collectors,
		    why);
	if (rc == 0)
		rc = check_list("probes", b->probes, b->n_probes, 0,
		    ORDER_PROBES_MAX, check_peer, why);
	return rc;
}

static int
check_times(const Cordon__OrderBody *b, struct why *why)
{
	bool open = b->profile == PROFILE(OPEN);

	if (b->issued_at_ms <= 0)
		return bad(why, "no time of issue");
	if (b->deliver_before_ms != 0 &&
	    b->deliver_before_ms <= b->issued_at_ms)
		return bad(why, "deliver-before is not after the issue");
	if (b->review_then != REVIEW(NONE) &&
	    b->review_then != REVIEW(REMIND) &&
	    b->review_then != REVIEW(RESTORE))
		return bad(why, "what happens at review is none that exists");
	if ((b->review_then == REVIEW(NONE)) != (b->review_by_ms == 0))
		return bad(why, "review time without what happens then, or "
		    "the other way round");
	if (b->review_then == REVIEW(NONE) && !open)
		return bad(why, "no review time");
	if (b->review_then == REVIEW(RESTORE) && open)
		return bad(why, "an open host cannot be restored at review");
	if (b->review_by_ms != 0 && b->review_by_ms <= b->issued_at_ms)
		return bad(why, "review time is not after the issue");
	return 0;
}

static int
check_safety(const Cordon__OrderBody *b, struct why *why)
{
	const Cordon__DeadMan *d = b->deadman;

	if (b->confirm_seconds > ORDER_CONFIRM_MAX)
		return bad(why, "more than 3600 seconds to confirm");
	if (b->confirm_hash.len != (b->confirm_seconds > 0 ? DIGEST_LEN : 0))
		return bad(why, "confirm hash does not go with the seconds");
	if (d != NULL && d->then != DEADMAN(STAY) &&
	    d->then != DEADMAN(RECOVERY) && d->then != DEADMAN(OPEN))
		return bad(why, "dead-man does nothing that exists");
	if (d != NULL && d->after_seconds == 0 && d->then != DEADMAN(STAY))
		return bad(why, "dead-man without a time");
	return check_list("deadman_allowed", b->deadman_allowed,
	    b->n_deadman_allowed, 0, d != NULL &&
	    d->then == DEADMAN(RECOVERY) && b->profile == PROFILE(STRICT) ?
	    ORDER_ALLOWED_MAX : 0, check_endpoint, why);
}

static int
check_mode(const Cordon__OrderBody *b, struct why *why)
{
	bool live = b->mode == MODE(DRILL_LIVE) ||
	    b->mode == MODE(DRILL_COUNT);

	if (!live && b->mode != MODE(ENFORCE) && b->mode != MODE(DRILL_DRY))
		return bad(why, "mode is none that exists");
	if (live &&
	    (b->drill_minutes < 1 || b->drill_minutes > ORDER_DRILL_MAX))
		return bad(why, "a live or counting drill takes 1 to 30 "
		    "minutes");
	if (!live && b->drill_minutes != 0)
		return bad(why, "drill minutes without a live or counting "
		    "drill");
	if (live && b->profile == PROFILE(OPEN))
		return bad(why, "a drill never opens a host");
	return 0;
}

static int
check_text(const char *name, const char *text, struct why *why)
{
	size_t n = strnlen(text, ORDER_TEXT_MAX + 1);

	if (n > ORDER_TEXT_MAX)
		return why_set(why, ERR_RANGE, "%s: longer than %d bytes",
		    name, ORDER_TEXT_MAX);
	if (!text_printable(text, n, true))
		return why_set(why, ERR_RANGE,
		    "%s: control characters or not UTF-8", name);
	return 0;
}

int
order_check(const Cordon__OrderBody *body, struct why *why)
{
	int rc;

	if ((rc = check_ids(body, why)) != 0 ||
	    (rc = check_peers(body, why)) != 0 ||
	    (rc = check_times(body, why)) != 0 ||
	    (rc = check_safety(body, why)) != 0 ||
	    (rc = check_mode(body, why)) != 0 ||
	    (rc = check_text("reason", body->reason, why)) != 0 ||
	    (rc = check_text("notice_en", body->notice_en, why)) != 0)
		return rc;
	return check_text("notice_zh", body->notice_zh, why);
}

/* -- verify ---------------------------------------------------------------- */

static enum verdict
say(struct why *why, enum verdict v, const char *what)
{
	why_set(why, 0, "%s", what);
	return v;
}

/* The envelope: sizes, then key id, then signature. */
static enum verdict
check_seal(const Cordon__SignedOrder *s, const uint8_t *key, struct why *why)
{
	uint8_t id[SIGN_KEY_ID_LEN];
	size_t i;

	if (s->body.len == 0 || s->key_id.len != SIGN_KEY_ID_LEN ||
	    s->signature.len != SIGN_SIG_LEN)
		return say(why, VERDICT_MALFORMED,
		    "body, key id or signature has not the length it must");
	if (s->n_operators > ORDER_OPERATORS_MAX)
		return say(why, VERDICT_MALFORMED,
		    "too many operator signatures");
	for (i = 0; i < s->n_operators; i++)
		if (!name_valid(s->operators[i]->operator_) ||
		    s->operators[i]->signature.len != SIGN_SIG_LEN)
			return say(why, VERDICT_MALFORMED,
			    "an operator signature is out of bounds");
	sign_key_id(key, id);
	if (!bytes_equal(id, s->key_id.data, sizeof(id)))
		return say(why, VERDICT_FORGED,
		    "signed by another key than this host's order key");
	if (!sign_good(key, ORDER_CONTEXT, s->body.data, s->body.len,
	    s->signature.data))
		return say(why, VERDICT_FORGED, "the signature is not good");
	return VERDICT_GOOD;
}

/*
 * Whose, which, when.  The epoch before the clock: an order that is in
 * force already is answered as such, however late it comes again.
 */
static enum verdict
check_fit(const Cordon__OrderBody *b, const struct order_expect *expect,
    struct why *why)
{
	if (strcmp(b->host_id, expect->host_id) != 0) {
		why_set(why, 0, "the order is for %s, this is %s", b->host_id,
		    expect->host_id);
		return VERDICT_WRONG_HOST;
	}
	if (b->epoch <= expect->last_epoch) {
		why_set(why, 0, "epoch %" PRIu64 ", %" PRIu64
		    " was accepted already", b->epoch, expect->last_epoch);
		return VERDICT_STALE_EPOCH;
	}
	if (expect->now_ms != 0 && b->deliver_before_ms != 0 &&
	    expect->now_ms > b->deliver_before_ms)
		return say(why, VERDICT_EXPIRED,
		    "it came after its deliver-before time");
	return VERDICT_GOOD;
}

enum verdict
order_verify(const void *data, size_t len, const struct order_expect *expect,
    Cordon__OrderBody **body, struct why *why)
{
	Cordon__SignedOrder *s = NULL;
	Cordon__OrderBody *b = NULL;
	enum verdict v;

	if (len == 0 || len > ORDER_MAX)
		return say(why, VERDICT_MALFORMED, "empty or too long");
	s = unpack(&cordon__signed_order__descriptor, data, len);
	if (s == NULL)
		return say(why, VERDICT_MALFORMED, "not a signed order");
	v = check_seal(s, expect->key, why);
	if (v != VERDICT_GOOD)
		goto done;
	b = unpack(&cordon__order_body__descriptor, s->body.data, s->body.len);
	if (b == NULL) {
		v = say(why, VERDICT_MALFORMED, "its body is not an order");
		goto done;
	}
	if (order_check(b, why) != 0) {
		v = VERDICT_MALFORMED;
		goto done;
	}
	v = check_fit(b, expect, why);
	if (v == VERDICT_GOOD || v == VERDICT_STALE_EPOCH) {
		*body = b;
		b = NULL;
	}
done:
	if (b != NULL)
		cordon__order_body__free_unpacked(b, NULL);
	cordon__signed_order__free_unpacked(s, NULL);
	return v;
}

/* -- sign ------------------------------------------------------------------ */

int
order_digest(const void *data, size_t len, uint8_t out[32])
{
	digest_of(data, len, out);
	return 0;
}

int
order_sign(const struct sign_key *key, const void *body, size_t len,
    struct buf *out)
{
	Cordon__SignedOrder s = CORDON__SIGNED_ORDER__INIT;
	uint8_t public[SIGN_KEY_LEN], id[SIGN_KEY_ID_LEN], sig[SIGN_SIG_LEN];
	int rc;

	if (len == 0 || len > ORDER_MAX)
		return ERR_LIMIT;
	sign_key_public(key, public);
	sign_key_id(public, id);
	rc = sign_make(key, ORDER_CONTEXT, body, len, sig);
	if (rc != 0)
		return rc;
	s.body = (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)body};
	s.key_id = (ProtobufCBinaryData){sizeof(id), id};
	s.signature = (ProtobufCBinaryData){sizeof(sig), sig};
	if (cordon__signed_order__get_packed_size(&s) > ORDER_MAX)
		return ERR_LIMIT;
	return pack(&s.base, out);
}
