/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Making and cancelling a plan: hosts resolved and frozen, every rule asked
 * in a fixed order, the first that says no is the answer.  Runs in jobs on
 * the writer thread; the asker is a person behind the API, or a rule.
 */
#include <stdio.h>
#include <string.h>

#include "server/audit/audit.h"
#include "server/orders/budget.h"
#include "server/orders/drill.h"
#include "server/orders/may.h"
#include "server/orders/own.h"
#include "server/store/hosts.h"

#define PLAN_DIGITS 8
#define REVIEW_STANDARD 86400 /* where the settings name none */
#define TTL_SECONDS_MAX (30 * 86400)
#define DIGEST_SHOWN 12 /* digits of the digest in audit lines */

static int
check_case(struct db *db, const char *case_id, struct refused *refused)
{
	int64_t state;
	int rc;

	if (case_id == NULL || case_id[0] == '\0')
		return 0;
	rc = id_valid(case_id) ? db_one_int(db, &state,
	    "SELECT state FROM cases WHERE case_id = $1", "s", case_id) :
	    ERR_NOENT;
	if (rc == ERR_NOENT)
		return refused_set(refused, REFUSAL_NOT_FOUND,
		    "List them with: cordonctl case list",
		    "there is no such case");
	if (rc == 0 && (state == CASE_CLOSED || state == CASE_DISMISSED))
		return refused_set(refused, REFUSAL_STATE,
		    "Open a new case or reopen this one.",
		    "case %s is closed", case_id);
	return rc;
}

static int
check_input(struct db *db, const struct plan_ask *ask,
    struct refused *refused)
{
	size_t i;

	if ((unsigned int)ask->action > ACTION_LIMIT ||
	    (unsigned int)ask->origin > ORIGIN_POLICY ||
	    word_name(WORDS_DRILL, (int)ask->drill)[0] == '?')
		return refused_set(refused, REFUSAL_INPUT,
		    "Plan isolate, limit, recover or restore.",
		    "there is no such action");
	if (ask->nhosts == 0)
		return refused_set(refused, REFUSAL_NO_HOST,
		    "See which hosts there are: cordonctl host list",
		    "no host matches");
	if (ask->nhosts > PLAN_HOSTS_MAX)
		return refused_set(refused, REFUSAL_INPUT,
		    "Make several plans.", "a plan holds at most %d hosts",
		    PLAN_HOSTS_MAX);
	for (i = 0; i < ask->nhosts; i++)
		if (!name_valid(ask->hosts[i]))
			return refused_set(refused, REFUSAL_INPUT,
			    "Give host names as cordonctl host list shows "
			    "them.", "a host name is not a name");
	return check_case(db, ask->case_id, refused);
}

static int
resolve(struct db *db, const struct plan_ask *ask, struct host_list *l,
    struct refused *refused)
{
	const char *missing = "";
	int rc;

	rc = host_list_resolve(db, ask->hosts, ask->nhosts, l, &missing);
	if (rc == ERR_NOENT)
		return refused_set(refused, REFUSAL_NO_HOST,
		    "See which hosts there are: cordonctl host list",
		    "there is no host %s", missing);
	return rc;
}

int
plan_check_role(struct db *db, enum plan_action action,
    enum plan_origin origin, const struct actor *a,
    const struct host_list *l, struct refused *refused)
{
	bool may = false;
	int rc;

	if (may_is_machine(a))
		return origin != ORIGIN_MANUAL ? 0 :
		    refused_set(refused, REFUSAL_ROLE, "A person decides.",
		    "%s makes no plans by hand", a->name);
	rc = may_all(db, a, may_roles(action), l, &may);
	if (rc != 0 || may)
		return rc;
	return refused_set(refused, REFUSAL_ROLE,
	    action == ACTION_ISOLATE || action == ACTION_LIMIT ?
	    "Ask a responder or commander of the group who is no admin." :
	    "Ask someone with the role recovery, or a commander, who is no "
	    "admin.", "%s may not %s every host of the list", a->name,
	    word_name(WORDS_ACTION, (int)action));
}

/* Tagged, or the collector's own machine. */
int
plan_check_never(const struct orders_settings *s, const struct host_list *l,
    struct refused *refused)
{
	size_t i, k;

	for (i = 0; i < l->n; i++) {
		if (l->h[i].never_isolate)
			return refused_set(refused, REFUSAL_NEVER,
			    "An admin can take the tag away; the agent may "
			    "hold one of its own.",
			    "%s is tagged never-isolate", l->h[i].name);
		for (k = 0; k < s->ncollectors; k++)
			if (host_has_address(&l->h[i], s->collectors[k].ip,
			    s->collectors[k].ip_len))
				return refused_set(refused, REFUSAL_NEVER,
				    "Cut it off by other means; nobody could "
				    "release anything any more.",
				    "%s is the collector itself",
				    l->h[i].name);
	}
	return 0;
}

int
plan_check_stages(struct db *db, enum plan_action action,
    const struct host_list *l, struct refused *refused)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		const struct host *h = &l->h[i];

		if (h->revoked)
			return refused_set(refused, REFUSAL_STAGE,
			    "Enrol the host anew first.",
			    "the certificate of %s is revoked: no order "
			    "reaches it", h->name);
		if (h->desired == PROFILE_LIMITED &&
		    h->stage == STAGE_CONTAINED &&
		    !order_state_is_no(hosts_order_state(db, h))) {
			/* from limited to strict, and not to limited again */
			if (action == ACTION_ISOLATE)
				continue;
			if (action == ACTION_LIMIT)
				return refused_set(refused, REFUSAL_STAGE,
				    "Isolate or recover it.",
				    "%s is on profile limited already",
				    h->name);
		}
		if (!need_stage_allows(h->stage, action,
		    hosts_order_state(db, h)))
			return refused_set(refused, REFUSAL_STAGE,
			    "Look at it with: cordonctl host show HOST",
			    "%s is %s: %s is not possible from there",
			    h->name, word_name(WORDS_STAGE, (int)h->stage),
			    word_name(WORDS_ACTION, (int)action));
	}
	return 0;
}

/* A host that opens by itself, without the gate, is no small thing. */
static int
check_ttl(const struct plan *p, const struct host_list *l,
    struct refused *refused)
{
	size_t i;

	if (p->action != ACTION_ISOLATE || p->drill != DRILL_NONE ||
	    p->review_seconds < 60 || p->review_seconds > TTL_SECONDS_MAX)
		return refused_set(refused, REFUSAL_INPUT,
		    "Give isolate --ttl 1m to 30d.",
		    "only an isolation restores itself, after at most 30 d");
	for (i = 0; i < l->n; i++)
		if (l->h[i].tier == TIER_T0)
			return refused_set(refused, REFUSAL_ROLE,
			    "Isolate it without --ttl and restore it through "
			    "the gate.", "%s is T0: it never opens by itself",
			    l->h[i].name);
	return 0;
}

static bool
cuts_off(const struct plan *p)
{
	return p->action == ACTION_ISOLATE || p->action == ACTION_LIMIT;
}

int
plan_check_hosts(struct db *db, const struct orders_settings *s,
    const struct plan *p, const struct host_list *l,
    struct refused *refused)
{
	int rc = 0;

	if (cuts_off(p) && p->drill != DRILL_DRY)
		rc = plan_check_never(s, l, refused);
	if (rc == 0)
		rc = plan_check_stages(db, p->action, l, refused);
	if (rc == 0 && p->restores)
		rc = check_ttl(p, l, refused);
	if (rc == 0 && p->drill != DRILL_NONE)
		rc = drill_check(p, l, refused);
	if (rc == 0 && cuts_off(p) && p->drill != DRILL_DRY &&
	    p->drill != DRILL_COUNT)
		rc = budget_check(db, s, l, p, refused);
	return rc;
}

/* An open plan of the same asker for one of these hosts? */
static int
check_double(struct db *db, const struct plan *p, const struct host_list *l,
    struct refused *refused)
{
	char id[ID_MAX] = "";
	struct db_rows *r;
	int rc = 0;

	r = db_query(db,
	    "SELECT p.plan_id, ph.host_id FROM plans p "
	    "JOIN plan_hosts ph ON ph.plan_id = p.plan_id "
	    "WHERE p.state IN ($1, $2) AND p.action = $3 "
	    "AND p.requester = $4 AND p.expires_at > $5 AND p.drill = $6",
	    "iiisii", (int64_t)PLAN_PROPOSED, (int64_t)PLAN_APPROVED,
	    (int64_t)p->action, p->requester, p->created_at,
	    (int64_t)p->drill);
	if (r == NULL)
		return ERR_IO;
	while (id[0] == '\0' && (rc = db_next(r)) == 1)
		if (host_list_has(l, db_text(r, 1)))
			db_copy(r, 0, id, sizeof(id));
	db_end(&r);
	if (id[0] == '\0')
		return rc;
	return refused_set(refused, REFUSAL_CONFLICT,
	    "Go on with that plan, or cancel it first.",
	    "plan %s of %s does the same and is open", id, p->requester);
}

/* What the table of approvals asks for these hosts. */
int
plan_fill_need(struct db *db, struct plan *p, const struct host_list *l,
    struct refused *refused)
{
	struct need need = {0};
	int64_t fleet;
	size_t i;
	int rc;

	if (p->drill == DRILL_DRY)
		return 0; /* changes nothing on any host */
	rc = budget_fleet(db, &fleet);
	if (rc != 0)
		return rc;
	for (i = 0; i < l->n; i++) {
		bool bulk = need_is_bulk((int64_t)l->n, fleet);

		/* it is its own restore: who agrees, agrees to that too */
		if (p->restores)
			(void)need_add(&need, l->h[i].tier, ACTION_RESTORE,
			    bulk, p->origin);
		switch (need_add(&need, l->h[i].tier, need_action(p->action,
		    l->h[i].stage), bulk, p->origin)) {
		case NEED_OK:
			break;
		case NEED_NO_POLICY:
			return refused_set(refused, REFUSAL_ROLE,
			    "A person decides.",
			    "no rule may %s %s (%s)",
			    word_name(WORDS_ACTION, (int)p->action),
			    l->h[i].name,
			    word_name(WORDS_TIER, (int)l->h[i].tier));
		case NEED_ONE_BY_ONE:
			return refused_set(refused, REFUSAL_BUDGET,
			    "Make one plan for each of them.",
			    "%s is %s: such hosts are isolated one at a "
			    "time", l->h[i].name,
			    word_name(WORDS_TIER, (int)l->h[i].tier));
		}
	}
	p->approvals_needed = need.approvals;
	p->owner_needed = need.owner;
	return 0;
}

/* The soonest review of any of the hosts; an open host has none. */
static int64_t
review_of(const struct orders_settings *s, enum plan_action action,
    const struct host_list *l)
{
	int64_t least = 0;
	size_t i;

	if (action == ACTION_RESTORE)
		return 0; /* whatever is cut is reviewed, nothing else */
	for (i = 0; i < l->n; i++) {
		int64_t sec = s->review_seconds[l->h[i].tier];

		if (least == 0 || (sec > 0 && sec < least))
			least = sec;
	}
	return least > 0 ? least : REVIEW_STANDARD;
}

static void
fill(struct db *db, const struct orders_settings *s,
    const struct plan_ask *ask, const struct host_list *l, struct plan *p)
{
	int64_t wait = ask->action == ACTION_ISOLATE ||
	    ask->action == ACTION_LIMIT ?
	    s->approve_isolate_seconds : s->approve_restore_seconds;

	id_new(p->plan_id, "P", PLAN_DIGITS);
	p->action = ask->action;
	p->profile = need_profile(ask->action);
	p->state = PLAN_PROPOSED;
	p->origin = ask->origin;
	snprintf(p->case_id, sizeof(p->case_id), "%s",
	    ask->case_id != NULL ? ask->case_id : "");
	snprintf(p->reason, sizeof(p->reason), "%s", ask->reason);
	snprintf(p->requester, sizeof(p->requester), "%s", ask->actor->name);
	snprintf(p->why, sizeof(p->why), "%s",
	    ask->why != NULL ? ask->why : "");
	p->review_seconds = review_of(s, ask->action, l);
	if (ask->ttl_seconds > 0) {
		p->review_seconds = ask->ttl_seconds;
		p->restores = true;
	}
	p->drill = ask->drill;
	p->drill_minutes = ask->drill_minutes;
	p->created_at = db_now(db);
	p->expires_at = p->created_at + wait * 1000;
}

static int
check_all(struct db *db, const struct orders_settings *s,
    const struct plan_ask *ask, struct host_list *l, struct plan *p,
    struct refused *refused)
{
	int rc;

	rc = check_input(db, ask, refused);
	if (rc == 0)
		rc = plan_reason_check(ask->reason, refused);
	if (rc == 0)
		rc = resolve(db, ask, l, refused);
	if (rc == 0)
		rc = plan_check_role(db, ask->action, ask->origin, ask->actor,
		    l, refused);
	if (rc != 0)
		return rc;
	fill(db, s, ask, l, p);
	rc = plan_check_hosts(db, s, p, l, refused);
	if (rc == 0)
		rc = plan_fill_need(db, p, l, refused);
	if (rc == 0)
		rc = check_double(db, p, l, refused);
	return rc;
}

int
plan_make(struct db *db, const struct orders_settings *s,
    const struct plan_ask *ask, struct plan *out, struct refused *refused)
{
	struct host_list l = {NULL, 0};
	struct plan p = {0};
	char text[256];
	int rc;

	rc = check_all(db, s, ask, &l, &p, refused);
	if (rc == 0)
		rc = plan_digest(&p, &l, p.digest);
	if (rc == 0)
		rc = plan_row_insert(db, &p, &l);
	if (rc == 0)
		rc = plan_audit(db, &p, &l, p.requester, "plan.propose",
		    "%s %zu host(s): %s; approvals needed: %d%s; digest "
		    "%.*s; %s", word_name(WORDS_ACTION, (int)p.action), l.n,
		    host_list_text(text, sizeof(text), &l),
		    p.approvals_needed,
		    p.owner_needed ? ", one the business owner" : "",
		    DIGEST_SHOWN, p.digest, p.reason);
	if (rc == 0)
		*out = p;
	host_list_done(&l);
	return plan_refused(db, ask->actor, NULL, "plan.refuse", refused, rc);
}

static int
cancel(struct db *db, struct plan *p, const struct actor *a,
    struct refused *refused)
{
	struct host_list l = {NULL, 0};
	int rc;

	rc = plan_row_fresh(db, p, refused);
	if (rc == 0)
		rc = host_list_of_plan(db, p->plan_id, &l);
	if (rc == 0 && strcmp(p->requester, a->name) != 0)
		rc = plan_check_role(db, p->action, p->origin, a, &l,
		    refused);
	if (rc == 0)
		rc = plan_row_move(db, p, PLAN_CANCELLED, "");
	if (rc == 0)
		rc = plan_audit(db, p, &l, a->name, "plan.cancel",
		    "%s of %zu host(s) by %s cancelled",
		    word_name(WORDS_ACTION, (int)p->action), l.n,
		    p->requester);
	host_list_done(&l);
	return rc;
}

int
plan_find(struct db *db, const char *plan_id, struct plan *p,
    struct refused *refused)
{
	int rc = id_valid(plan_id) ? plan_get(db, plan_id, p) : ERR_NOENT;

	if (rc == ERR_NOENT)
		return refused_set(refused, REFUSAL_NOT_FOUND,
		    "List them with: cordonctl plan list",
		    "there is no such plan");
	return rc;
}

int
plan_cancel(struct db *db, const char *plan_id, const struct actor *actor,
    struct refused *refused)
{
	struct plan p;
	int rc;

	rc = plan_find(db, plan_id, &p, refused);
	if (rc == 0)
		rc = cancel(db, &p, actor, refused);
	return plan_refused(db, actor, id_valid(plan_id) ? plan_id : NULL,
	    "plan.refuse", refused, rc);
}
