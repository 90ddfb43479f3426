/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Drills (WORKFLOW 5).  Runs in jobs on the writer thread.  The host's words
 * are foreign, as in facts.c; all that they can move is the drill's own
 * row.
 */
#include "server/orders/drill.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/audit/audit.h"
#include "server/store/hosts.h"

#define TICK_MAX 64
#define MINUTE_MS 60000

/* -- may it be ----------------------------------------------------------- */

static int
check_host(const struct plan *p, const struct host *h,
    struct refused *refused)
{
	if (h->stage != STAGE_NORMAL || h->desired != PROFILE_OPEN)
		return refused_set(refused, REFUSAL_STAGE,
		    "Drill on a host that runs as always.",
		    "%s is %s: drills are for hosts in normal", h->name,
		    word_name(WORDS_STAGE, (int)h->stage));
	if (p->drill == DRILL_LIVE && !h->drill_ok)
		return refused_set(refused, REFUSAL_NEVER,
		    "An admin can say so: cordonctl host tag HOST --drill-ok "
		    "yes", "%s is not tagged drill-ok: a live drill cuts it "
		    "off", h->name);
	if (!h->online)
		return refused_set(refused, REFUSAL_AWAY,
		    "Drill when the host is back.", "%s is away", h->name);
	if (h->drill_order[0] != '\0')
		return refused_set(refused, REFUSAL_CONFLICT,
		    "Wait until it is over.",
		    "a drill is under way on %s: order %s", h->name,
		    h->drill_order);
	return 0;
}

int
drill_check(const struct plan *p, const struct host_list *l,
    struct refused *refused)
{
	bool timed = p->drill != DRILL_DRY;
	size_t i;
	int rc = 0;

	if (p->action != ACTION_ISOLATE)
		return refused_set(refused, REFUSAL_INPUT,
		    "Drill an isolation.", "only an isolation is drilled");
	if (timed && (p->drill_minutes < 1 ||
	    p->drill_minutes > DRILL_MINUTES_MAX))
		return refused_set(refused, REFUSAL_INPUT,
		    "Give --minutes 1 to 30.",
		    "a drill of that kind takes 1 to %d minutes",
		    DRILL_MINUTES_MAX);
	for (i = 0; rc == 0 && i < l->n; i++)
		rc = check_host(p, &l->h[i], refused);
	return rc;
}

/* -- begin and end ------------------------------------------------------- */

static int
set_order(struct db *db, const char *host_id, const char *order_id)
{
	return db_run(db, NULL,
	    "UPDATE hosts SET drill_order = $1 WHERE host_id = $2", "ss",
	    order_id, host_id);
}

/* A dry drill is answered with the flows as well: a row waits for them. */
static int
await_flows(struct db *db, const struct plan *p, const struct issue *o)
{
	return db_run(db, NULL,
	    "INSERT INTO previews (preview_id, host_id, plan_id, profile, "
	    "asked_by, asked_at) VALUES ($1, $2, $3, $4, $5, $6)", "sssisi",
	    o->order_id, o->host->host_id, p->plan_id, (int64_t)p->profile,
	    p->requester, db_now(db));
}

int
drill_put(struct db *db, const struct plan *p, const struct issue *o)
{
	int rc;

	rc = db_run(db, NULL,
	    "UPDATE orders SET drill = $1 WHERE order_id = $2", "is",
	    (int64_t)p->drill, o->order_id);
	if (rc == 0)
		rc = db_run(db, NULL,
		    "UPDATE hosts SET drill_order = $1, desired_epoch = $2 "
		    "WHERE host_id = $3", "sis", o->order_id,
		    (int64_t)o->epoch, o->host->host_id);
	if (rc == 0)
		rc = db_run(db, NULL,
		    "UPDATE plan_hosts SET order_id = $1 "
		    "WHERE plan_id = $2 AND host_id = $3", "sss",
		    o->order_id, p->plan_id, o->host->host_id);
	return rc == 0 && p->drill == DRILL_DRY ?
	    await_flows(db, p, o) : rc;
}

/* Move the drill to its end; the host has none any more. */
static int
end(struct db *db, const struct host *h, struct order_row *o,
    enum order_state to, const char *why)
{
	int rc = 0;

	if (order_row_step(o->state, to))
		rc = order_row_move(db, o, to, why);
	if (rc == 0)
		rc = order_row_forget(db, o);
	if (rc == 0)
		rc = set_order(db, h->host_id, "");
	return rc;
}

int
drill_supersede(struct db *db, const struct host *h, const char *by)
{
	struct order_row o;
	int rc;

	if (h->drill_order[0] == '\0')
		return 0;
	rc = order_row_get(db, h->drill_order, &o);
	if (rc == 0)
		rc = end(db, h, &o, order_row_step(o.state,
		    ORDER_SUPERSEDED) ? ORDER_SUPERSEDED : ORDER_DRILLED,
		    "a real order came");
	if (rc == 0)
		rc = order_row_audit(db, &o, h->name, ACTOR_SYSTEM,
		    "order.superseded", "by order %s, which is no drill", by);
	order_row_done(&o);
	return rc == ERR_NOENT ? set_order(db, h->host_id, "") : rc;
}

/* -- what the agent says ------------------------------------------------- */

static int
drilled(struct db *db, struct spoken *s, uint64_t took_us)
{
	int rc;

	rc = end(db, &s->h, &s->o, ORDER_DRILLED, "");
	if (rc == 0)
		rc = order_row_audit(db, &s->o, s->h.name, s->who,
		    "order.drilled", "the kernel would take profile %s "
		    "(%llu us); nothing was changed",
		    word_name(WORDS_PROFILE, (int)s->o.profile),
		    (unsigned long long)took_us);
	return rc;
}

/* In force for its minutes. */
static int
in_force(struct db *db, struct spoken *s, const char *how)
{
	char until[CLOCK_TEXT_MAX];
	struct plan p;
	int rc;

	if (s->o.state == ORDER_APPLIED || s->o.state == ORDER_PROVEN)
		return order_row_confirm(db, &s->o);
	rc = plan_get(db, s->o.plan_id, &p);
	if (rc == 0)
		rc = order_row_move(db, &s->o, ORDER_APPLIED, "");
	if (rc != 0)
		return rc;
	s->o.drill_until = db_now(db) + p.drill_minutes * MINUTE_MS;
	rc = db_run(db, NULL,
	    "UPDATE orders SET drill_until = $1 WHERE order_id = $2", "is",
	    s->o.drill_until, s->o.order_id);
	if (rc == 0)
		rc = order_row_audit(db, &s->o, s->h.name, s->who,
		    "order.applied", "profile %s %s; the host restores "
		    "itself by %s", word_name(WORDS_PROFILE,
		    (int)s->o.profile), how, clock_format(until,
		    s->o.drill_until, true));
	if (rc == 0)
		rc = order_row_confirm(db, &s->o);
	return rc;
}

/* The host did not take it, or undid it. */
static int
no(struct db *db, struct spoken *s, const Cordon__OrderAnswer *a,
    enum order_state to, const char *what)
{
	char why[TEXT_MAX_LEN];
	int rc;

	if (!order_row_step(s->o.state, to))
		return 0;
	facts_text(why, a->why);
	rc = end(db, &s->h, &s->o, to, why);
	if (rc == 0)
		rc = order_row_audit(db, &s->o, s->h.name, s->who, what,
		    "%.400s", why);
	return rc;
}

int
drill_answer(struct db *db, struct spoken *s, const Cordon__OrderAnswer *a)
{
	int64_t took = a->took_us < INT64_MAX ? (int64_t)a->took_us :
	    INT64_MAX;
	bool dry = s->o.drill == DRILL_DRY;
	char how[64];
	int rc;

	switch (a->result) {
	case CORDON__ANSWER_RESULT__ANSWER_DRILLED:
		if (!dry)
			return ERR_PROTO;
		rc = drilled(db, s, a->took_us);
		break;
	case CORDON__ANSWER_RESULT__ANSWER_APPLIED:
		if (dry)
			return ERR_PROTO;
		snprintf(how, sizeof(how), "in %" PRId64 " us", took);
		rc = in_force(db, s, how);
		break;
	case CORDON__ANSWER_RESULT__ANSWER_REFUSED:
		return no(db, s, a, ORDER_REFUSED, "order.refused");
	case CORDON__ANSWER_RESULT__ANSWER_FAILED:
		return no(db, s, a, ORDER_FAILED, "order.failed");
	case CORDON__ANSWER_RESULT__ANSWER_REVERTED:
		return no(db, s, a, ORDER_REVERTED, "order.reverted");
	default:
		return ERR_PROTO;
	}
	if (rc == 0)
		rc = db_run(db, NULL,
		    "UPDATE orders SET took_us = $1 WHERE order_id = $2",
		    "is", took, s->o.order_id);
	return rc;
}

static int
count(struct db *db, const struct order_row *o, uint64_t dropped)
{
	return db_run(db, NULL,
	    "UPDATE orders SET counted = $1 WHERE order_id = $2 "
	    "AND counted < $1", "is", (int64_t)(dropped & INT64_MAX),
	    o->order_id);
}

int
drill_proof(struct db *db, struct spoken *s, const Cordon__Proof *p)
{
	bool was = s->o.state == ORDER_PROVEN;
	char buf[TEXT_MAX_LEN];
	const char *why;
	int rc;

	if (!was && !order_row_step(s->o.state, ORDER_PROVEN))
		return 0;
	why = proof_judge(s, p, buf);
	rc = proof_keep(db, s, p, why);
	if (rc == 0)
		rc = count(db, &s->o, p->dropped_packets);
	if (rc != 0)
		return rc;
	if (why == NULL) {
		if (s->o.state != ORDER_APPLIED && !was)
			rc = in_force(db, s, "as its proof shows");
		if (rc == 0 && !was)
			rc = order_row_move(db, &s->o, ORDER_PROVEN, "");
		if (rc == 0 && !was)
			rc = order_row_audit(db, &s->o, s->h.name, s->who,
			    "order.proven", "profile %s; rules read back, "
			    "%zu probes", word_name(WORDS_PROFILE,
			    (int)s->o.profile), p->n_probes);
		return rc;
	}
	if (strcmp(s->o.why, why) == 0)
		return 0; /* said once */
	rc = db_run(db, NULL, "UPDATE orders SET why = $1 "
	    "WHERE order_id = $2", "ss", why, s->o.order_id);
	if (rc == 0)
		rc = order_row_audit(db, &s->o, s->h.name, s->who,
		    "order.proof-bad", "%s; the drill goes on", why);
	return rc;
}

/* The host is back on what it was on before. */
static int
over(struct db *db, struct host *h, struct order_row *o)
{
	int rc;

	if (o->drill == DRILL_DRY ||
	    (o->state != ORDER_APPLIED && o->state != ORDER_PROVEN))
		return 0; /* its answer is still on the way */
	rc = end(db, h, o, ORDER_DRILLED, o->why);
	if (rc == 0)
		rc = order_row_audit(db, o, h->name, ACTOR_SYSTEM,
		    "order.drilled", "the host restored itself");
	h->drill_order[0] = '\0';
	return rc;
}

int
drill_state(struct db *db, struct host *h, const struct drill_said *w,
    bool *holds)
{
	struct spoken s = {.h = *h};
	int rc;

	*holds = false;
	if (h->drill_order[0] == '\0')
		return 0;
	rc = order_row_get(db, h->drill_order, &s.o);
	if (rc != 0)
		return rc;
	snprintf(s.who, sizeof(s.who), "agent:%s", h->name);
	if (strcmp(w->order_id, s.o.order_id) == 0) {
		*holds = true;
		if (w->confirmed)
			rc = order_row_forget(db, &s.o);
		if (rc == 0 && (s.o.state == ORDER_APPLIED ||
		    order_row_step(s.o.state, ORDER_APPLIED)))
			rc = in_force(db, &s, "as the host tells");
		if (rc == 0)
			rc = count(db, &s.o, w->dropped);
	} else if (w->epoch >= s.o.epoch) {
		rc = over(db, h, &s.o);
	} else if (w->first && s.o.deliver_before > db_now(db)) {
		rc = order_row_send(db, &s.o);
	}
	order_row_done(&s.o);
	return rc;
}

/* -- the clock ----------------------------------------------------------- */

static int
tick_one(struct db *db, const char *host_id)
{
	int64_t now = db_now(db);
	struct order_row o;
	struct host h;
	int rc;

	rc = hosts_get(db, host_id, &h);
	if (rc == 0)
		rc = order_row_get(db, h.drill_order, &o);
	if (rc != 0)
		return rc == ERR_NOENT ? set_order(db, host_id, "") : rc;
	if ((o.state == ORDER_PENDING || o.state == ORDER_SENT) &&
	    o.deliver_before <= now) {
		rc = end(db, &h, &o, ORDER_EXPIRED, "not answered in time");
		if (rc == 0)
			rc = order_row_audit(db, &o, h.name, ACTOR_SYSTEM,
			    "order.expired", "the host did not take it");
	} else if (o.drill_until != 0 && o.drill_until + DRILL_LATE_MS <= now) {
		/* said once: the row is let go, whatever the host does */
		log_warn("host %s: did not say that drill %s is over",
		    h.name, o.order_id);
		rc = end(db, &h, &o, ORDER_FAILED,
		    "the host did not say that it restored itself");
		if (rc == 0)
			rc = order_row_audit(db, &o, h.name, ACTOR_SYSTEM,
			    "order.late", "over its time and not reported "
			    "back: look at the host");
	}
	order_row_done(&o);
	return rc;
}

int
drill_tick(struct db *db)
{
	char id[TICK_MAX][ID_MAX];
	struct db_rows *r;
	size_t n = 0, i;
	int rc = 0;

	r = db_query(db, "SELECT host_id FROM hosts WHERE drill_order <> '' "
	    "ORDER BY host_id", "");
	if (r == NULL)
		return ERR_IO;
	while (n < TICK_MAX && (rc = db_next(r)) == 1)
		db_copy(r, 0, id[n++], ID_MAX);
	db_end(&r);
	for (rc = rc > 0 ? 0 : rc, i = 0; rc == 0 && i < n; i++)
		rc = tick_one(db, id[i]);
	return rc;
}
