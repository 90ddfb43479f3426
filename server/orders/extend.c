/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Review times (extend.h).  Runs in jobs on the writer thread.  That a host
 * says it restored itself is believed only after the time that was signed.
 */
#include "server/orders/extend.h"

#include <string.h>

#include "common/base/clock.h"
#include "server/audit/audit.h"
#include "server/orders/may.h"
#include "server/orders/order_row.h"
#include "server/orders/own.h"
#include "server/store/hosts.h"

#define CLOCKS_MS 10000 /* the host's timer against our clock */

static int
review_by(struct db *db, const struct host *h, int64_t *at)
{
	return db_one_int(db, at, "SELECT review_by FROM hosts "
	    "WHERE host_id = $1", "s", h->host_id);
}

static int
check(struct db *db, const struct host *h, int64_t seconds, int64_t now_by,
    const char *reason, const struct actor *actor, struct refused *refused)
{
	struct host one = *h;
	struct host_list l = {&one, 1};
	bool may = false;
	int rc;

	rc = plan_reason_check(reason, refused);
	if (rc == 0)
		rc = may_all(db, actor, may_roles(ACTION_ISOLATE) |
		    may_roles(ACTION_RECOVER), &l, &may);
	if (rc != 0)
		return rc;
	if (!may)
		return refused_set(refused, REFUSAL_ROLE,
		    "Ask a responder, commander or recovery engineer of the "
		    "group.", "%s may not move the review of %s",
		    actor->name, h->name);
	if (h->desired == PROFILE_OPEN)
		return refused_set(refused, REFUSAL_STATE,
		    "Look at it with: cordonctl host show HOST",
		    "%s is open: there is nothing to review", h->name);
	if (seconds < 60 || seconds > EXTEND_SECONDS_MAX)
		return refused_set(refused, REFUSAL_INPUT,
		    "Give a time from 1m to 30d.", "the time is out of bounds");
	if (db_now(db) + seconds * 1000 <= now_by)
		return refused_set(refused, REFUSAL_INPUT,
		    "To open it sooner: cordonctl restore HOST",
		    "the review of %s is later than that already", h->name);
	return 0;
}

/* A new order with the new time; the old one ends when it is in force. */
static int
order_anew(struct db *db, const struct orders_settings *s,
    const struct host *h, const struct order_row *o, int64_t seconds,
    struct refused *refused)
{
	struct issue_again a = {.host = h, .of = o,
	    .review_by = db_now(db) + seconds * 1000};
	struct why why = {""};
	int rc;

	rc = issue_again(db, s, &a, &why);
	if (rc != 0)
		return rc;
	if (!a.made)
		return refused_set(refused, REFUSAL_SIGNER,
		    "The old time stands. See to the signer, then try again.",
		    "the order for %s was not signed: %s", h->name, why.text);
	rc = issue_put(db, &a.plan, &a.order, 0);
	issue_done(&a.order);
	return rc;
}

static int
extend(struct db *db, const struct orders_settings *s, const struct host *h,
    int64_t seconds, const char *reason, const struct actor *actor,
    bool *ordered, struct refused *refused)
{
	char until[CLOCK_TEXT_MAX];
	int64_t now = db_now(db), by = 0;
	struct order_row o;
	int rc;

	rc = review_by(db, h, &by);
	if (rc == 0)
		rc = check(db, h, seconds, by, reason, actor, refused);
	if (rc == 0)
		rc = order_row_get(db, h->desired_order, &o);
	if (rc != 0)
		return rc;
	*ordered = o.restores;
	if (o.restores)
		rc = order_anew(db, s, h, &o, seconds, refused);
	else
		rc = db_run(db, NULL, "UPDATE hosts SET review_by = $1 "
		    "WHERE host_id = $2", "is", now + seconds * 1000,
		    h->host_id);
	if (rc == 0) /* a refusal is told by who asked, not as done */
		rc = order_row_audit(db, &o, h->name, actor->name,
		    "host.extend", "review by %s%s: %s", clock_format(until,
		    now + seconds * 1000, true), o.restores ?
		    ", then it restores itself" : "", reason);
	order_row_done(&o);
	return rc;
}

int
host_extend(struct db *db, const struct orders_settings *s,
    const char *name, int64_t seconds, const char *reason,
    const struct actor *actor, bool *ordered, struct refused *refused)
{
	struct host h;
	int rc;

	rc = hosts_get(db, name, &h);
	if (rc == ERR_NOENT)
		rc = refused_set(refused, REFUSAL_NO_HOST,
		    "List them with: cordonctl host list",
		    "there is no such host");
	if (rc == 0)
		rc = extend(db, s, &h, seconds, reason, actor, ordered,
		    refused);
	return plan_refused(db, actor, NULL, "plan.refuse", refused, rc);
}

int
host_restored(struct db *db, const struct host *h, bool *over)
{
	struct order_row o;
	int64_t by = 0;
	int rc;

	*over = h->desired == PROFILE_OPEN;
	if (*over)
		return 0;
	rc = review_by(db, h, &by);
	if (rc == 0)
		rc = order_row_get(db, h->desired_order, &o);
	if (rc != 0)
		return rc;
	*over = o.restores && by != 0 && db_now(db) + CLOCKS_MS >= by;
	if (*over)
		rc = db_run(db, NULL,
		    "UPDATE hosts SET desired = $1, desired_at = $2, "
		    "review_by = 0 WHERE host_id = $3", "iis",
		    (int64_t)PROFILE_OPEN, db_now(db), h->host_id);
	if (*over && rc == 0)
		rc = order_row_audit(db, &o, h->name, ACTOR_SYSTEM,
		    "host.restored", "its time was over and it restored "
		    "itself, as plan %s said; the gate was not run",
		    o.plan_id);
	order_row_done(&o);
	return rc;
}
