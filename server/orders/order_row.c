/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Orders in the store: rows, states, what is handed to the connection.
 * Runs in jobs on the writer thread.
 */
#include "server/orders/order_row.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/wire/frame.h"
#include "common/wire/order.h"
#include "server/audit/audit.h"

int
order_row_get(struct db *db, const char *order_id, struct order_row *out)
{
	struct order_row o = {0};
	struct db_rows *r;
	const void *secret;
	size_t len;
	int rc;

	rc = db_row(db, &r,
	    "SELECT order_id, host_id, plan_id, case_id, epoch, profile, "
	    "state, created_at, sent_at, answered_at, deliver_before, tries, "
	    "why, secret, drill, drill_until, "
	    "review_then FROM orders WHERE order_id = $1", "s", order_id);
	if (rc != 0)
		return rc;
	db_copy(r, 0, o.order_id, sizeof(o.order_id));
	db_copy(r, 1, o.host_id, sizeof(o.host_id));
	db_copy(r, 2, o.plan_id, sizeof(o.plan_id));
	db_copy(r, 3, o.case_id, sizeof(o.case_id));
	o.epoch = (uint64_t)db_int(r, 4);
	o.profile = (enum profile)db_int(r, 5);
	o.state = (enum order_state)db_int(r, 6);
	o.created_at = db_int(r, 7);
	o.sent_at = db_int(r, 8);
	o.answered_at = db_int(r, 9);
	o.deliver_before = db_int(r, 10);
	o.tries = db_int(r, 11);
	db_copy(r, 12, o.why, sizeof(o.why));
	secret = db_null(r, 13) ? NULL : db_blob(r, 13, &len);
	o.has_secret = secret != NULL && len == sizeof(o.secret);
	if (o.has_secret)
		memcpy(o.secret, secret, sizeof(o.secret));
	o.drill = (enum drill)db_int(r, 14);
	o.drill_until = db_int(r, 15);
	o.restores = db_int(r, 16) == CORDON__REVIEW_THEN__REVIEW_RESTORE;
	db_end(&r);
	*out = o;
	order_row_done(&o);
	return 0;
}

void
order_row_done(struct order_row *o)
{
	explicit_bzero(o->secret, sizeof(o->secret));
}

bool
order_row_under_way(enum order_state state)
{
	return state == ORDER_PENDING || state == ORDER_SENT ||
	    state == ORDER_APPLIED;
}

#define TO(s) (1u << (unsigned int)(s))

/*
 * A fact told by the host wins over what our clock thought (expired, failed
 * because unproven); what the host itself refused or undid is final.
 */
static const unsigned int steps[] = {
	[ORDER_PENDING] = TO(ORDER_SENT) | TO(ORDER_APPLIED) |
	    TO(ORDER_PROVEN) | TO(ORDER_REFUSED) | TO(ORDER_FAILED) |
	    TO(ORDER_REVERTED) | TO(ORDER_SUPERSEDED) | TO(ORDER_CANCELLED) |
	    TO(ORDER_EXPIRED) | TO(ORDER_DRILLED),
	[ORDER_SENT] = TO(ORDER_APPLIED) | TO(ORDER_PROVEN) |
	    TO(ORDER_REFUSED) | TO(ORDER_FAILED) | TO(ORDER_REVERTED) |
	    TO(ORDER_SUPERSEDED) | TO(ORDER_EXPIRED) | TO(ORDER_DRILLED),
	[ORDER_APPLIED] = TO(ORDER_PROVEN) | TO(ORDER_REFUSED) |
	    TO(ORDER_FAILED) | TO(ORDER_REVERTED) | TO(ORDER_SUPERSEDED) |
	    TO(ORDER_DRILLED),
	[ORDER_PROVEN] = TO(ORDER_REFUSED) | TO(ORDER_FAILED) |
	    TO(ORDER_REVERTED) | TO(ORDER_DRILLED),
	[ORDER_REFUSED] = TO(ORDER_FAILED), /* so that it is tried again */
	[ORDER_FAILED] = TO(ORDER_APPLIED) | TO(ORDER_PROVEN) |
	    TO(ORDER_REFUSED) | TO(ORDER_REVERTED),
	[ORDER_REVERTED] = 0,
	[ORDER_SUPERSEDED] = 0,
	[ORDER_CANCELLED] = 0,
	[ORDER_EXPIRED] = TO(ORDER_APPLIED) | TO(ORDER_PROVEN) |
	    TO(ORDER_REFUSED) | TO(ORDER_FAILED) | TO(ORDER_REVERTED),
	[ORDER_DRILLED] = 0,
};

bool
order_row_step(enum order_state from, enum order_state to)
{
	return (steps[from] & TO(to)) != 0;
}

int
order_row_move(struct db *db, struct order_row *o, enum order_state to,
    const char *why)
{
	int64_t now = db_now(db), sent = o->sent_at, answered = o->answered_at;
	int rc;

	if (!order_row_step(o->state, to)) {
		log_error("order %s: impossible step %s -> %s", o->order_id,
		    word_name(WORDS_ORDER_STATE, (int)o->state),
		    word_name(WORDS_ORDER_STATE, (int)to));
		return ERR_BADSTATE;
	}
	if (to == ORDER_SENT)
		sent = now;
	else if (to != ORDER_SUPERSEDED && to != ORDER_EXPIRED &&
	    to != ORDER_PROVEN)
		answered = now;
	rc = db_run(db, NULL,
	    "UPDATE orders SET state = $1, why = $2, sent_at = $3, "
	    "answered_at = $4 WHERE order_id = $5", "isiis", (int64_t)to,
	    why, sent, answered, o->order_id);
	if (rc == 0 && to == ORDER_APPLIED)
		rc = db_run(db, NULL,
		    "UPDATE orders SET applied_at = $1 "
		    "WHERE order_id = $2 AND applied_at = 0", "is", now,
		    o->order_id);
	if (rc == 0 && to == ORDER_PROVEN)
		rc = db_run(db, NULL,
		    "UPDATE orders SET proven_at = $1 "
		    "WHERE order_id = $2 AND proven_at = 0", "is", now,
		    o->order_id);
	if (rc != 0)
		return rc;
	o->state = to;
	o->sent_at = sent;
	o->answered_at = answered;
	if (why != o->why)
		snprintf(o->why, sizeof(o->why), "%s", why);
	return 0;
}

int
order_row_hurry(struct db *db, struct order_row *o)
{
	o->answered_at = ORDER_HURRY;
	return db_run(db, NULL, "UPDATE orders SET answered_at = $1 "
	    "WHERE order_id = $2", "is", o->answered_at, o->order_id);
}

int
order_row_forget(struct db *db, struct order_row *o)
{
	if (!o->has_secret)
		return 0;
	o->has_secret = false;
	order_row_done(o);
	return db_run(db, NULL,
	    "UPDATE orders SET secret = NULL WHERE order_id = $1", "s",
	    o->order_id);
}

int
order_row_bytes(struct db *db, const char *order_id, struct buf *out)
{
	struct db_rows *r;
	const void *data;
	size_t len;
	int rc;

	rc = db_row(db, &r, "SELECT signed FROM orders WHERE order_id = $1",
	    "s", order_id);
	if (rc != 0)
		return rc;
	data = db_blob(r, 0, &len);
	rc = buf_add(out, data, len);
	db_end(&r);
	return rc;
}

int
order_row_send(struct db *db, const struct order_row *o)
{
	struct buf bytes;
	int rc;

	buf_init(&bytes, ORDER_MAX);
	rc = order_row_bytes(db, o->order_id, &bytes);
	if (rc == 0)
		rc = db_send(db, o->host_id, FRAME_ORDER, bytes.data,
		    bytes.len);
	buf_done(&bytes);
	return rc;
}

int
order_row_confirm(struct db *db, const struct order_row *o)
{
	Cordon__Confirm c = CORDON__CONFIRM__INIT;
	uint8_t packed[ID_MAX + ISSUE_SECRET_LEN + 16];
	size_t len;
	int rc;

	if (!o->has_secret)
		return 0;
	c.order_id = (char *)o->order_id;
	c.secret.data = (uint8_t *)o->secret;
	c.secret.len = sizeof(o->secret);
	len = cordon__confirm__pack(&c, packed);
	rc = db_send(db, o->host_id, FRAME_CONFIRM, packed, len);
	explicit_bzero(packed, sizeof(packed));
	return rc;
}

const char *
order_row_outlook(const struct order_row *o)
{
	return o->tries < RETRIES_MAX ? "it is tried again" :
	    "no retry left: a person must act";
}

int
order_row_audit(struct db *db, const struct order_row *o, const char *host,
    const char *who, const char *what, const char *fmt, ...)
{
	char text[TEXT_MAX_LEN], drill[64];
	struct audit_entry e = {
		.who = who,
		.what = what,
		.host = host,
		.case_id = o->case_id[0] != '\0' ? o->case_id : NULL,
		.object = o->order_id,
	};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* what is counted from the log must never count a drill */
	if (o->drill != DRILL_NONE) {
		snprintf(drill, sizeof(drill), "drill%s", strchr(what, '.'));
		e.what = drill;
	}
	return audit_add(db, &e, "%s%s", o->drill != DRILL_NONE ? "DRILL: " :
	    "", text);
}
