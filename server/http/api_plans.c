/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /v1/plans and /v1/orders: making, showing, approving, applying.  Who may
 * what is decided in server/orders and server/flow; here a person gets the
 * roles that hold for every group of the plan.
 */
#include <stdlib.h>
#include <string.h>

#include "server/http/call.h"
#include "server/http/json_out.h"
#include "server/orders/export.h"
#include "server/store/hosts.h"

#define PLANS_LIMIT 200
#define PLANS_SCAN 2000
#define ORDER_BYTES_MAX (32 * 1024)

static const struct field no_fields[] = { { .name = NULL } };

struct group_walk {
	struct db *db;
	const struct person *p;
	struct actor *a;
};

static int
narrow_one(void *arg, const char *host_id, const char *order_id)
{
	struct group_walk *w = arg;
	struct host h;
	int rc;

	(void)order_id;
	rc = hosts_get(w->db, host_id, &h);
	if (rc == 0)
		actor_narrow(w->p, h.grp, w->a);
	return rc;
}

/* Sets c->out to the plan, or 404 when a host of it may not be seen. */
static int
plan_out(struct db *db, struct call *c, const struct plan *p)
{
	bool foreign = false;

	c->out = json_plan(db, c->set->flow, p, &c->person, &foreign);
	if (c->out == NULL && foreign)
		return call_not_found(c, "plan", p->plan_id);
	return c->out != NULL ? 0 : ERR_IO;
}

/* The plan of the path, seen whole by this person, who acts as A. */
static int
plan_load(struct db *db, struct call *c, struct plan *p, struct actor *a)
{
	struct group_walk w = { .db = db, .p = &c->person, .a = a };
	int rc;

	rc = plan_get(db, c->param, p);
	if (rc == ERR_NOENT)
		return call_not_found(c, "plan", c->param);
	if (rc == 0)
		rc = plan_out(db, c, p);
	if (rc != 0)
		return rc;
	memset(a, 0, sizeof(*a));
	rc = plan_hosts_each(db, p->plan_id, narrow_one, &w);
	if (rc == 0 && a->name[0] == '\0')
		person_actor(&c->person, "*", a);
	json_decref(c->out);
	c->out = NULL;
	return rc;
}

/* -- showing ------------------------------------------------------------- */

/* Is the host named in PLAN, and its state the one asked for? */
static bool
plan_fits(const json_t *plan, const char *host, const char *state)
{
	json_t *one;
	size_t i;

	if (state != NULL && strcmp(state, json_string_value(
	    json_object_get(plan, "state"))) != 0)
		return false;
	if (host == NULL)
		return true;
	json_array_foreach(json_object_get(plan, "hosts"), i, one)
		if (strcmp(host, json_string_value(json_object_get(one,
		    "name"))) == 0)
			return true;
	return false;
}

static int
plan_list_one(struct db *db, struct call *c, const char *plan_id,
    json_t *list)
{
	const char *host = query_get(&c->query, "host", NULL);
	const char *state = query_get(&c->query, "state", NULL);
	bool foreign = false;
	struct plan p;
	json_t *o;
	int rc;

	rc = plan_get(db, plan_id, &p);
	if (rc != 0)
		return rc;
	o = json_plan(db, c->set->flow, &p, &c->person, &foreign);
	if (o == NULL)
		return foreign ? 0 : ERR_IO;
	if (plan_fits(o, host, state))
		json_array_append_new(list, o);
	else
		json_decref(o);
	return 0;
}

int
api_plans(struct db *db, struct call *c)
{
	char ids[PLANS_LIMIT][ID_MAX];
	struct db_rows *r;
	json_t *list = json_array();
	struct why why;
	int64_t limit, from = 0;
	size_t n, i;
	int rc = 0;

	c->out = json_object();
	json_object_set_new(c->out, "plans", list);
	if (query_int(&c->query, "limit", 50, 1, PLANS_LIMIT, &limit, &why)
	    != 0)
		return call_bad(c, &why);
	for (; from < PLANS_SCAN; from += PLANS_LIMIT) {
		r = db_query(db,
		    "SELECT plan_id FROM plans ORDER BY created_at DESC, "
		    "plan_id LIMIT $1 OFFSET $2", "ii", (int64_t)PLANS_LIMIT,
		    from);
		if (r == NULL)
			return ERR_IO;
		for (n = 0; n < PLANS_LIMIT && db_next(r) == 1; n++)
			db_copy(r, 0, ids[n], ID_MAX);
		db_end(&r);
		for (i = 0; i < n && rc == 0 &&
		     (int64_t)json_array_size(list) < limit; i++)
			rc = plan_list_one(db, c, ids[i], list);
		if (rc != 0 || n < PLANS_LIMIT ||
		    (int64_t)json_array_size(list) >= limit)
			break;
	}
	return rc;
}

int
api_plan(struct db *db, struct call *c)
{
	struct plan p;
	int rc;

	rc = plan_get(db, c->param, &p);
	if (rc == ERR_NOENT)
		return call_not_found(c, "plan", c->param);
	return rc != 0 ? rc : plan_out(db, c, &p);
}

int
api_order(struct db *db, struct call *c)
{
	struct db_rows *r;
	bool mine;
	int rc;

	rc = db_row(db, &r,
	    "SELECT " ORDER_COLUMNS "FROM orders o JOIN hosts h "
	    "ON h.host_id = o.host_id WHERE o.order_id = $1", "s", c->param);
	if (rc == ERR_NOENT)
		return call_not_found(c, "order", c->param);
	if (rc != 0)
		return rc;
	mine = person_sees(&c->person, db_text(r, ORDER_GRP), 0);
	if (mine)
		c->out = json_order(r);
	db_end(&r);
	return mine ? 0 : call_not_found(c, "order", c->param);
}

/* The host of the order in the path, or the host that is named there. */
static int
order_host(struct db *db, struct call *c, struct host *h, struct actor *a)
{
	char id[ID_MAX] = "";
	struct db_rows *r;
	int rc;

	rc = db_row(db, &r, "SELECT host_id FROM orders WHERE order_id = $1",
	    "s", c->param);
	if (rc == 0) {
		db_copy(r, 0, id, sizeof(id));
		db_end(&r);
	} else if (rc != ERR_NOENT) {
		return rc;
	}
	return call_host(c, db, id[0] != '\0' ? id : c->param, h, a);
}

int
api_order_export(struct db *db, struct call *c)
{
	struct refused no = { .code = REFUSAL_NONE };
	struct order_export e = { .epoch = 0 };
	struct actor a;
	struct host h;
	char *hex;
	int rc;

	buf_init(&e.bytes, ORDER_BYTES_MAX);
	rc = order_host(db, c, &h, &a);
	if (rc == 0)
		rc = call_body(c, no_fields, &h);
	if (rc == 0)
		rc = call_room(c, order_export(db, c->param, &a, &e, &no),
		    &no);
	hex = rc == 0 ? malloc(2 * e.bytes.len + 1) : NULL;
	if (hex != NULL) {
		c->out = json_object();
		put_text(c->out, "order", e.order_id);
		put_text(c->out, "host", e.host);
		put_int(c->out, "epoch", (int64_t)e.epoch);
		put_text(c->out, "profile",
		    word_name(WORDS_PROFILE, (int)e.profile));
		put_text(c->out, "state",
		    word_name(WORDS_ORDER_STATE, (int)e.state));
		put_text(c->out, "signed", hex_encode(hex, e.bytes.data,
		    e.bytes.len));
	} else if (rc == 0) {
		rc = ERR_NOMEM;
	}
	free(hex);
	buf_done(&e.bytes);
	return rc;
}

/* -- making -------------------------------------------------------------- */

struct plan_body {
	const char *action, *case_id, *reason, *drill;
	struct body_int minutes, ttl;
	struct body_names hosts;
};

static const struct field plan_fields[] = {
{ "action", FIELD_NAME, true, offsetof(struct plan_body, action), 1, 16 },
{ "case", FIELD_NAME, false, offsetof(struct plan_body, case_id), 1,
  ID_MAX - 1 },
{ "reason", FIELD_TEXT, true, offsetof(struct plan_body, reason), 1,
  TEXT_MAX_LEN - 1 },
{ "hosts", FIELD_NAMES, true, offsetof(struct plan_body, hosts), 0, 0 },
{ "drill", FIELD_NAME, false, offsetof(struct plan_body, drill), 1, 8 },
{ "drill_minutes", FIELD_INT, false, offsetof(struct plan_body, minutes), 1,
  30 },
{ "ttl_seconds", FIELD_INT, false, offsetof(struct plan_body, ttl), 60,
  30 * 86400 },
{ .name = NULL },
};

/* Every host must be there and be seen; A gets the roles for all of them. */
static int
plan_actor(struct db *db, struct call *c, const struct body_names *names,
    struct actor *a)
{
	struct host h;
	size_t i;
	int rc;

	memset(a, 0, sizeof(*a));
	for (i = 0; i < names->n; i++) {
		rc = call_host(c, db, names->item[i], &h, NULL);
		if (c->status == 404)
			return call_no(c, 404, refusal_code(REFUSAL_NO_HOST),
			    "List the hosts you may see: cordonctl host "
			    "list.", "no such host: %s", names->item[i]);
		if (rc != 0)
			return rc;
		actor_narrow(&c->person, h.grp, a);
	}
	return 0;
}

int
api_plan_make(struct db *db, struct call *c)
{
	struct refused no = { .code = REFUSAL_NONE };
	struct plan_body body = { .case_id = "", .drill = "none" };
	struct plan_ask ask;
	struct actor a;
	struct plan p;
	struct why why;
	int rc, action, drill;

	rc = call_body(c, plan_fields, &body);
	if (rc != 0)
		return rc;
	if (word_find(WORDS_ACTION, body.action, &action) != 0) {
		why_set(&why, ERR_SYNTAX, "field \"action\" must be isolate, "
		    "limit, recover or restore");
		return call_bad(c, &why);
	}
	if (word_find(WORDS_DRILL, body.drill, &drill) != 0) {
		why_set(&why, ERR_SYNTAX, "field \"drill\": no such drill");
		return call_bad(c, &why);
	}
	rc = plan_actor(db, c, &body.hosts, &a);
	if (rc != 0)
		return rc;
	ask = (struct plan_ask){ .action = (enum plan_action)action,
	    .hosts = body.hosts.item, .nhosts = body.hosts.n,
	    .case_id = body.case_id, .reason = body.reason,
	    .origin = ORIGIN_MANUAL, .actor = &a,
	    .drill = (enum drill)drill, .drill_minutes = body.minutes.set ?
	    body.minutes.value : 0, .ttl_seconds = body.ttl.set ?
	    body.ttl.value : 0 };
	rc = call_room(c, flow_plan_make(db, c->set->flow, &ask, &p, &no),
	    &no);
	return rc != 0 ? rc : plan_out(db, c, &p);
}

/* -- deciding ------------------------------------------------------------ */

struct vote_body {
	const char *digest, *reason;
};

static const struct field vote_fields[] = {
{ "digest", FIELD_TEXT, true, offsetof(struct vote_body, digest), 64, 64 },
{ "reason", FIELD_TEXT, false, offsetof(struct vote_body, reason), 0,
  TEXT_MAX_LEN - 1 },
{ .name = NULL },
};

static int
vote(struct db *db, struct call *c, const char *verdict)
{
	struct refused no = { .code = REFUSAL_NONE };
	struct vote_body body = { NULL, "" };
	struct actor a;
	struct plan p;
	int rc;

	rc = plan_load(db, c, &p, &a);
	if (rc == 0)
		rc = call_body(c, vote_fields, &body);
	if (rc == 0)
		rc = call_room(c, plan_vote(db, c->set->flow->orders,
		    c->param, body.digest, &a, verdict, body.reason, &p, &no),
		    &no);
	return rc != 0 ? rc : plan_out(db, c, &p);
}

int
api_plan_approve(struct db *db, struct call *c)
{
	return vote(db, c, "approve");
}

int
api_plan_deny(struct db *db, struct call *c)
{
	return vote(db, c, "deny");
}

int
api_plan_cancel(struct db *db, struct call *c)
{
	struct refused no = { .code = REFUSAL_NONE };
	struct actor a;
	struct plan p;
	int rc;

	rc = plan_load(db, c, &p, &a);
	if (rc == 0)
		rc = call_body(c, no_fields, &p);
	if (rc == 0)
		rc = call_room(c, plan_cancel(db, c->param, &a, &no), &no);
	if (rc == 0)
		rc = plan_get(db, c->param, &p);
	return rc != 0 ? rc : plan_out(db, c, &p);
}

struct apply_body {
	const char *digest;
	struct body_int expect;
};

static const struct field apply_fields[] = {
{ "digest", FIELD_TEXT, true, offsetof(struct apply_body, digest), 64, 64 },
{ "expect_hosts", FIELD_INT, false, offsetof(struct apply_body, expect), 0,
  BODY_NAMES_MAX },
{ .name = NULL },
};

int
api_plan_apply(struct db *db, struct call *c)
{
	struct refused no = { .code = REFUSAL_NONE };
	struct apply_body body = { .digest = NULL };
	struct actor a;
	struct plan p;
	int rc, expect;

	rc = plan_load(db, c, &p, &a);
	if (rc == 0)
		rc = call_body(c, apply_fields, &body);
	if (rc != 0)
		return rc;
	expect = body.expect.set ? (int)body.expect.value : -1;
	rc = call_room(c, flow_plan_apply(db, c->set->flow, c->param,
	    body.digest, expect, &a, &p, &no), &no);
	return rc != 0 ? rc : plan_out(db, c, &p);
}
