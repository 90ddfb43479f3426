/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An approved plan becomes one signed order a host: all hosts or none.
 * Every rule that made the plan good is asked once more, because hours may
 * have gone by.  Runs in jobs on the writer thread.
 */
#include <stdlib.h>

#include "server/orders/issue.h"
#include "server/orders/own.h"

struct apply {
	const char *digest;
	int expect_hosts;
	const struct actor *actor;
};

static int
check_approvals(struct db *db, const struct plan *p,
    const struct host_list *l, struct refused *refused)
{
	struct need_votes votes;
	struct need need;
	int rc;

	rc = plan_row_need(db, p, l, &need, &votes);
	if (rc != 0 || need_met(&need, &votes))
		return rc;
	return refused_set(refused, REFUSAL_APPROVALS,
	    "Ask an approver: cordonctl approve PLAN.",
	    "plan %s has %d of %d approvals%s%s", p->plan_id,
	    votes.approvals, need.approvals,
	    need.owner ? "; one must be the business owner's" : "",
	    need.head ? "; one a commander's" : "");
}

/* A host that was open when the plan was made may be cut off by now. */
static int
check_need(struct db *db, const struct plan *p, const struct host_list *l,
    struct refused *refused)
{
	struct plan now = *p;
	int rc;

	rc = plan_fill_need(db, &now, l, refused);
	if (rc != 0 || (now.approvals_needed <= p->approvals_needed &&
	    (!now.owner_needed || p->owner_needed)))
		return rc;
	return refused_set(refused, REFUSAL_STAGE, "Make the plan anew.",
	    "what plan %s does needs %d approvals now, it asked for %d",
	    p->plan_id, now.approvals_needed, p->approvals_needed);
}

static int
check_expect(const struct apply *a, const struct host_list *l,
    struct refused *refused)
{
	if (a->expect_hosts < 0 || (size_t)a->expect_hosts == l->n)
		return 0;
	return refused_set(refused, REFUSAL_EXPECT,
	    "Look at the plan's hosts again.",
	    "the plan holds %zu hosts, %d were expected", l->n,
	    a->expect_hosts);
}

static int
check(struct db *db, const struct orders_settings *s, struct plan *p,
    const struct apply *a, struct host_list *l, struct refused *refused)
{
	int rc;

	rc = plan_row_fresh(db, p, refused);
	if (rc == 0)
		rc = host_list_of_plan(db, p->plan_id, l);
	if (rc == 0)
		rc = plan_check_role(db, p->action, p->origin, a->actor, l,
		    refused);
	if (rc == 0)
		rc = plan_check_digest(p, l, a->digest, refused);
	if (rc == 0)
		rc = check_expect(a, l, refused);
	if (rc == 0 && p->action == ACTION_LIMIT)
		rc = check_need(db, p, l, refused);
	if (rc == 0)
		rc = check_approvals(db, p, l, refused);
	if (rc == 0)
		rc = plan_check_hosts(db, s, p, l, refused);
	return rc;
}

/* Sign all of them before anything is stored. */
static int
make_orders(struct db *db, const struct orders_settings *s,
    const struct plan *p, const struct host_list *l, struct issue *o,
    size_t *made, struct refused *refused)
{
	struct why why = {""};
	int rc;

	for (*made = 0; *made < l->n; (*made)++) {
		rc = issue_make(s, p, &l->h[*made], db_now(db), &o[*made],
		    &why);
		if (rc != 0)
			return refused_set(refused, REFUSAL_SIGNER,
			    "Nothing was ordered. See to the signer and its "
			    "limits, then apply again.",
			    "the order for %s was not signed: %s",
			    l->h[*made].name, why.text);
	}
	return 0;
}

static int
put_orders(struct db *db, struct plan *p, const struct host_list *l,
    const struct issue *o, const struct actor *actor)
{
	char text[256];
	size_t i;
	int rc;

	rc = plan_row_move(db, p, PLAN_APPLIED, actor->name);
	if (rc == 0)
		rc = plan_audit(db, p, l, actor->name, "plan.apply",
		    "%s %zu host(s): %s; %d approvals, asked by %s, digest "
		    "%.12s", word_name(WORDS_ACTION, (int)p->action), l->n,
		    host_list_text(text, sizeof(text), l),
		    p->approvals_given, p->requester, p->digest);
	for (i = 0; rc == 0 && i < l->n; i++)
		rc = issue_put(db, p, &o[i], 0);
	return rc;
}

static int
apply(struct db *db, const struct orders_settings *s, struct plan *p,
    const struct apply *a, struct refused *refused)
{
	struct host_list l = {NULL, 0};
	struct issue *o = NULL;
	size_t made = 0, i;
	int rc;

	rc = check(db, s, p, a, &l, refused);
	if (rc != 0)
		goto done;
	o = calloc(l.n, sizeof(*o));
	if (o == NULL) {
		rc = ERR_NOMEM;
		goto done;
	}
	rc = make_orders(db, s, p, &l, o, &made, refused);
	if (rc == 0)
		rc = put_orders(db, p, &l, o, a->actor);
done:
	for (i = 0; i < made; i++)
		issue_done(&o[i]);
	free(o);
	host_list_done(&l);
	return rc;
}

int
plan_apply(struct db *db, const struct orders_settings *s,
    const char *plan_id, const char *digest, int expect_hosts,
    const struct actor *actor, struct plan *out, struct refused *refused)
{
	struct apply a = {digest, expect_hosts, actor};
	struct plan p;
	int rc;

	rc = plan_find(db, plan_id, &p, refused);
	if (rc == 0)
		rc = apply(db, s, &p, &a, refused);
	if (rc == 0)
		*out = p;
	return plan_refused(db, actor, id_valid(plan_id) ? plan_id : NULL,
	    "plan.refuse", refused, rc);
}
