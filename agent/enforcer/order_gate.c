/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The gate for orders.  Runs in the enforcer and trusts neither the network
 * process that hands orders in nor the disk that kept them.
 */
#include "agent/enforcer/order_gate.h"

#include <stdio.h>
#include <string.h>

#include "common/wire/unpack.h"

static bool
isolates(const Cordon__OrderBody *b)
{
	return b->profile != CORDON__PROFILE__PROFILE_OPEN &&
	    b->mode != CORDON__MODE__MODE_DRILL_DRY;
}

static bool
same_bytes(const struct buf *b, const void *data, size_t len)
{
	return b->len == len && len > 0 && memcmp(b->data, data, len) == 0;
}

void
order_gate_check(const struct order_gate *g, const struct state *s,
    const void *order, size_t len, int64_t now_ms, struct gate_result *out,
    struct why *why)
{
	struct order_expect expect = {.host_id = g->host_id,
	    .last_epoch = s->epoch, .now_ms = now_ms, .key = g->key};

	memset(out, 0, sizeof(*out));
	out->says = GATE_REFUSE;
	digest_of(order, len, out->digest);
	out->verdict = order_verify(order, len, &expect, &out->body, why);
	if (out->verdict == VERDICT_STALE_EPOCH) {
		if (s->answer.len > 0 &&
		    memcmp(s->answered, out->digest, DIGEST_LEN) == 0)
			out->says = GATE_REPEAT;
		else if (same_bytes(&s->current.order, order, len))
			out->says = GATE_FORCED;
		return;
	}
	if (out->verdict != VERDICT_GOOD)
		return;
	if (g->never_isolate && isolates(out->body)) {
		why_set(why, ERR_PERM, "this host is marked never-isolate in "
		    "its own configuration");
		return;
	}
	out->says = GATE_TAKE;
}

void
order_gate_label(const void *order, size_t len, char id[ID_MAX],
    uint64_t *epoch)
{
	Cordon__SignedOrder *s;
	Cordon__OrderBody *b = NULL;

	s = unpack(&cordon__signed_order__descriptor, order, len);
	if (s != NULL)
		b = unpack(&cordon__order_body__descriptor, s->body.data,
		    s->body.len);
	if (b != NULL && id_valid(b->order_id)) {
		snprintf(id, ID_MAX, "%s", b->order_id);
		*epoch = b->epoch;
	}
	if (b != NULL)
		cordon__order_body__free_unpacked(b, NULL);
	if (s != NULL)
		cordon__signed_order__free_unpacked(s, NULL);
}

Cordon__OrderBody *
order_gate_stored(const struct order_gate *g, const struct state *s,
    const struct desired *d, struct why *why)
{
	struct order_expect expect = {.host_id = g->host_id, .key = g->key};
	Cordon__OrderBody *body = NULL;
	enum verdict v;

	v = order_verify(d->order.data, d->order.len, &expect, &body, why);
	if (v != VERDICT_GOOD) {
		why_prefix(why, "stored order: %s: ", verdict_str(v));
		return NULL;
	}
	if (body->epoch > s->epoch) {
		why_set(why, ERR_CORRUPT,
		    "stored order: epoch above the accepted one");
		cordon__order_body__free_unpacked(body, NULL);
		return NULL;
	}
	return body;
}
