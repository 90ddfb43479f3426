/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The budget counts what was really ordered, from the orders themselves, as
 * distinct hosts: a retry costs nothing, a plan that was never applied
 * neither.  Runs in jobs on the writer thread; releases never pass here.
 */
#include "server/orders/budget.h"

#include <string.h>

#include "server/audit/audit.h"
#include "server/orders/may.h"
#include "server/orders/own.h"

#define HOUR_MS 3600000
#define NEXT_BUDGET \
	"Isolate fewer hosts now, or wait; an hour later they count no more."

int
budget_fleet(struct db *db, int64_t *fleet)
{
	return db_one_int(db, fleet,
	    "SELECT COUNT(*) FROM hosts WHERE revoked = 0", "");
}

bool
orders_stopped(struct db *db)
{
	int64_t one;

	/* a store that cannot tell counts as stopped */
	return db_one_int(db, &one,
	    "SELECT 1 FROM meta WHERE key = 'stop'", "") != ERR_NOENT;
}

/*
 * Hosts isolated since the start of the hour that are not in L; drills and
 * real isolations are counted apart, so that practice uses up nothing.
 */
static int
used_by_others(struct db *db, const struct host_list *l, bool drill,
    int64_t *used)
{
	struct db_rows *r;
	int64_t n = 0;
	int rc;

	r = db_query(db,
	    "SELECT DISTINCT o.host_id FROM orders o "
	    "WHERE o.profile IN ($1, $7) AND o.created_at > $2 "
	    "AND o.state NOT IN ($3, $4) AND ((o.drill = 0 AND $5 = 0) OR "
	    "(o.drill = $6 AND $5 = 1))", "iiiiiii", (int64_t)PROFILE_STRICT,
	    db_now(db) - HOUR_MS, (int64_t)ORDER_CANCELLED,
	    (int64_t)ORDER_EXPIRED, (int64_t)drill, (int64_t)DRILL_LIVE,
	    (int64_t)PROFILE_LIMITED);
	if (r == NULL)
		return ERR_IO;
	while ((rc = db_next(r)) == 1)
		n += !host_list_has(l, db_text(r, 0));
	db_end(&r);
	if (rc == 0)
		*used = n;
	return rc;
}

static int
check_hour(struct db *db, const struct orders_settings *s,
    const struct host_list *l, bool drill, struct refused *refused)
{
	int64_t used, fleet, share, want;
	int rc;

	rc = used_by_others(db, l, drill, &used);
	if (rc == 0)
		rc = budget_fleet(db, &fleet);
	if (rc != 0)
		return rc;
	want = used + (int64_t)l->n;
	if (s->budget_hosts_hour > 0 && want > s->budget_hosts_hour)
		return refused_set(refused, REFUSAL_BUDGET, NEXT_BUDGET,
		    "at most %lld hosts an hour: %lld used, %zu asked",
		    (long long)s->budget_hosts_hour, (long long)used, l->n);
	if (s->budget_percent_hour <= 0)
		return 0;
	share = fleet * s->budget_percent_hour / 100;
	if (share < 1)
		share = 1;
	if (want > share)
		return refused_set(refused, REFUSAL_BUDGET, NEXT_BUDGET,
		    "at most %lld %% of the fleet an hour (%lld of %lld "
		    "hosts): %lld used, %zu asked",
		    (long long)s->budget_percent_hour, (long long)share,
		    (long long)fleet, (long long)used, l->n);
	return 0;
}

/* Rules: at most three hosts in ten minutes. */
static int
check_policy(struct db *db, const struct host_list *l,
    struct refused *refused)
{
	int64_t used;
	int rc;

	rc = db_one_int(db, &used,
	    "SELECT COUNT(DISTINCT o.host_id) FROM orders o "
	    "JOIN plans p ON p.plan_id = o.plan_id "
	    "WHERE p.origin = $1 AND o.created_at > $2", "ii",
	    (int64_t)ORIGIN_POLICY, db_now(db) - BUDGET_POLICY_MS);
	if (rc != 0)
		return rc;
	if (used + (int64_t)l->n > BUDGET_POLICY_HOSTS)
		return refused_set(refused, REFUSAL_BUDGET,
		    "A responder decides: cordonctl isolate HOST.",
		    "rules isolate at most %d hosts in 10 min: %lld done, "
		    "%zu asked", BUDGET_POLICY_HOSTS, (long long)used, l->n);
	return 0;
}

/* The circuit breaker: the last three automatic isolations all failed. */
static int
check_breaker(struct db *db, struct refused *refused)
{
	struct db_rows *r;
	int failed = 0, rc;

	r = db_query(db,
	    "SELECT o.state FROM plan_hosts ph "
	    "JOIN plans p ON p.plan_id = ph.plan_id "
	    "JOIN orders o ON o.order_id = ph.order_id "
	    "WHERE p.origin = $1 AND o.created_at > $2 "
	    "ORDER BY o.created_at DESC, o.order_id LIMIT 3", "ii",
	    (int64_t)ORIGIN_POLICY, db_now(db) - BUDGET_BREAKER_MS);
	if (r == NULL)
		return ERR_IO;
	while ((rc = db_next(r)) == 1) {
		int64_t state = db_int(r, 0);

		failed += state == ORDER_REFUSED || state == ORDER_FAILED ||
		    state == ORDER_REVERTED;
	}
	db_end(&r);
	if (rc != 0 || failed < BUDGET_BREAKER_FAILURES)
		return rc;
	return refused_set(refused, REFUSAL_BUDGET,
	    "A responder looks at the failures and decides by hand.",
	    "automatic isolation failed %d times in a row and is stopped",
	    failed);
}

int
budget_check(struct db *db, const struct orders_settings *s,
    const struct host_list *l, const struct plan *p, struct refused *refused)
{
	int rc;

	if (orders_stopped(db))
		return refused_set(refused, REFUSAL_STOP,
		    "A commander switches it off: cordonctl stop off.",
		    "the stop switch is on: no new isolations");
	rc = check_hour(db, s, l, p->drill != DRILL_NONE, refused);
	if (rc == 0 && p->origin == ORIGIN_POLICY)
		rc = check_policy(db, l, refused);
	if (rc == 0 && p->origin == ORIGIN_POLICY)
		rc = check_breaker(db, refused);
	return rc;
}

/* Who may throw the switch, and how it must be asked. */
static int
stop_allowed(const struct actor *a, const char *reason,
    struct refused *refused)
{
	if ((a->roles & ROLE_BIT(ROLE_COMMANDER)) == 0 ||
	    (a->roles & ROLE_BIT(ROLE_ADMIN)) != 0)
		return refused_set(refused, REFUSAL_ROLE,
		    "Ask a commander.",
		    "%s may not use the stop switch", a->name);
	return plan_reason_check(reason, refused);
}

int
orders_stop(struct db *db, const struct actor *actor, bool on,
    const char *reason, struct refused *refused)
{
	int rc;

	rc = stop_allowed(actor, reason, refused);
	if (rc == 0 && on)
		rc = db_run(db, NULL,
		    "INSERT INTO meta (key, value) VALUES ('stop', $1) "
		    "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
		    "s", actor->name);
	else if (rc == 0)
		rc = db_run(db, NULL, "DELETE FROM meta WHERE key = 'stop'",
		    "");
	if (rc == 0)
		rc = audit_add(db,
		    &(struct audit_entry){.who = actor->name,
		    .what = on ? "stop.on" : "stop.off"}, "%s", reason);
	return plan_refused(db, actor, NULL, "plan.refuse", refused, rc);
}
