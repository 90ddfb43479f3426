/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the clock does to plans and orders.  Each tick goes over what is
 * still under way, in memory, and then acts; a threshold is audited by the
 * tick that crosses it, so once, also when ticks are missed.  Nothing here
 * lifts an isolation.  Runs in jobs on the writer thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/wire/order.h"
#include "server/audit/audit.h"
#include "server/orders/drill.h"
#include "server/orders/own.h"
#include "server/orders/pins.h"
#include "server/orders/witness.h"
#include "server/store/hosts.h"

#define EXPIRE_MAX 256	    /* plans in one tick */
#define RETRY_PAUSE_MS 10000
#define REVIEW_AGAIN 86400 /* seconds, where the settings name none */

/* A host that was ordered something that is not over yet. */
struct live {
	char host_id[ID_MAX];
	char order_id[ID_MAX];
	int64_t desired_at;
	int64_t review_by;
	enum tier tier;
	bool online;
	bool proven; /* good proof of this very order */
};

struct tick {
	struct db *db;
	const struct orders_settings *s;
	int64_t last, now; /* (last, now] is this tick's */
	bool stopped;
};

/* Does AT, or AT and a whole number of EVERY later, lie in this tick? */
static bool
crosses(const struct tick *t, int64_t at, int64_t every)
{
	int64_t k;

	if (at > t->now)
		return false;
	if (at > t->last)
		return true;
	if (every <= 0)
		return false;
	k = (t->now - at) / every;
	return at + k * every > t->last;
}

static int
expire_plans(struct db *db)
{
	char id[EXPIRE_MAX][ID_MAX];
	struct db_rows *r;
	size_t n = 0, i;
	int rc;

	r = db_query(db,
	    "SELECT plan_id FROM plans WHERE state IN ($1, $2) "
	    "AND expires_at <= $3", "iii", (int64_t)PLAN_PROPOSED,
	    (int64_t)PLAN_APPROVED, db_now(db));
	if (r == NULL)
		return ERR_IO;
	while (n < EXPIRE_MAX && (rc = db_next(r)) == 1)
		db_copy(r, 0, id[n++], ID_MAX);
	db_end(&r);
	for (rc = rc > 0 ? 0 : rc, i = 0; rc == 0 && i < n; i++) {
		struct plan p;

		rc = plan_get(db, id[i], &p);
		if (rc == 0)
			rc = plan_row_expire(db, &p);
	}
	return rc;
}

static int
add_live(struct db_rows *r, struct live **all, size_t *n, size_t *cap)
{
	struct live *l;

	if (*n == *cap) {
		size_t more = *cap > 0 ? *cap * 2 : 64;

		l = realloc(*all, more * sizeof(*l));
		if (l == NULL)
			return ERR_NOMEM;
		*all = l;
		*cap = more;
	}
	l = &(*all)[(*n)++];
	db_copy(r, 0, l->host_id, sizeof(l->host_id));
	db_copy(r, 1, l->order_id, sizeof(l->order_id));
	l->desired_at = db_int(r, 2);
	l->review_by = db_int(r, 3);
	l->tier = (enum tier)db_int(r, 4);
	l->online = db_int(r, 5) != 0;
	l->proven = db_int(r, 6) != 0 &&
	    strcmp(db_text(r, 7), l->order_id) == 0;
	return 0;
}

/* Cut hosts, and open ones whose order is not done. */
static int
load_live(struct db *db, struct live **all, size_t *n)
{
	struct db_rows *r;
	size_t cap = 0;
	int rc, bad = 0;

	r = db_query(db,
	    "SELECT h.host_id, h.desired_order, h.desired_at, h.review_by, "
	    "h.tier, h.online, h.proven_ok, h.proven_order FROM hosts h "
	    "JOIN orders o ON o.order_id = h.desired_order "
	    "WHERE h.revoked = 0 AND (h.desired <> $1 OR "
	    "o.state NOT IN ($2, $3))", "iii", (int64_t)PROFILE_OPEN,
	    (int64_t)ORDER_APPLIED, (int64_t)ORDER_PROVEN);
	if (r == NULL)
		return ERR_IO;
	while (bad == 0 && (rc = db_next(r)) == 1)
		bad = add_live(r, all, n, &cap);
	db_end(&r);
	return bad != 0 ? bad : rc;
}

static int
expire_order(const struct tick *t, const struct host *h, struct order_row *o)
{
	int rc;

	rc = order_row_move(t->db, o, ORDER_EXPIRED,
	    "not answered before its last time of delivery");
	if (rc == 0)
		rc = order_row_forget(t->db, o);
	if (rc == 0)
		rc = order_row_audit(t->db, o, h->name, ACTOR_SYSTEM,
		    "order.expired", "the host did not take it in time; "
		    "profile %s stays desired, a person must act",
		    word_name(WORDS_PROFILE, (int)o->profile));
	return rc;
}

/* Said once each: a minute, five minutes without proof. */
static int
say_late(const struct tick *t, const struct live *l, const struct host *h,
    const struct order_row *o)
{
	const char *away = l->online ? "" : "; the host is away";
	int rc = 0;

	if (crosses(t, l->desired_at + PROOF_LATE_MS, 0))
		rc = order_row_audit(t->db, o, h->name, ACTOR_SYSTEM,
		    "order.late", "ordered %d s ago, not proven%s",
		    PROOF_LATE_MS / 1000, away);
	if (rc == 0 && !l->online && order_row_under_way(o->state) &&
	    crosses(t, l->desired_at + PROOF_FAILED_MS, 0))
		rc = order_row_audit(t->db, o, h->name, ACTOR_SYSTEM,
		    "order.unproven", "ordered %d s ago, not proven%s and "
		    "gets the order when it comes back",
		    PROOF_FAILED_MS / 1000, away);
	return rc;
}

static int64_t
latest(const struct order_row *o)
{
	int64_t at = o->created_at;

	if (o->sent_at > at)
		at = o->sent_at;
	if (o->answered_at > at)
		at = o->answered_at;
	return at;
}

static int
fail_unproven(const struct tick *t, const struct host *h, struct order_row *o)
{
	int rc;

	rc = order_row_move(t->db, o, ORDER_FAILED, "no proof in time");
	if (rc == 0)
		rc = order_row_audit(t->db, o, h->name, ACTOR_SYSTEM,
		    "order.unproven", "no proof for %d s; %s",
		    PROOF_FAILED_MS / 1000, order_row_outlook(o));
	return rc;
}

/* A signer that says no uses up a try, so that it is not asked for ever. */
static int
retry_unsigned(const struct tick *t, const struct host *h,
    struct order_row *o, const struct why *why)
{
	int rc;

	o->tries++;
	rc = db_run(t->db, NULL,
	    "UPDATE orders SET tries = $1, answered_at = $2 "
	    "WHERE order_id = $3", "iis", o->tries, t->now, o->order_id);
	if (rc == 0)
		rc = order_row_audit(t->db, o, h->name, ACTOR_SYSTEM,
		    "order.retry", "not signed: %s; %s", why->text,
		    order_row_outlook(o));
	return rc;
}

/*
 * The host said that the order before came too late, and it did not
 * (facts.c): its clock is ahead.  The next one names no time.  It goes out
 * on a connection that is up, and its epoch keeps it from being used twice.
 */
static void
forget_time(struct orders_settings *s, const struct order_row *o)
{
	const char *verdict = verdict_str(VERDICT_EXPIRED);
	size_t len = strlen(verdict);

	if (strncmp(o->why, verdict, len) == 0 && o->why[len] == ':')
		s->deliver_seconds = 0;
}

static int
retry(const struct tick *t, const struct live *l, const struct host *h,
    struct order_row *o)
{
	/* trying again moves no review; it may have been extended since */
	struct issue_again a = {.host = h, .of = o,
	    .review_by = l->review_by};
	struct orders_settings s = *t->s;
	struct why why = {""};
	int rc;

	forget_time(&s, o);
	rc = issue_again(t->db, &s, &a, &why);
	if (rc != 0)
		return rc;
	if (!a.made)
		return retry_unsigned(t, h, o, &why);
	rc = order_row_audit(t->db, o, h->name, ACTOR_SYSTEM, "order.retry",
	    "try %" PRId64 " of %d as order %s", o->tries + 1, RETRIES_MAX,
	    a.order.order_id);
	if (rc == 0)
		rc = issue_put(t->db, &a.plan, &a.order, o->tries + 1);
	issue_done(&a.order);
	return rc;
}

static bool
retry_due(const struct tick *t, const struct live *l,
    const struct order_row *o)
{
	if (o->state != ORDER_FAILED && o->state != ORDER_REVERTED)
		return false;
	if (t->stopped && o->profile == PROFILE_STRICT)
		return false;
	if (o->restores && l->review_by <= t->now)
		return false; /* its time is over */
	return o->tries < RETRIES_MAX && l->online &&
	    (o->answered_at == ORDER_HURRY ||
	    latest(o) + RETRY_PAUSE_MS <= t->now);
}

static int
remind(const struct tick *t, const struct live *l, const struct host *h,
    const struct order_row *o)
{
	int64_t every = t->s->review_seconds[l->tier];
	char span[32];

	if (l->review_by == 0 || !crosses(t, l->review_by,
	    (every > 0 ? every : REVIEW_AGAIN) * 1000))
		return 0;
	return order_row_audit(t->db, o, h->name, ACTOR_SYSTEM,
	    "host.review-due", "on profile %s for %s: review it; %s",
	    word_name(WORDS_PROFILE, (int)o->profile),
	    clock_format_span(span, sizeof(span),
	    (t->now - l->desired_at) / 1000), o->restores ?
	    "it restores itself now, as its plan said" :
	    "nothing lifts by itself");
}

static int
go_over(const struct tick *t, const struct live *l, const struct host *h,
    struct order_row *o)
{
	bool cut = o->profile != PROFILE_OPEN;
	int rc = 0;

	if ((o->state == ORDER_PENDING || o->state == ORDER_SENT) &&
	    o->deliver_before != 0 && o->deliver_before <= t->now)
		return expire_order(t, h, o);
	if (cut && !l->proven)
		rc = say_late(t, l, h, o);
	if (rc == 0 && cut && !l->proven && l->online &&
	    (o->state == ORDER_SENT || o->state == ORDER_APPLIED) &&
	    latest(o) + PROOF_FAILED_MS <= t->now)
		rc = fail_unproven(t, h, o);
	if (rc == 0 && cut)
		rc = remind(t, l, h, o);
	if (rc == 0 && retry_due(t, l, o))
		rc = retry(t, l, h, o);
	return rc;
}

static int
tick_host(const struct tick *t, const struct live *l)
{
	struct order_row o;
	struct host h;
	int rc;

	rc = hosts_get(t->db, l->host_id, &h);
	if (rc == 0)
		rc = order_row_get(t->db, l->order_id, &o);
	if (rc != 0)
		return rc;
	rc = go_over(t, l, &h, &o);
	order_row_done(&o);
	return rc;
}

static int
tick_load(struct db *db, const struct orders_settings *s, struct tick *t)
{
	struct db_rows *r;
	int rc;

	t->db = db;
	t->s = s;
	t->now = db_now(db);
	t->last = t->now;
	t->stopped = orders_stopped(db);
	r = db_query(db, "SELECT value FROM meta WHERE key = 'orders.tick'",
	    "");
	if (r == NULL)
		return ERR_IO;
	rc = db_next(r);
	if (rc == 1)
		t->last = strtoll(db_text(r, 0), NULL, 10);
	db_end(&r);
	return rc < 0 ? rc : 0;
}

static int
tick_keep(const struct tick *t)
{
	char value[24];

	snprintf(value, sizeof(value), "%" PRId64, t->now);
	return db_run(t->db, NULL,
	    "INSERT INTO meta (key, value) VALUES ('orders.tick', $1) "
	    "ON CONFLICT (key) DO UPDATE SET value = excluded.value", "s",
	    value);
}

int
orders_tick(struct db *db, const struct orders_settings *s)
{
	struct live *all = NULL;
	struct tick t;
	size_t n = 0, i;
	int rc;

	rc = tick_load(db, s, &t);
	if (rc == 0)
		rc = expire_plans(db);
	if (rc == 0)
		rc = load_live(db, &all, &n);
	for (i = 0; rc == 0 && i < n; i++)
		rc = tick_host(&t, &all[i]);
	/* an idle fleet writes nothing */
	if (rc == 0 && n > 0)
		rc = tick_keep(&t);
	if (rc == 0)
		rc = pins_tick(db, s);
	if (rc == 0)
		rc = drill_tick(db);
	if (rc == 0)
		rc = witness_tick(db);
	free(all);
	return rc;
}
