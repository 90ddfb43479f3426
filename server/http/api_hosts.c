/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /v1/hosts: what is known of hosts, their tags, revocation, manifests,
 * waivers, and the asking for checks.  In the collector, inside store jobs.
 * A person sees the hosts of own groups; others do not exist.
 */
#include <string.h>

#include "server/audit/audit.h"
#include "server/cases/cases.h"
#include "server/cases/tree.h"
#include "server/http/call.h"
#include "server/http/json_out.h"
#include "server/http/record.h"
#include "server/orders/extend.h"
#include "server/store/hosts.h"

#define RECENT_SIGNALS 20
#define RECENT_ORDERS 20
#define RECENT_PROOFS 10

struct host_list {
	struct db *db;
	const struct call *c;
	json_t *list;
	const char *grp;
	int stage, tier; /* -1: any */
};

static int
list_one(void *arg, const struct host *h)
{
	struct host_list *l = arg;

	if (!person_sees(&l->c->person, h->grp, 0) ||
	    (l->grp != NULL && strcmp(l->grp, h->grp) != 0) ||
	    (l->stage >= 0 && l->stage != (int)h->stage) ||
	    (l->tier >= 0 && l->tier != (int)h->tier))
		return 0;
	json_array_append_new(l->list, json_host(l->db, h));
	return 0;
}

static int
word_query(struct call *c, const char *name, enum words w, int *value)
{
	const char *text = query_get(&c->query, name, NULL);
	struct why why;

	*value = -1;
	if (text == NULL || word_find(w, text, value) == 0)
		return 0;
	why_set(&why, ERR_SYNTAX, "query \"%s\": no such word", name);
	return call_bad(c, &why);
}

int
api_hosts(struct db *db, struct call *c)
{
	struct host_list l = { .db = db, .c = c };
	int rc;

	l.grp = query_get(&c->query, "group", NULL);
	rc = word_query(c, "stage", WORDS_STAGE, &l.stage);
	if (rc == 0)
		rc = word_query(c, "tier", WORDS_TIER, &l.tier);
	if (rc != 0)
		return rc;
	c->out = json_object();
	l.list = json_array();
	json_object_set_new(c->out, "hosts", l.list);
	return hosts_each(db, list_one, &l);
}

static json_t *
proof_json(struct db_rows *r)
{
	json_t *o = json_object();

	put_text(o, "order", db_text(r, 0));
	put_time(o, "at", db_int(r, 1));
	put_time(o, "stored_at", db_int(r, 2));
	put_bool(o, "ok", db_int(r, 3) != 0);
	put_json(o, "detail", db_text(r, 4), "{}");
	return o;
}

static json_t *
recheck_json(struct db_rows *r)
{
	json_t *o = json_object();

	put_text(o, "name", db_text(r, 0));
	put_time(o, "due_at", db_int(r, 1));
	put_text(o, "run", db_text(r, 2));
	put_text(o, "state", db_text(r, 3));
	return o;
}

/* The newest gate run of the host: {run, outcome, asked_at, done_at}. */
static json_t *
gate_json(struct db_rows *r)
{
	json_t *o = json_object();

	put_text(o, "run", db_text(r, 0));
	put_text(o, "outcome", word_name(WORDS_OUTCOME, (int)db_int(r, 1)));
	put_time(o, "asked_at", db_int(r, 2));
	put_time(o, "done_at", db_int(r, 3));
	return o;
}

static int
host_checks(struct db *db, json_t *o, const struct host *h)
{
	json_t *gates;
	int rc;

	rc = rows_into(o, "gate", db_query(db,
	    "SELECT run_id, outcome, asked_at, done_at FROM runs "
	    "WHERE host_id = $1 AND kind = 'gate' "
	    "ORDER BY asked_at DESC LIMIT 1", "s", h->host_id), gate_json);
	if (rc != 0)
		return rc;
	gates = json_object_get(o, "gate");
	if (json_array_size(gates) == 0)
		json_object_del(o, "gate");
	else
		json_object_set(o, "gate", json_array_get(gates, 0));
	return rows_into(o, "rechecks", db_query(db,
	    "SELECT name, due_at, run_id, state FROM rechecks "
	    "WHERE host_id = $1 AND probation = (SELECT max(probation) FROM "
	    "rechecks WHERE host_id = $2) ORDER BY due_at", "ss", h->host_id,
	    h->host_id), recheck_json);
}

static int
host_readiness(struct db *db, json_t *o, const struct host *h)
{
	struct db_rows *r;
	int rc;

	rc = db_row(db, &r, "SELECT readiness, heartbeat FROM hosts "
	    "WHERE host_id = $1", "s", h->host_id);
	if (rc != 0)
		return rc;
	put_json(o, "readiness", db_text(r, 0), "[]");
	put_json(o, "heartbeat", db_text(r, 1), "{}");
	db_end(&r);
	return 0;
}

static int
host_history(struct db *db, const struct call *c, json_t *o,
    const struct host *h)
{
	int rc;

	rc = rows_into(o, "orders", db_query(db,
	    "SELECT " ORDER_COLUMNS "FROM orders o JOIN hosts h "
	    "ON h.host_id = o.host_id WHERE o.host_id = $1 "
	    "ORDER BY o.epoch DESC LIMIT $2", "si", h->host_id,
	    (int64_t)RECENT_ORDERS), json_order);
	if (rc == 0)
		rc = rows_into(o, "proofs", db_query(db,
		    "SELECT order_id, at, stored_at, ok, detail FROM proofs "
		    "WHERE host_id = $1 ORDER BY seq DESC LIMIT $2", "si",
		    h->host_id, (int64_t)RECENT_PROOFS), proof_json);
	/* signals carry evidence, which an admin alone does not see */
	if (rc != 0 || !person_sees(&c->person, h->grp,
	    ROLE_BIT(ROLE_ADMIN)))
		return rc;
	return rows_into(o, "signals_recent", db_query(db,
	    "SELECT " SIGNAL_COLUMNS "FROM signals s JOIN hosts h "
	    "ON h.host_id = s.host_id WHERE s.host_id = $1 "
	    "ORDER BY s.seq DESC LIMIT $2", "si", h->host_id,
	    (int64_t)RECENT_SIGNALS), json_signal);
}

int
api_host(struct db *db, struct call *c)
{
	struct host h;
	int rc;

	rc = call_host(c, db, c->param, &h, NULL);
	if (rc != 0)
		return rc;
	c->out = json_host(db, &h);
	rc = host_history(db, c, c->out, &h);
	if (rc == 0)
		rc = host_checks(db, c->out, &h);
	if (rc == 0)
		rc = host_readiness(db, c->out, &h);
	return rc;
}

/* -- changes ------------------------------------------------------------- */

struct tags {
	enum body_bool never_isolate, drill_ok;
	const char *service, *owner, *tier;
};

static const struct field tag_fields[] = {
{ "never_isolate", FIELD_BOOL, false, offsetof(struct tags, never_isolate),
  0, 0 },
{ "drill_ok", FIELD_BOOL, false, offsetof(struct tags, drill_ok), 0, 0 },
{ "service", FIELD_TEXT, false, offsetof(struct tags, service), 0,
  NAME_MAX_LEN - 1 },
{ "owner", FIELD_TEXT, false, offsetof(struct tags, owner), 0,
  NAME_MAX_LEN - 1 },
{ "tier", FIELD_NAME, false, offsetof(struct tags, tier), 1, 8 },
{ .name = NULL },
};

static int
tags_write(struct db *db, const struct host *h, const struct tags *t,
    int tier, const char *who)
{
	int64_t never = h->never_isolate, drill = h->drill_ok;
	int rc;

	if (t->never_isolate != BODY_ABSENT)
		never = t->never_isolate == BODY_TRUE;
	if (t->drill_ok != BODY_ABSENT)
		drill = t->drill_ok == BODY_TRUE;
	rc = db_run(db, NULL,
	    "UPDATE hosts SET never_isolate = $1, drill_ok = $2, "
	    "service = $3, owner = $4, tier = $5 WHERE host_id = $6",
	    "iissis", never, drill, t->service != NULL ? t->service :
	    h->service, t->owner != NULL ? t->owner : h->owner,
	    (int64_t)tier, h->host_id);
	if (rc != 0)
		return rc;
	return audit_add(db,
	    &(struct audit_entry){ .who = who, .what = "host.tags",
	    .host = h->name }, "never-isolate %s, drill-ok %s, tier %s, "
	    "service \"%s\", owner \"%s\"", never ? "yes" : "no",
	    drill ? "yes" : "no", word_name(WORDS_TIER, tier),
	    t->service != NULL ? t->service : h->service,
	    t->owner != NULL ? t->owner : h->owner);
}

int
api_host_tags(struct db *db, struct call *c)
{
	struct tags t = { .never_isolate = BODY_ABSENT };
	struct actor a;
	struct host h;
	struct why why;
	int rc, tier;

	rc = call_host(c, db, c->param, &h, &a);
	if (rc == 0)
		rc = call_need(c, &a, ROLE_BIT(ROLE_ADMIN));
	if (rc == 0)
		rc = call_body(c, tag_fields, &t);
	if (rc != 0)
		return rc;
	tier = (int)h.tier;
	if (t.tier != NULL && word_find(WORDS_TIER, t.tier, &tier) != 0) {
		why_set(&why, ERR_SYNTAX, "field \"tier\": T0 to T3");
		return call_bad(c, &why);
	}
	rc = tags_write(db, &h, &t, tier, a.name);
	if (rc == 0)
		rc = hosts_get(db, h.host_id, &h);
	if (rc == 0)
		c->out = json_host(db, &h);
	return rc;
}

struct reason {
	const char *reason;
};

static const struct field reason_fields[] = {
{ "reason", FIELD_TEXT, true, offsetof(struct reason, reason), REASON_MIN,
  TEXT_MAX_LEN - 1 },
{ .name = NULL },
};

static const struct field no_fields[] = { { .name = NULL } };

int
api_host_revoke(struct db *db, struct call *c)
{
	struct reason body = { NULL };
	struct actor a;
	struct host h;
	int rc;

	rc = call_host(c, db, c->param, &h, &a);
	if (rc == 0)
		rc = call_need(c, &a, ROLE_BIT(ROLE_ADMIN));
	if (rc == 0)
		rc = call_body(c, reason_fields, &body);
	if (rc != 0)
		return rc;
	rc = db_run(db, NULL, "UPDATE hosts SET revoked = 1 "
	    "WHERE host_id = $1", "s", h.host_id);
	if (rc == 0)
		rc = db_run(db, NULL, "UPDATE certs SET revoked_at = $1 "
		    "WHERE owner = $2 AND kind = 'agent' AND revoked_at = 0",
		    "is", db_now(db), h.host_id);
	if (rc == 0)
		rc = audit_add(db, &(struct audit_entry){ .who = a.name,
		    .what = "host.revoke", .host = h.name,
		    .case_id = h.case_id[0] != '\0' ? h.case_id : NULL },
		    "certificate revoked: %s", body.reason);
	/* kind 0 ends the live connection, after the commit */
	if (rc == 0)
		rc = db_send(db, h.host_id, 0, "revoked", strlen("revoked"));
	if (rc == 0)
		rc = hosts_get(db, h.host_id, &h);
	if (rc == 0)
		c->out = json_host(db, &h);
	return rc;
}

struct extend_body {
	struct body_int seconds;
	const char *reason;
};

static const struct field extend_fields[] = {
{ "review_seconds", FIELD_INT, true, offsetof(struct extend_body, seconds),
  60, EXTEND_SECONDS_MAX },
{ "reason", FIELD_TEXT, true, offsetof(struct extend_body, reason), 1,
  TEXT_MAX_LEN - 1 },
{ .name = NULL },
};

int
api_host_extend(struct db *db, struct call *c)
{
	struct refused no = { .code = REFUSAL_NONE };
	struct extend_body body = { .reason = NULL };
	bool ordered = false;
	struct actor a;
	struct host h;
	int rc;

	rc = call_host(c, db, c->param, &h, &a);
	if (rc == 0)
		rc = call_body(c, extend_fields, &body);
	if (rc == 0)
		rc = call_room(c, host_extend(db, c->set->flow->orders,
		    h.host_id, body.seconds.value, body.reason, &a, &ordered,
		    &no), &no);
	if (rc == 0)
		rc = hosts_get(db, h.host_id, &h);
	if (rc != 0)
		return rc;
	c->out = json_host(db, &h);
	put_bool(c->out, "ordered", ordered);
	return 0;
}

struct manifest_body {
	const char *tree;
};

static const struct field manifest_fields[] = {
{ "tree", FIELD_TEXT, false, offsetof(struct manifest_body, tree), 2,
  TREE_PATH_MAX },
{ .name = NULL },
};

/* The host and the tree that are asked about, by somebody with ROLES. */
static int
manifest_call(struct db *db, struct call *c, uint32_t roles, struct host *h,
    struct actor *a, struct manifest_body *body)
{
	int rc;

	rc = call_host(c, db, c->param, h, a);
	if (rc == 0)
		rc = call_need(c, a, roles);
	return rc == 0 ? call_body(c, manifest_fields, body) : rc;
}

int
api_host_manifest(struct db *db, struct call *c)
{
	struct refused no = { .code = REFUSAL_NONE };
	struct manifest_body body = { NULL };
	char id[ID_MAX];
	struct actor a;
	struct host h;
	int rc;

	rc = manifest_call(db, c, ROLE_BIT(ROLE_BASELINE), &h, &a, &body);
	if (rc != 0)
		return rc;
	rc = call_room(c, body.tree == NULL ?
	    manifest_ask(db, h.host_id, &a, id, &no) :
	    tree_ask(db, h.host_id, body.tree, &a, id, &no), &no);
	if (rc != 0)
		return rc;
	c->out = json_object();
	put_text(c->out, "manifest", id);
	return 0;
}

int
api_host_tree_check(struct db *db, struct call *c)
{
	struct refused no = { .code = REFUSAL_NONE };
	struct manifest_body body = { NULL };
	char id[ID_MAX];
	struct actor a;
	struct host h;
	int rc;

	rc = manifest_call(db, c, c->route->roles, &h, &a, &body);
	if (rc != 0)
		return rc;
	rc = call_room(c, tree_check(db, h.host_id, body.tree != NULL ?
	    body.tree : "", &a, id, &no), &no);
	if (rc != 0)
		return rc;
	c->out = json_object();
	put_text(c->out, "run", id);
	return 0;
}

int
api_host_waiver(struct db *db, struct call *c)
{
	struct refused no = { .code = REFUSAL_NONE };
	struct reason body = { NULL };
	struct actor a;
	struct host h;
	int rc;

	rc = call_host(c, db, c->param, &h, &a);
	if (rc == 0)
		rc = call_body(c, reason_fields, &body);
	if (rc != 0)
		return rc;
	rc = call_room(c, evidence_waive(db, h.host_id, &a, body.reason, &no),
	    &no);
	if (rc != 0)
		return rc;
	c->out = json_object();
	put_text(c->out, "host", h.name);
	put_text(c->out, "case", h.case_id);
	return 0;
}

/* The gate and a re-check are asked for in the same way. */
static int
run_ask(struct db *db, struct call *c,
    int (*run)(struct db *db, const struct cases_settings *s,
    const char *host_id, const struct actor *actor, char run_id[ID_MAX],
    struct refused *refused))
{
	struct refused no = { .code = REFUSAL_NONE };
	char id[ID_MAX];
	struct actor a;
	struct host h;
	int rc;

	rc = call_host(c, db, c->param, &h, &a);
	if (rc == 0)
		rc = call_need(c, &a, c->route->roles);
	if (rc == 0)
		rc = call_body(c, no_fields, &h);
	if (rc != 0)
		return rc;
	rc = call_room(c, run(db, c->set->flow->cases, h.host_id, &a, id,
	    &no), &no);
	if (rc != 0)
		return rc;
	c->out = json_object();
	put_text(c->out, "run", id);
	return 0;
}

int
api_host_verify(struct db *db, struct call *c)
{
	return run_ask(db, c, gate_run);
}

int
api_host_check(struct db *db, struct call *c)
{
	return run_ask(db, c, recheck_run);
}
