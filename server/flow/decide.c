/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Carrying out what policy decided: a case, a proposal, an isolation.  Rules
 * act as an actor of their own and go the same way as a person: plan,
 * approvals, budget.  Runs on the writer thread.
 */
#include <stdio.h>

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

/* Is a plan for this host waiting already? */
static int
plan_waiting(struct db *db, const struct host *h, bool *waiting)
{
	int64_t n = 0;
	int rc;

	rc = db_one_int(db, &n,
	    "SELECT count(*) FROM plans p JOIN plan_hosts ph "
	    "ON ph.plan_id = p.plan_id WHERE ph.host_id = $1 "
	    "AND p.state IN ($2, $3)", "sii", h->host_id,
	    (int64_t)PLAN_PROPOSED, (int64_t)PLAN_APPROVED);
	*waiting = n > 0;
	return rc;
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
	bool waiting;
	int rc;

	rc = plan_waiting(db, h, &waiting);
	if (rc != 0 || waiting)
		return rc;
	snprintf(reason, sizeof(reason), "by rule: %.480s", why);
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
