/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Records of the store as the API's JSON (json_out.h).  In the collector,
 * inside store jobs.  What agents wrote is text here, never markup or keys.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/net/addr.h"
#include "server/http/json_out.h"
#include "server/orders/allow.h"
#include "server/store/hosts.h"

void
put_text(json_t *o, const char *key, const char *text)
{
	json_t *v = json_string(text);
	char quoted[TEXT_MAX_LEN];

	if (v == NULL)
		v = json_string(log_quote(quoted, sizeof(quoted), text,
		    strlen(text)));
	json_object_set_new(o, key, v);
}

void
put_time(json_t *o, const char *key, int64_t wall_ms)
{
	char text[CLOCK_TEXT_MAX];

	if (wall_ms > 0)
		put_text(o, key, clock_format(text, wall_ms, true));
}

void
put_int(json_t *o, const char *key, int64_t v)
{
	json_object_set_new(o, key, json_integer(v));
}

void
put_bool(json_t *o, const char *key, bool v)
{
	json_object_set_new(o, key, json_boolean(v));
}

void
put_json(json_t *o, const char *key, const char *text, const char *empty)
{
	json_t *v = json_loads(text, 0, NULL);

	if (v == NULL)
		v = json_loads(empty, 0, NULL);
	json_object_set_new(o, key, v);
}

int
rows_into(json_t *out, const char *key, struct db_rows *r,
    json_t *(*one)(struct db_rows *r))
{
	json_t *list = json_array();
	int rc;

	json_object_set_new(out, key, list);
	while ((rc = db_next(r)) == 1)
		json_array_append_new(list, one(r));
	db_end(&r);
	return rc;
}

static void
put_host_facts(json_t *o, const struct host *h)
{
	put_text(o, "desired", word_name(WORDS_PROFILE, (int)h->desired));
	put_text(o, "desired_order", h->desired_order);
	put_time(o, "desired_at", h->desired_at);
	put_text(o, "applied", word_name(WORDS_PROFILE, (int)h->applied));
	put_text(o, "applied_order", h->applied_order);
	put_time(o, "applied_at", h->applied_at);
	put_bool(o, "proven_ok", h->proven_ok);
	put_time(o, "proven_at", h->proven_at);
	put_text(o, "proven_order", h->proven_order);
	put_text(o, "proven_why", h->proven_why);
	put_bool(o, "witness_ok", h->witness_ok);
	put_time(o, "witness_at", h->witness_at);
	put_text(o, "witness_by", h->witness_by);
}

/* When it is looked at again, and whether it opens by itself then. */
static void
put_host_review(struct db *db, json_t *o, const struct host *h)
{
	struct db_rows *r;

	if (h->desired == PROFILE_OPEN || db_row(db, &r, "SELECT h.review_by, "
	    "o.review_then FROM hosts h JOIN orders o "
	    "ON o.order_id = h.desired_order WHERE h.host_id = $1", "s",
	    h->host_id) != 0)
		return;
	put_time(o, "review_by", db_int(r, 0));
	put_text(o, "review_then", db_int(r, 1) == 2 ? "restore" : "remind");
	db_end(&r);
}

/* A drill under way, beside the facts. */
static void
put_host_drill(struct db *db, json_t *o, const struct host *h)
{
	struct db_rows *r;

	if (h->drill_order[0] == '\0' || db_row(db, &r, "SELECT drill, state, "
	    "drill_until FROM orders WHERE order_id = $1", "s",
	    h->drill_order) != 0)
		return;
	put_text(o, "drill", word_name(WORDS_DRILL, (int)db_int(r, 0)));
	put_text(o, "drill_order", h->drill_order);
	put_text(o, "drill_state", word_name(WORDS_ORDER_STATE,
	    (int)db_int(r, 1)));
	put_time(o, "drill_until", db_int(r, 2));
	db_end(&r);
}

json_t *
json_host(struct db *db, const struct host *h)
{
	enum order_state state = hosts_order_state(db, h);
	json_t *o = json_object();
	char text[TEXT_MAX_LEN + 128];

	put_text(o, "name", h->name);
	put_text(o, "host_id", h->host_id);
	put_text(o, "group", h->grp);
	put_text(o, "tier", word_name(WORDS_TIER, (int)h->tier));
	put_text(o, "service", h->service);
	put_text(o, "owner", h->owner);
	put_text(o, "stage", word_name(WORDS_STAGE, (int)h->stage));
	put_text(o, "stage_text", word_text(WORDS_STAGE, (int)h->stage,
	    LANG_EN));
	put_time(o, "stage_since", h->stage_since);
	put_host_facts(o, h);
	put_text(o, "isolation",
	    isolation_name(isolation_of(h, state, db_now(db))));
	put_text(o, "isolation_text", isolation_text(text, sizeof(text), h,
	    state, db_now(db), LANG_EN));
	put_host_review(db, o, h);
	put_host_drill(db, o, h);
	put_bool(o, "online", h->online);
	put_time(o, "last_seen", h->last_seen);
	put_text(o, "case", h->case_id);
	put_bool(o, "never_isolate", h->never_isolate);
	put_bool(o, "drill_ok", h->drill_ok);
	put_bool(o, "revoked", h->revoked);
	put_text(o, "agent_version", h->agent_version);
	put_text(o, "addresses", h->addresses);
	put_time(o, "cert_not_after", h->cert_not_after);
	put_text(o, "manifest", h->manifest_id);
	return o;
}

json_t *
json_preview(const struct preview *p, const char *host, const char *flows,
    int64_t now)
{
	json_t *o = json_object();

	put_text(o, "preview", p->preview_id);
	put_text(o, "host", host);
	put_text(o, "plan", p->plan_id);
	put_text(o, "profile", word_name(WORDS_PROFILE, (int)p->profile));
	put_text(o, "state", preview_state_name(preview_state(p, now)));
	put_time(o, "asked_at", p->asked_at);
	put_time(o, "done_at", p->done_at);
	put_int(o, "cut", p->cut);
	put_int(o, "kept", p->kept);
	put_bool(o, "partial", p->partial);
	put_text(o, "why", p->why);
	if (flows != NULL)
		put_json(o, "flows", flows, "[]");
	return o;
}

/* -- plans --------------------------------------------------------------- */

static json_t *
approval_row(struct db_rows *r)
{
	json_t *o = json_object();

	put_text(o, "approver", db_text(r, 0));
	put_text(o, "verdict", db_text(r, 1));
	put_time(o, "at", db_int(r, 2));
	put_text(o, "reason", db_text(r, 3));
	return o;
}

struct plan_walk {
	struct db *db;
	const char *plan_id;
	const struct orders_settings *orders;
	enum profile profile;
	json_t *list;
	const struct person *sees;
	bool foreign;
};

static int
plan_order(struct db *db, json_t *o, const char *order_id)
{
	struct db_rows *r;
	int rc;

	rc = db_row(db, &r,
	    "SELECT state, why, sent_at, applied_at, proven_at, took_us, "
	    "drill, drill_until, counted FROM orders WHERE order_id = $1",
	    "s", order_id);
	if (rc != 0)
		return rc == ERR_NOENT ? 0 : rc;
	put_text(o, "order_state",
	    word_name(WORDS_ORDER_STATE, (int)db_int(r, 0)));
	put_text(o, "order_why", db_text(r, 1));
	put_time(o, "sent_at", db_int(r, 2));
	put_time(o, "applied_at", db_int(r, 3));
	put_time(o, "proven_at", db_int(r, 4));
	put_int(o, "took_us", db_int(r, 5));
	if (db_int(r, 6) != DRILL_NONE) {
		put_time(o, "drill_until", db_int(r, 7));
		put_int(o, "counted", db_int(r, 8));
	}
	db_end(&r);
	return 0;
}

/* Its newest preview; programs and peers are nothing for an admin alone. */
static int
plan_preview(const struct plan_walk *w, const struct host *h, json_t *o)
{
	struct preview p;
	char *flows = NULL;
	int rc;

	rc = preview_of_plan(w->db, w->plan_id, h->host_id, &p, &flows);
	if (rc == 0)
		json_object_set_new(o, "preview", json_preview(&p, h->name,
		    person_sees(w->sees, h->grp, ROLE_BIT(ROLE_ADMIN)) ?
		    flows : NULL, db_now(w->db)));
	free(flows);
	return rc == ERR_NOENT ? 0 : rc;
}

/* Whom this host may talk to beside the collector, on the plan's profile. */
static void
put_allows(const struct plan_walk *w, const struct host *h, json_t *o)
{
	struct orders_allow allow[ORDER_ALLOWED_MAX];
	json_t *list;
	char text[96];
	size_t i, n;

	if (w->profile != PROFILE_RECOVERY && w->profile != PROFILE_LIMITED)
		return;
	list = json_array();
	n = allow_list(w->orders, h, w->profile, allow);
	for (i = 0; i < n; i++)
		json_array_append_new(list, json_string(allow_text(text,
		    sizeof(text), &allow[i])));
	json_object_set_new(o, "allows", list);
}

static int
plan_host(void *arg, const char *host_id, const char *order_id)
{
	struct plan_walk *w = arg;
	struct host h;
	json_t *o;
	int rc;

	rc = hosts_get(w->db, host_id, &h);
	if (rc != 0)
		return rc;
	if (!person_sees(w->sees, h.grp, 0)) {
		w->foreign = true;
		return ERR_PERM;
	}
	o = json_object();
	put_text(o, "name", h.name);
	put_text(o, "host_id", h.host_id);
	put_text(o, "tier", word_name(WORDS_TIER, (int)h.tier));
	put_text(o, "group", h.grp);
	put_text(o, "service", h.service);
	put_bool(o, "online", h.online);
	put_time(o, "last_seen", h.last_seen);
	put_text(o, "isolation", isolation_name(isolation_of(&h,
	    hosts_order_state(w->db, &h), db_now(w->db))));
	put_text(o, "proven_why", strcmp(h.proven_order, order_id) == 0 ?
	    h.proven_why : "");
	put_text(o, "order", order_id);
	put_allows(w, &h, o);
	json_array_append_new(w->list, o);
	rc = plan_preview(w, &h, o);
	return rc == 0 && order_id[0] != '\0' ?
	    plan_order(w->db, o, order_id) : rc;
}

json_t *
json_collectors(const struct orders_settings *s)
{
	json_t *list = json_array();
	char text[ADDR_TEXT_MAX];
	struct addr a;
	size_t i;

	for (i = 0; i < s->ncollectors; i++) {
		memcpy(a.ip, s->collectors[i].ip, sizeof(a.ip));
		a.ip_len = s->collectors[i].ip_len;
		a.port = s->collectors[i].port;
		json_array_append_new(list, json_string(addr_format(text,
		    &a)));
	}
	return list;
}

json_t *
json_plan(struct db *db, const struct flow *f, const struct plan *p,
    const struct person *sees, bool *foreign)
{
	struct plan_walk w = { .db = db, .plan_id = p->plan_id,
	    .orders = f->orders, .profile = p->profile, .sees = sees };
	json_t *o = json_object();
	int64_t fleet = 0;
	int rc;

	w.list = json_array();
	json_object_set_new(o, "hosts", w.list);
	rc = plan_hosts_each(db, p->plan_id, plan_host, &w);
	if (rc == 0)
		rc = rows_into(o, "approvals", db_query(db,
		    "SELECT approver, verdict, at, reason FROM approvals "
		    "WHERE plan_id = $1 ORDER BY at", "s", p->plan_id),
		    approval_row);
	if (rc == 0)
		rc = db_one_int(db, &fleet,
		    "SELECT count(*) FROM hosts WHERE revoked = 0", "");
	*foreign = w.foreign;
	if (rc != 0) {
		json_decref(o);
		return NULL;
	}
	put_text(o, "plan", p->plan_id);
	put_text(o, "action", word_name(WORDS_ACTION, (int)p->action));
	put_text(o, "profile", word_name(WORDS_PROFILE, (int)p->profile));
	put_text(o, "state", word_name(WORDS_PLAN_STATE, (int)p->state));
	put_text(o, "origin", word_name(WORDS_ORIGIN, (int)p->origin));
	put_text(o, "case", p->case_id);
	put_text(o, "reason", p->reason);
	put_text(o, "requester", p->requester);
	put_text(o, "digest", p->digest);
	put_int(o, "approvals_needed", p->approvals_needed);
	put_int(o, "approvals_given", p->approvals_given);
	put_bool(o, "owner_needed", p->owner_needed);
	put_int(o, "review_seconds", p->review_seconds);
	put_text(o, "review_then", p->restores ? "restore" : "remind");
	put_time(o, "created_at", p->created_at);
	put_time(o, "expires_at", p->expires_at);
	put_time(o, "applied_at", p->applied_at);
	put_text(o, "why", p->why);
	if (p->drill != DRILL_NONE) {
		put_text(o, "drill", word_name(WORDS_DRILL, (int)p->drill));
		put_int(o, "drill_minutes", p->drill_minutes);
	}
	json_object_set_new(o, "keeps", json_collectors(f->orders));
	put_int(o, "fleet", fleet);
	return o;
}

/* -- orders, signals, cases ---------------------------------------------- */

json_t *
json_order(struct db_rows *r)
{
	json_t *o = json_object();

	put_text(o, "order", db_text(r, 0));
	put_text(o, "host", db_text(r, 1));
	put_int(o, "epoch", db_int(r, 2));
	put_text(o, "plan", db_text(r, 3));
	put_text(o, "case", db_text(r, 4));
	put_text(o, "profile", word_name(WORDS_PROFILE, (int)db_int(r, 5)));
	put_text(o, "state", word_name(WORDS_ORDER_STATE,
	    (int)db_int(r, 6)));
	put_text(o, "why", db_text(r, 7));
	put_time(o, "created_at", db_int(r, 8));
	put_time(o, "sent_at", db_int(r, 9));
	put_time(o, "applied_at", db_int(r, 10));
	put_time(o, "proven_at", db_int(r, 11));
	put_int(o, "took_us", db_int(r, 12));
	put_text(o, "ruleset_digest", db_text(r, 13));
	if (db_int(r, 15) != DRILL_NONE) {
		put_text(o, "drill", word_name(WORDS_DRILL,
		    (int)db_int(r, 15)));
		put_time(o, "drill_until", db_int(r, 16));
		put_int(o, "counted", db_int(r, 17));
	}
	return o;
}

json_t *
json_signal(struct db_rows *r)
{
	json_t *o = json_object();

	put_int(o, "seq", db_int(r, 0));
	put_text(o, "host", db_text(r, 1));
	put_int(o, "number", db_int(r, 2));
	put_time(o, "at", db_int(r, 3));
	put_time(o, "stored_at", db_int(r, 4));
	put_text(o, "kind", db_text(r, 5));
	put_text(o, "severity", word_name(WORDS_SEVERITY, (int)db_int(r, 6)));
	put_text(o, "object", db_text(r, 7));
	put_text(o, "text", db_text(r, 8));
	put_text(o, "cause_id", db_text(r, 9));
	put_json(o, "cause", db_text(r, 10), "{}");
	put_json(o, "evidence", db_text(r, 11), "{}");
	put_int(o, "score", db_int(r, 12));
	put_json(o, "decision", db_text(r, 13), "{}");
	put_text(o, "case", db_text(r, 14));
	return o;
}

json_t *
json_case(struct db *db, const struct case_row *c)
{
	struct db_rows *r;
	json_t *o = json_object(), *hosts = json_array();

	put_text(o, "case", c->case_id);
	put_text(o, "title", c->title);
	put_text(o, "state", word_name(WORDS_CASE_STATE, (int)c->state));
	put_text(o, "state_text", word_text(WORDS_CASE_STATE, (int)c->state,
	    LANG_EN));
	put_time(o, "opened_at", c->opened_at);
	put_text(o, "opened_by", c->opened_by);
	put_time(o, "closed_at", c->closed_at);
	json_object_set_new(o, "hosts", hosts);
	r = db_query(db,
	    "SELECT h.name, c.outcome FROM cases c LEFT JOIN case_hosts m "
	    "ON m.case_id = c.case_id LEFT JOIN hosts h "
	    "ON h.host_id = m.host_id WHERE c.case_id = $1 ORDER BY h.name",
	    "s", c->case_id);
	while (r != NULL && db_next(r) == 1) {
		put_text(o, "outcome", db_text(r, 1));
		if (!db_null(r, 0))
			json_array_append_new(hosts,
			    json_string(db_text(r, 0)));
	}
	db_end(&r);
	return o;
}
