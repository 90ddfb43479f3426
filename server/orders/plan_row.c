/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plans in the store: rows, digest, states, audit lines.  Runs in jobs on
 * the writer thread.  The digest is made anew from the rows whenever a plan
 * is voted on or applied, so a row that was changed behind us is found.
 */
#include "server/orders/plan_row.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/base/text.h"
#include "common/wire/order.h"
#include "server/audit/audit.h"
#include "server/orders/may.h"

#define CANON_MAX (256 * 1024)

int
plan_reason_check(const char *reason, struct refused *refused)
{
	size_t len = reason != NULL ? strlen(reason) : 0, i, n;
	size_t chars = 0, blanks = 0; /* blanks at the end count nothing */

	for (i = 0; i < len; i += n) {
		n = text_char(reason + i, len - i);
		if (n == 0)
			return refused_set(refused, REFUSAL_INPUT,
			    "Give the reason as one line of text.",
			    "the reason holds what is not printable text");
		if (reason[i] == ' ') {
			blanks += chars > 0;
			continue;
		}
		chars += blanks + 1;
		blanks = 0;
	}
	if (len >= TEXT_MAX_LEN)
		return refused_set(refused, REFUSAL_INPUT,
		    "Keep the reason short; details belong into the case.",
		    "the reason is longer than %d bytes", TEXT_MAX_LEN - 1);
	if (chars < REASON_MIN)
		return refused_set(refused, REFUSAL_REASON,
		    "Say why, for those who read it later: --reason \"...\"",
		    "the reason needs at least %d characters", REASON_MIN);
	return 0;
}

int
plan_get(struct db *db, const char *plan_id, struct plan *out)
{
	struct plan p = {0};
	struct db_rows *r;
	int rc;

	rc = db_row(db, &r,
	    "SELECT action, profile, state, origin, case_id, reason, "
	    "requester, digest, approvals_needed, owner_needed, "
	    "review_seconds, created_at, expires_at, applied_at, why, "
	    "(SELECT COUNT(*) FROM approvals a WHERE a.plan_id = "
	    "plans.plan_id AND a.digest = plans.digest AND a.verdict = "
	    "'approve' AND a.approver <> plans.requester), plan_id, "
	    "drill, drill_minutes, review_then "
	    "FROM plans WHERE plan_id = $1", "s", plan_id);
	if (rc != 0)
		return rc;
	p.action = (enum plan_action)db_int(r, 0);
	p.profile = (enum profile)db_int(r, 1);
	p.state = (enum plan_state)db_int(r, 2);
	p.origin = (enum plan_origin)db_int(r, 3);
	db_copy(r, 4, p.case_id, sizeof(p.case_id));
	db_copy(r, 5, p.reason, sizeof(p.reason));
	db_copy(r, 6, p.requester, sizeof(p.requester));
	db_copy(r, 7, p.digest, sizeof(p.digest));
	p.approvals_needed = (int)db_int(r, 8);
	p.owner_needed = db_int(r, 9) != 0;
	p.review_seconds = db_int(r, 10);
	p.created_at = db_int(r, 11);
	p.expires_at = db_int(r, 12);
	p.applied_at = db_int(r, 13);
	db_copy(r, 14, p.why, sizeof(p.why));
	p.approvals_given = (int)db_int(r, 15);
	db_copy(r, 16, p.plan_id, sizeof(p.plan_id));
	p.drill = (enum drill)db_int(r, 17);
	p.drill_minutes = db_int(r, 18);
	p.restores = db_int(r, 19) == CORDON__REVIEW_THEN__REVIEW_RESTORE;
	db_end(&r);
	*out = p;
	return 0;
}

int
plan_hosts_each(struct db *db, const char *plan_id,
    int (*fn)(void *arg, const char *host_id, const char *order_id),
    void *arg)
{
	struct db_rows *r;
	int rc, stop = 0;

	r = db_query(db,
	    "SELECT host_id, order_id FROM plan_hosts WHERE plan_id = $1 "
	    "ORDER BY host_id", "s", plan_id);
	if (r == NULL)
		return ERR_IO;
	while (stop == 0 && (rc = db_next(r)) == 1) {
		char host_id[ID_MAX], order_id[ID_MAX];

		db_copy(r, 0, host_id, sizeof(host_id));
		db_copy(r, 1, order_id, sizeof(order_id));
		stop = fn(arg, host_id, order_id);
	}
	db_end(&r);
	return stop != 0 ? stop : rc;
}

int
plan_digest(const struct plan *p, const struct host_list *l, char out[65])
{
	uint8_t sum[DIGEST_LEN];
	struct buf b;
	size_t i;
	int rc;

	buf_init(&b, CANON_MAX);
	rc = buf_printf(&b,
	    "cordon-plan-v1\naction %s\nprofile %s\ncase %s\nreason %s\n"
	    "requester %s\norigin %s\nreview %lld\n",
	    word_name(WORDS_ACTION, (int)p->action),
	    word_name(WORDS_PROFILE, (int)p->profile), p->case_id, p->reason,
	    p->requester, word_name(WORDS_ORIGIN, (int)p->origin),
	    (long long)p->review_seconds);
	if (rc == 0 && p->restores)
		rc = buf_printf(&b, "then restore\n");
	if (rc == 0 && p->drill != DRILL_NONE)
		rc = buf_printf(&b, "drill %s %lld\n", word_name(WORDS_DRILL,
		    (int)p->drill), (long long)p->drill_minutes);
	for (i = 0; rc == 0 && i < l->n; i++)
		rc = buf_printf(&b, "host %s\n", l->h[i].host_id);
	if (rc == 0) {
		digest_of(b.data, b.len, sum);
		hex_encode(out, sum, sizeof(sum));
	}
	buf_done(&b);
	return rc;
}

int
plan_row_insert(struct db *db, const struct plan *p,
    const struct host_list *l)
{
	size_t i;
	int rc;

	rc = db_run(db, NULL,
	    "INSERT INTO plans (plan_id, action, profile, state, origin, "
	    "case_id, reason, requester, digest, approvals_needed, "
	    "owner_needed, review_seconds, created_at, expires_at, why, "
	    "drill, drill_minutes, review_then) "
	    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, "
	    "$13, $14, $15, $16, $17, $18)", "siiiissssiiiiisiii",
	    p->plan_id,
	    (int64_t)p->action, (int64_t)p->profile, (int64_t)p->state,
	    (int64_t)p->origin, p->case_id, p->reason, p->requester,
	    p->digest, (int64_t)p->approvals_needed,
	    (int64_t)p->owner_needed, p->review_seconds, p->created_at,
	    p->expires_at, p->why, (int64_t)p->drill, p->drill_minutes,
	    (int64_t)(p->restores ? CORDON__REVIEW_THEN__REVIEW_RESTORE :
	    CORDON__REVIEW_THEN__REVIEW_REMIND));
	for (i = 0; rc == 0 && i < l->n; i++)
		rc = db_run(db, NULL,
		    "INSERT INTO plan_hosts (plan_id, host_id) "
		    "VALUES ($1, $2)", "ss", p->plan_id, l->h[i].host_id);
	return rc;
}

#define TO(s) (1u << (unsigned int)(s))

/* From each state, those that may follow; the rest is final. */
static const unsigned int steps[] = {
	[PLAN_PROPOSED] = TO(PLAN_APPROVED) | TO(PLAN_APPLIED) |
	    TO(PLAN_DENIED) | TO(PLAN_CANCELLED) | TO(PLAN_EXPIRED),
	[PLAN_APPROVED] = TO(PLAN_APPLIED) | TO(PLAN_DENIED) |
	    TO(PLAN_CANCELLED) | TO(PLAN_EXPIRED),
	[PLAN_APPLIED] = 0,
	[PLAN_DENIED] = 0,
	[PLAN_CANCELLED] = 0,
	[PLAN_EXPIRED] = 0,
};

int
plan_row_move(struct db *db, struct plan *p, enum plan_state to,
    const char *by)
{
	int64_t applied_at = to == PLAN_APPLIED ? db_now(db) : 0;
	int rc;

	if ((steps[p->state] & TO(to)) == 0)
		return ERR_BADSTATE;
	rc = db_run(db, NULL,
	    "UPDATE plans SET state = $1, applied_at = $2, applied_by = $3 "
	    "WHERE plan_id = $4", "iiss", (int64_t)to, applied_at, by,
	    p->plan_id);
	if (rc == 0) {
		p->state = to;
		p->applied_at = applied_at;
	}
	return rc;
}

int
plan_row_expire(struct db *db, struct plan *p)
{
	int rc;

	rc = plan_row_move(db, p, PLAN_EXPIRED, "");
	if (rc == 0)
		rc = plan_audit(db, p, NULL, ACTOR_SYSTEM, "plan.expire",
		    "%s by %s: no answer in time means no (%d of %d "
		    "approvals)", word_name(WORDS_ACTION, (int)p->action),
		    p->requester, p->approvals_given, p->approvals_needed);
	return rc;
}

int
plan_row_fresh(struct db *db, struct plan *p, struct refused *refused)
{
	int rc;

	if (p->state == PLAN_EXPIRED || ((p->state == PLAN_PROPOSED ||
	    p->state == PLAN_APPROVED) && p->expires_at <= db_now(db))) {
		rc = p->state == PLAN_EXPIRED ? 0 : plan_row_expire(db, p);
		if (rc != 0)
			return rc;
		return refused_set(refused, REFUSAL_EXPIRED,
		    "Make the plan anew.",
		    "plan %s was not answered in time and counts as no",
		    p->plan_id);
	}
	if (p->state != PLAN_PROPOSED && p->state != PLAN_APPROVED)
		return refused_set(refused, REFUSAL_STATE,
		    "Make a new plan if it is still wanted.",
		    "plan %s is %s already", p->plan_id,
		    word_name(WORDS_PLAN_STATE, (int)p->state));
	return 0;
}

struct names {
	char (*name)[NAME_MAX_LEN];
	size_t n, max;
};

/* The people whose approval of this very digest stands. */
static int
approvers(struct db *db, const struct plan *p, struct names *out)
{
	struct db_rows *r;
	int rc;

	r = db_query(db,
	    "SELECT DISTINCT approver FROM approvals WHERE plan_id = $1 "
	    "AND digest = $2 AND verdict = 'approve' AND approver <> $3",
	    "sss", p->plan_id, p->digest, p->requester);
	if (r == NULL)
		return ERR_IO;
	while ((rc = db_next(r)) == 1 && out->n < out->max)
		db_copy(r, 0, out->name[out->n++], NAME_MAX_LEN);
	db_end(&r);
	return rc < 0 ? rc : 0;
}

int
plan_row_need(struct db *db, const struct plan *p, const struct host_list *l,
    struct need *need, struct need_votes *votes)
{
	char name[16][NAME_MAX_LEN]; /* more can not be needed */
	struct names who = {name, 0, 16};
	struct need_votes v = {0};
	size_t i;
	int rc;

	memset(need, 0, sizeof(*need));
	need->approvals = p->approvals_needed;
	need->owner = p->owner_needed;
	for (i = 0; i < l->n; i++)
		if (l->h[i].tier == TIER_T0 && need_action(p->action,
		    l->h[i].stage) != ACTION_ISOLATE)
			need->head = true;
	rc = approvers(db, p, &who);
	for (i = 0; rc == 0 && i < who.n; i++) {
		bool owner = false, head = false;

		rc = may_all_stored(db, name[i], ROLE_BIT(ROLE_OWNER), l,
		    &owner);
		if (rc == 0)
			rc = may_all_stored(db, name[i],
			    ROLE_BIT(ROLE_COMMANDER), l, &head);
		v.approvals++;
		v.owners += owner;
		v.heads += head;
		v.either += owner || head;
	}
	if (rc == 0)
		*votes = v;
	return rc;
}

int
plan_audit(struct db *db, const struct plan *p, const struct host_list *l,
    const char *who, const char *what, const char *fmt, ...)
{
	char text[TEXT_MAX_LEN], drill[64];
	struct audit_entry e = {
		.who = who,
		.what = what,
		.host = l != NULL ? host_list_only(l) : NULL,
		.case_id = p->case_id[0] != '\0' ? p->case_id : NULL,
		.object = p->plan_id,
	};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (p->drill != DRILL_NONE) {
		snprintf(drill, sizeof(drill), "drill%s", strchr(what, '.'));
		e.what = drill;
	}
	return audit_add(db, &e, "%s%s", p->drill != DRILL_NONE ? "DRILL: " :
	    "", text);
}

int
plan_refused(struct db *db, const struct actor *a, const char *plan_id,
    const char *what, struct refused *refused, int rc)
{
	struct audit_entry e = {
		.who = a->name,
		.what = what,
		.object = plan_id,
	};
	int bad;

	if (rc == 0)
		return 0;
	if (rc == ERR_PERM) {
		bad = audit_add(db, &e, "%s: %s",
		    refusal_code(refused->code), refused->text);
		if (bad == 0)
			return ERR_PERM;
		rc = bad;
	}
	refused_set(refused, REFUSAL_INTERNAL,
	    "Try again; if it stays, look at the collector's log.",
	    "the collector could not carry it out: %s", err_str(rc));
	/* a job that failed is rolled back: never the code of a refusal */
	return rc == ERR_PERM ? ERR_IO : rc;
}
