/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an agent answers to an order becomes the applied fact.  Runs in jobs
 * on the writer thread.  The agent may be in an attacker's hand: it is
 * believed only about the order that is desired of it now, and nothing it
 * says lifts an isolation.
 */
#include "server/orders/drill.h"

#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/wire/order.h"
#include "server/store/hosts.h"

char *
facts_text(char out[TEXT_MAX_LEN], const char *text)
{
	size_t len = text != NULL ? strnlen(text, TEXT_MAX_LEN) : 0;

	return log_quote(out, TEXT_MAX_LEN, text != NULL ? text : "", len);
}

char *
facts_hex(char *out, size_t size, const uint8_t *data, size_t len)
{
	size_t most = (size - 1) / 2;

	out[0] = '\0';
	return hex_encode(out, data, len < most ? len : most);
}

int
spoken_load(struct db *db, const char *host_id, const char *order_id,
    uint64_t epoch, struct spoken *s)
{
	int rc;

	memset(s, 0, sizeof(*s));
	if (!id_valid(order_id))
		return ERR_PROTO;
	rc = hosts_get(db, host_id, &s->h);
	if (rc == 0)
		rc = order_row_get(db, order_id, &s->o);
	if (rc != 0)
		return rc;
	if (strcmp(s->o.host_id, s->h.host_id) != 0 || s->o.epoch != epoch) {
		spoken_done(s);
		return ERR_PROTO;
	}
	s->desired = strcmp(s->h.desired_order, order_id) == 0;
	s->drill = s->o.drill != DRILL_NONE &&
	    strcmp(s->h.drill_order, order_id) == 0;
	snprintf(s->who, sizeof(s->who), "agent:%s", s->h.name);
	return 0;
}

void
spoken_done(struct spoken *s)
{
	order_row_done(&s->o);
}

int
facts_applied(struct db *db, struct host *h, enum profile profile,
    const char *order_id)
{
	if (h->applied == profile && strcmp(h->applied_order, order_id) == 0)
		return 0;
	h->applied = profile;
	h->applied_at = db_now(db);
	snprintf(h->applied_order, sizeof(h->applied_order), "%s", order_id);
	return db_run(db, NULL,
	    "UPDATE hosts SET applied = $1, applied_order = $2, "
	    "applied_at = $3 WHERE host_id = $4", "isis", (int64_t)profile,
	    order_id, h->applied_at, h->host_id);
}

int
facts_in_force(struct db *db, struct spoken *s, const char *how)
{
	int rc = 0;

	if (s->o.state != ORDER_APPLIED && s->o.state != ORDER_PROVEN) {
		rc = order_row_move(db, &s->o, ORDER_APPLIED, "");
		if (rc == 0)
			rc = order_row_audit(db, &s->o, s->h.name, s->who,
			    "order.applied", "profile %s %s",
			    word_name(WORDS_PROFILE, (int)s->o.profile), how);
	}
	if (rc == 0)
		rc = facts_applied(db, &s->h, s->o.profile, s->o.order_id);
	if (rc == 0)
		rc = order_row_confirm(db, &s->o);
	return rc;
}

static int
answer_applied(struct db *db, struct spoken *s, const Cordon__OrderAnswer *a)
{
	char foreign[TEXT_MAX_LEN], hex[65], how[TEXT_MAX_LEN];
	int64_t took = a->took_us < INT64_MAX ? (int64_t)a->took_us :
	    INT64_MAX;
	int rc;

	facts_text(foreign, a->foreign);
	snprintf(how, sizeof(how), "in %lld us%s%.400s", (long long)took,
	    foreign[0] != '\0' ? "; rules of others differ from before: " :
	    "", foreign);
	rc = facts_in_force(db, s, how);
	/* hello may have told that it is in force, but not by whom */
	if (rc == 0 && a->offline)
		rc = order_row_audit(db, &s->o, s->h.name, s->who,
		    "order.by-hand", "root gave it by hand at the host's "
		    "console");
	if (rc == 0)
		rc = db_run(db, NULL,
		    "UPDATE orders SET took_us = $1, ruleset_digest = $2, "
		    "why = $3 WHERE order_id = $4", "isss", took,
		    facts_hex(hex, sizeof(hex), a->ruleset_digest.data,
		    a->ruleset_digest.len), foreign, s->o.order_id);
	return rc;
}

/* The agent did not take it; what was in force before still is. */
static int
answer_no(struct db *db, struct spoken *s, const Cordon__OrderAnswer *a,
    enum order_state to, const char *what)
{
	char verdict[TEXT_MAX_LEN], why[TEXT_MAX_LEN], text[TEXT_MAX_LEN];
	int rc;

	facts_text(why, a->why);
	if (a->result == CORDON__ANSWER_RESULT__ANSWER_REFUSED)
		snprintf(text, sizeof(text), "%.60s: %.400s",
		    facts_text(verdict, a->verdict), why);
	else
		snprintf(text, sizeof(text), "%s", why);
	rc = order_row_move(db, &s->o, to, text);
	if (rc == 0)
		rc = order_row_forget(db, &s->o);
	if (rc == 0)
		rc = order_row_audit(db, &s->o, s->h.name, s->who, what,
		    "%.400s (%llu us); %s", text,
		    (unsigned long long)a->took_us, to == ORDER_REFUSED ?
		    "the host said no: a person must act" :
		    order_row_outlook(&s->o));
	return rc;
}

/* Undone on the host: the order before is in force there again. */
static int
answer_reverted(struct db *db, struct spoken *s, const Cordon__OrderAnswer *a)
{
	char before[ID_MAX] = "";
	int64_t profile = PROFILE_OPEN;
	struct db_rows *r;
	int rc;

	r = db_query(db,
	    "SELECT order_id, profile FROM orders WHERE host_id = $1 "
	    "AND epoch < $2 AND answered_at > 0 AND state IN ($3, $4, $5) "
	    "ORDER BY epoch DESC LIMIT 1", "siiii", s->h.host_id,
	    (int64_t)s->o.epoch, (int64_t)ORDER_APPLIED,
	    (int64_t)ORDER_PROVEN, (int64_t)ORDER_SUPERSEDED);
	if (r == NULL)
		return ERR_IO;
	rc = db_next(r);
	if (rc == 1) {
		db_copy(r, 0, before, sizeof(before));
		profile = db_int(r, 1);
	}
	db_end(&r);
	if (rc >= 0)
		rc = facts_applied(db, &s->h, (enum profile)profile, before);
	if (rc == 0)
		rc = answer_no(db, s, a, ORDER_REVERTED, "order.reverted");
	return rc;
}

/*
 * In time by our clock, too late by the host's: its clock is ahead, and it
 * would say the same to every order that names a time.
 */
static bool
clock_is_ahead(struct db *db, const struct spoken *s,
    const Cordon__OrderAnswer *a)
{
	return strcmp(a->verdict, verdict_str(VERDICT_EXPIRED)) == 0 &&
	    s->o.deliver_before > db_now(db);
}

static int
answer_too_late(struct db *db, struct spoken *s, const Cordon__OrderAnswer *a)
{
	int rc;

	rc = answer_no(db, s, a, ORDER_FAILED, "order.failed");
	return rc == 0 ? order_row_hurry(db, &s->o) : rc;
}

/* The order was sent twice and the second one is stale: nothing new. */
static bool
is_echo(const struct spoken *s, const Cordon__OrderAnswer *a)
{
	return a->result == CORDON__ANSWER_RESULT__ANSWER_REFUSED &&
	    (s->o.state == ORDER_APPLIED || s->o.state == ORDER_PROVEN) &&
	    strcmp(a->verdict, verdict_str(VERDICT_STALE_EPOCH)) == 0;
}

static int
answer(struct db *db, struct spoken *s, const Cordon__OrderAnswer *a)
{
	switch (a->result) {
	case CORDON__ANSWER_RESULT__ANSWER_APPLIED:
		if (!order_row_step(s->o.state, ORDER_PROVEN) &&
		    s->o.state != ORDER_PROVEN)
			return 0; /* undone or refused since */
		return answer_applied(db, s, a);
	case CORDON__ANSWER_RESULT__ANSWER_REFUSED:
		if (!order_row_step(s->o.state, ORDER_REFUSED) ||
		    is_echo(s, a))
			return 0;
		if (clock_is_ahead(db, s, a))
			return answer_too_late(db, s, a);
		return answer_no(db, s, a, ORDER_REFUSED, "order.refused");
	case CORDON__ANSWER_RESULT__ANSWER_FAILED:
		if (!order_row_step(s->o.state, ORDER_FAILED))
			return 0;
		return answer_no(db, s, a, ORDER_FAILED, "order.failed");
	case CORDON__ANSWER_RESULT__ANSWER_REVERTED:
		if (!order_row_step(s->o.state, ORDER_REVERTED))
			return 0;
		return answer_reverted(db, s, a);
	default:
		return ERR_PROTO; /* a real order is no drill */
	}
}

int
orders_answer(struct db *db, const char *host_id,
    const Cordon__OrderAnswer *a)
{
	struct spoken s;
	int rc;

	rc = spoken_load(db, host_id, a->order_id, a->epoch, &s);
	if (rc == ERR_NOENT)
		return 0;
	if (rc != 0)
		return rc;
	if (s.drill)
		rc = drill_answer(db, &s, a);
	else if (s.desired)
		rc = answer(db, &s, a);
	else
		log_debug("host %s: answer to order %s came too late",
		    s.h.name, s.o.order_id);
	spoken_done(&s);
	return rc;
}
