/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plans and stages together: what a plan needs of case, evidence and gate
 * before it is made and again before it is applied, and the stage that each
 * host is on afterwards.  Runs on the writer thread.
 */
#include <stdio.h>
#include <string.h>

#include "server/flow/flow.h"
#include "server/store/hosts.h"

/* What a host must have before this action. */
static int
host_ready(struct db *db, const struct flow *f, enum plan_action action,
    const struct host *h, struct refused *refused)
{
	char why[TEXT_MAX_LEN];

	if (!stage_allows(h->stage, action))
		return refused_set(refused, REFUSAL_STAGE,
		    action == ACTION_RESTORE && h->stage == STAGE_CONTAINED ?
		    "Recover it first: cordonctl recover HOST" :
		    action == ACTION_RESTORE && h->stage == STAGE_RECOVERING ?
		    "Run the gate first: cordonctl verify HOST" :
		    "Look at it with: cordonctl host show HOST",
		    "%s is %s; %s is not possible from there", h->name,
		    word_name(WORDS_STAGE, (int)h->stage),
		    word_name(WORDS_ACTION, (int)action));
	if ((action == ACTION_RECOVER || (action == ACTION_LIMIT &&
	    h->stage == STAGE_CONTAINED)) &&
	    !evidence_kept(db, h->case_id, h->host_id))
		return refused_set(refused, REFUSAL_EVIDENCE,
		    "Wait for the snapshot, or: cordonctl case "
		    "waive-evidence HOST --reason ...",
		    "no evidence of %s is kept in its case", h->name);
	if (action == ACTION_RESTORE &&
	    !gate_passed(db, f->cases, h->host_id, why, sizeof(why)))
		return refused_set(refused, REFUSAL_GATE,
		    "Run it: cordonctl verify HOST",
		    "%s has not passed the gate: %s", h->name, why);
	return 0;
}

/* The case a plan belongs to: given, or the hosts' own, or a new one. */
static int
plan_case(struct db *db, const struct plan_ask *ask, const struct host *first,
    char case_id[ID_MAX], struct refused *refused)
{
	struct case_row c;
	int rc;

	if (ask->case_id != NULL && ask->case_id[0] != '\0') {
		rc = case_find(db, ask->case_id, &c, refused);
		if (rc != 0)
			return rc;
		if (c.state == CASE_CLOSED || c.state == CASE_DISMISSED)
			return refused_set(refused, REFUSAL_STATE,
			    "Open a new case.", "case %s is %s", c.case_id,
			    word_name(WORDS_CASE_STATE, (int)c.state));
		snprintf(case_id, ID_MAX, "%s", c.case_id);
		return 0;
	}
	if (first->case_id[0] != '\0') {
		snprintf(case_id, ID_MAX, "%s", first->case_id);
		return 0;
	}
	rc = case_open(db, ask->reason, ask->actor, &c, refused);
	if (rc == 0)
		snprintf(case_id, ID_MAX, "%s", c.case_id);
	return rc;
}

int
flow_plan_make(struct db *db, const struct flow *f,
    const struct plan_ask *ask, struct plan *out, struct refused *refused)
{
	struct plan_ask with_case = *ask;
	char case_id[ID_MAX];
	struct host h, first;
	size_t i;
	int rc;

	/* practice: no case, no stage, no evidence */
	if (ask->drill != DRILL_NONE)
		return plan_make(db, f->orders, ask, out, refused);
	if (ask->nhosts == 0 || ask->nhosts > PLAN_HOSTS_MAX)
		return refused_set(refused, REFUSAL_NO_HOST,
		    "Name one host or more.", "the plan has no host");
	for (i = 0; i < ask->nhosts; i++) {
		rc = hosts_get(db, ask->hosts[i], &h);
		if (rc == ERR_NOENT)
			return refused_set(refused, REFUSAL_NO_HOST,
			    "List them with: cordonctl host list",
			    "there is no host %s", ask->hosts[i]);
		if (rc == 0)
			rc = host_ready(db, f, ask->action, &h, refused);
		if (rc != 0)
			return rc;
		if (i == 0)
			first = h;
	}
	rc = plan_case(db, ask, &first, case_id, refused);
	with_case.case_id = case_id;
	if (rc == 0)
		rc = plan_make(db, f->orders, &with_case, out, refused);
	for (i = 0; rc == 0 && i < ask->nhosts; i++) {
		rc = hosts_get(db, ask->hosts[i], &h);
		if (rc == 0)
			rc = case_add_host(db, case_id, h.host_id,
			    ask->actor->name);
	}
	return rc;
}

/* The hosts of a plan, collected so that they can be worked on. */
struct plan_hosts {
	char id[PLAN_HOSTS_MAX][ID_MAX];
	size_t n;
};

static int
remember(void *arg, const char *host_id, const char *order_id)
{
	struct plan_hosts *p = arg;

	(void)order_id;
	if (p->n == PLAN_HOSTS_MAX)
		return ERR_LIMIT;
	snprintf(p->id[p->n++], ID_MAX, "%s", host_id);
	return 0;
}

static int
move_stage(struct db *db, const struct flow *f, const struct plan *p,
    const char *host_id, const char *who)
{
	static const enum stage stage_of[] = {
	    [ACTION_ISOLATE] = STAGE_CONTAINED,
	    [ACTION_RECOVER] = STAGE_RECOVERING,
	    [ACTION_RESTORE] = STAGE_PROBATION,
	    [ACTION_LIMIT] = STAGE_CONTAINED,
	};
	int rc;

	rc = stage_set(db, host_id, stage_of[p->action], who, p->plan_id);
	if (rc == 0 && p->action == ACTION_RESTORE)
		rc = probation_start(db, f->cases, host_id);
	return rc;
}

int
flow_plan_apply(struct db *db, const struct flow *f, const char *plan_id,
    const char *digest, int expect_hosts, const struct actor *actor,
    struct plan *out, struct refused *refused)
{
	static struct plan_hosts hosts; /* the writer thread's own; 32 KiB */
	struct plan p;
	struct host h;
	size_t i;
	int rc;

	hosts.n = 0;
	rc = plan_get(db, plan_id, &p);
	if (rc == ERR_NOENT)
		return refused_set(refused, REFUSAL_NOT_FOUND,
		    "List them with: cordonctl plan list",
		    "there is no plan %s", plan_id);
	if (rc == 0)
		rc = plan_hosts_each(db, plan_id, remember, &hosts);
	for (i = 0; rc == 0 && p.drill == DRILL_NONE && i < hosts.n; i++) {
		rc = hosts_get(db, hosts.id[i], &h);
		if (rc == 0 && p.state != PLAN_APPLIED)
			rc = host_ready(db, f, p.action, &h, refused);
	}
	if (rc == 0)
		rc = plan_apply(db, f->orders, plan_id, digest, expect_hosts,
		    actor, &p, refused);
	for (i = 0; rc == 0 && p.drill == DRILL_NONE && i < hosts.n; i++)
		rc = move_stage(db, f, &p, hosts.id[i], actor->name);
	if (rc == 0)
		*out = p;
	return rc;
}

int
flow_tick(struct db *db, const struct flow *f)
{
	int rc;

	rc = orders_tick(db, f->orders);
	if (rc == 0)
		rc = cases_tick(db, f->cases);
	return rc;
}
