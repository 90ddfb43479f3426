/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Votes on plans.  A vote is bound to the plan's digest; the requester and
 * the collector's own actors never vote; a person votes once, whatever
 * credential is used, because names are unique.  Runs in jobs on the writer
 * thread.
 */
#include <string.h>

#include "common/base/text.h"
#include "server/orders/may.h"
#include "server/orders/own.h"

struct vote {
	const char *digest;
	const struct actor *actor;
	bool deny;
	const char *reason;
};

static int
check_voter(struct db *db, const struct orders_settings *s,
    const struct plan *p, const struct host_list *l, const struct need *need,
    const struct actor *a, struct refused *refused)
{
	uint32_t want = ROLE_BIT(ROLE_APPROVER) | ROLE_BIT(ROLE_OWNER);
	bool may = false;
	int rc;

	if (strcmp(p->requester, a->name) == 0)
		return refused_set(refused, REFUSAL_OWN_PLAN,
		    "Ask another approver; to take it back: cordonctl cancel.",
		    "%s asked for plan %s and never counts", a->name,
		    p->plan_id);
	if (need->head)
		want |= ROLE_BIT(ROLE_COMMANDER);
	rc = may_is_machine(a) ? 0 : may_all(db, a, want, l, &may);
	if (rc != 0)
		return rc;
	if (!may)
		return refused_set(refused, REFUSAL_ROLE,
		    "Ask an approver or business owner of every host's "
		    "group who is no admin.",
		    "%s may not vote on plan %s", a->name, p->plan_id);
	if (db_now(db) - a->created_at < s->operator_min_age_seconds * 1000)
		return refused_set(refused, REFUSAL_YOUNG,
		    "Ask an approver whose account is older.",
		    "the account of %s is younger than %lld h", a->name,
		    (long long)s->operator_min_age_seconds / 3600);
	return 0;
}

int
plan_check_digest(const struct plan *p, const struct host_list *l,
    const char *digest, struct refused *refused)
{
	char now[65];
	int rc;

	rc = plan_digest(p, l, now);
	if (rc != 0)
		return rc;
	if (digest == NULL || strcmp(digest, p->digest) != 0)
		return refused_set(refused, REFUSAL_DIGEST,
		    "Look at the plan again and use the digest it shows.",
		    "that is not the digest of plan %s", p->plan_id);
	if (strcmp(now, p->digest) != 0)
		return refused_set(refused, REFUSAL_DIGEST,
		    "Make the plan anew; find out who changed the store.",
		    "plan %s is not what its digest says", p->plan_id);
	return 0;
}

static int
check_vote(struct db *db, const struct plan *p, const struct vote *v,
    struct refused *refused)
{
	int64_t one;
	int rc;

	if (strlen(v->reason) >= TEXT_MAX_LEN ||
	    !text_printable(v->reason, strlen(v->reason), false))
		return refused_set(refused, REFUSAL_INPUT,
		    "Give the reason as one short line of text.",
		    "the reason of the vote is too long or no plain text");
	rc = db_one_int(db, &one,
	    "SELECT 1 FROM approvals WHERE plan_id = $1 AND approver = $2",
	    "ss", p->plan_id, v->actor->name);
	if (rc == ERR_NOENT)
		return 0;
	if (rc != 0)
		return rc;
	return refused_set(refused, REFUSAL_CONFLICT,
	    "Ask another approver.", "%s has voted on plan %s already",
	    v->actor->name, p->plan_id);
}

static int
keep_vote(struct db *db, const struct plan *p, const struct vote *v)
{
	return db_run(db, NULL,
	    "INSERT INTO approvals (plan_id, digest, approver, verdict, "
	    "reason, at) VALUES ($1, $2, $3, $4, $5, $6)", "sssssi",
	    p->plan_id, p->digest, v->actor->name,
	    v->deny ? "deny" : "approve", v->reason, db_now(db));
}

/* The vote stands: what follows for the plan. */
static int
carry_out(struct db *db, struct plan *p, const struct host_list *l,
    const struct vote *v)
{
	struct need_votes votes;
	struct need need;
	int rc;

	if (v->deny) {
		rc = plan_row_move(db, p, PLAN_DENIED, "");
		if (rc != 0)
			return rc;
		return plan_audit(db, p, l, v->actor->name, "plan.deny",
		    "%s by %s denied: %s",
		    word_name(WORDS_ACTION, (int)p->action), p->requester,
		    v->reason[0] != '\0' ? v->reason : "no reason given");
	}
	rc = plan_row_need(db, p, l, &need, &votes);
	if (rc != 0)
		return rc;
	p->approvals_given = votes.approvals;
	if (p->state == PLAN_PROPOSED && need_met(&need, &votes))
		rc = plan_row_move(db, p, PLAN_APPROVED, "");
	if (rc != 0)
		return rc;
	return plan_audit(db, p, l, v->actor->name, "plan.approve",
	    "%s by %s: %d of %d approvals%s, digest %.12s",
	    word_name(WORDS_ACTION, (int)p->action), p->requester,
	    votes.approvals, p->approvals_needed,
	    p->state == PLAN_APPROVED ? ", approved" : "", p->digest);
}

static int
vote(struct db *db, const struct orders_settings *s, struct plan *p,
    const struct vote *v, struct refused *refused)
{
	struct host_list l = {NULL, 0};
	struct need_votes votes;
	struct need need;
	int rc;

	rc = plan_row_fresh(db, p, refused);
	if (rc == 0)
		rc = host_list_of_plan(db, p->plan_id, &l);
	if (rc == 0)
		rc = plan_row_need(db, p, &l, &need, &votes);
	if (rc == 0)
		rc = check_voter(db, s, p, &l, &need, v->actor, refused);
	if (rc == 0)
		rc = plan_check_digest(p, &l, v->digest, refused);
	if (rc == 0)
		rc = check_vote(db, p, v, refused);
	if (rc == 0)
		rc = keep_vote(db, p, v);
	if (rc == 0)
		rc = carry_out(db, p, &l, v);
	host_list_done(&l);
	return rc;
}

int
plan_vote(struct db *db, const struct orders_settings *s,
    const char *plan_id, const char *digest, const struct actor *actor,
    const char *verdict, const char *reason, struct plan *out,
    struct refused *refused)
{
	struct vote v = {
		.digest = digest,
		.actor = actor,
		.deny = strcmp(verdict, "deny") == 0,
		.reason = reason != NULL ? reason : "",
	};
	struct plan p;
	int rc = 0;

	if (!v.deny && strcmp(verdict, "approve") != 0)
		rc = refused_set(refused, REFUSAL_INPUT,
		    "Say approve or deny.", "there is no such verdict");
	if (rc == 0)
		rc = plan_find(db, plan_id, &p, refused);
	if (rc == 0)
		rc = vote(db, s, &p, &v, refused);
	if (rc == 0)
		*out = p;
	return plan_refused(db, actor, id_valid(plan_id) ? plan_id : NULL,
	    "plan.refuse", refused, rc);
}
