/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Carrying out what policy decided: a case, a proposal, an isolation.  Rules
 * act as an actor of their own and go the same way as a person: plan,
 * approvals, budget.  Runs on the writer thread.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "server/audit/audit.h"
#include "server/flow/signals.h"
#include "server/store/hosts.h"

const struct actor policy_actor = {
    .name = ACTOR_POLICY,
    .roles = 1u << ROLE_RESPONDER | 1u << ROLE_ANALYST,
    .grp = "*",
};

static int
case_for(struct db *db, const struct host *h, const char *title,
    char case_id[ID_MAX])
{
	struct refused refused;
	struct case_row c;
	int rc;

	if (h->case_id[0] != '\0') {
		snprintf(case_id, ID_MAX, "%s", h->case_id);
		return 0;
	}
	rc = case_open(db, title, &policy_actor, &c, &refused);
	if (rc == 0)
		rc = case_add_host(db, c.case_id, h->host_id, ACTOR_POLICY);
	if (rc == 0)
		snprintf(case_id, ID_MAX, "%s", c.case_id);
	return rc;
}

/* An open plan for this host, a rule's own first; ERR_NOENT. */
static int
open_plan(struct db *db, const struct host *h, struct plan *out)
{
	char plan_id[ID_MAX];
	struct db_rows *r;
	int rc;

	rc = db_row(db, &r,
	    "SELECT p.plan_id FROM plans p JOIN plan_hosts ph "
	    "ON ph.plan_id = p.plan_id WHERE ph.host_id = $1 "
	    "AND p.state IN ($2, $3) AND p.expires_at > $4 "
	    "ORDER BY CASE WHEN p.requester = $5 THEN 0 ELSE 1 END LIMIT 1",
	    "siiis", h->host_id, (int64_t)PLAN_PROPOSED,
	    (int64_t)PLAN_APPROVED, db_now(db), ACTOR_POLICY);
	if (rc != 0)
		return rc;
	db_copy(r, 0, plan_id, sizeof(plan_id));
	db_end(&r);
	return plan_get(db, plan_id, out);
}

/*
 * What is open already: DONE if people are asked and nothing is to be added,
 * AGAIN (PLAN filled) if a rule's own isolation only could not be applied
 * yet.  A mere proposal makes way for an isolation; a person's plan stays.
 */
static int
look_at_open(struct db *db, const struct host *h, bool now,
    struct plan *plan, bool *done, bool *again)
{
	struct refused refused;
	bool own;
	int rc;

	*done = *again = false;
	rc = open_plan(db, h, plan);
	if (rc != 0)
		return rc == ERR_NOENT ? 0 : rc;
	own = strcmp(plan->requester, ACTOR_POLICY) == 0;
	*done = !now || (own && plan->approvals_needed > 0);
	*again = !*done && own && plan->origin == ORIGIN_POLICY;
	if (*done || *again || !own)
		return 0;
	return plan_cancel(db, plan->plan_id, &policy_actor, &refused);
}

/* Plan an isolation as policy; apply it if NOW and nobody must approve. */
static int
plan_as_policy(struct db *db, const struct flow *f, const struct host *h,
    const char *case_id, const char *why, bool now)
{
	const char *hosts[1] = {h->host_id};
	char reason[TEXT_MAX_LEN];
	struct plan_ask ask = {
	    .action = ACTION_ISOLATE,
	    .hosts = hosts,
	    .nhosts = 1,
	    .case_id = case_id,
	    .reason = reason,
	    .origin = now ? ORIGIN_POLICY : ORIGIN_RECOMMENDED,
	    .actor = &policy_actor,
	    .why = why,
	};
	struct refused refused = {.code = REFUSAL_NONE};
	struct plan plan;
	bool done, again;
	int rc;

	rc = look_at_open(db, h, now, &plan, &done, &again);
	if (rc != 0 || done)
		return rc;
	snprintf(reason, sizeof(reason), "by rule: %.480s", why);
	if (!again)
		rc = flow_plan_make(db, f, &ask, &plan, &refused);
	if (rc == 0 && now && plan.approvals_needed == 0)
		rc = flow_plan_apply(db, f, plan.plan_id, plan.digest, 1,
		    &policy_actor, &plan, &refused);
	if (rc == ERR_PERM) {
		log_warn("policy: host %s not isolated: %s", h->name,
		    refused.text);
		rc = audit_add(db,
		    &(struct audit_entry){.who = ACTOR_POLICY,
		    .what = "policy.refused", .host = h->name,
		    .case_id = case_id}, "%s", refused.text);
	}
	return rc;
}

int
decision_carry_out(struct db *db, const struct flow *f, const struct host *h,
    const Cordon__Signal *sig, const struct policy_decision *d,
    char case_id[ID_MAX])
{
	char title[TEXT_MAX_LEN];
	int rc;

	if (d->what < POLICY_CASE)
		return 0;
	snprintf(title, sizeof(title), "%.60s on %.60s: %.300s", sig->kind,
	    h->name, sig->object);
	rc = case_for(db, h, title, case_id);
	if (rc != 0 || d->what < POLICY_PROPOSE)
		return rc;
	if (h->stage != STAGE_NORMAL && h->stage != STAGE_PROBATION)
		return 0; /* somebody is at it already */
	return plan_as_policy(db, f, h, case_id, d->why,
	    d->what == POLICY_ISOLATE);
}

int
flow_relapse(struct db *db, const struct flow *f, const char *host_id)
{
	char case_id[ID_MAX];
	struct host h;
	int rc;

	rc = hosts_get(db, host_id, &h);
	if (rc == 0)
		rc = audit_add(db,
		    &(struct audit_entry){.who = ACTOR_SYSTEM,
		    .what = "host.relapse", .host = h.name,
		    .case_id = h.case_id},
		    "a must check of the probation is red");
	if (rc == 0)
		rc = case_for(db, &h, "relapse after release", case_id);
	/* A rule never isolates a T0 host: there a person is asked. */
	if (rc == 0)
		rc = plan_as_policy(db, f, &h, case_id,
		    "relapse: a must check of the probation is red",
		    h.tier != TIER_T0);
	return rc;
}
