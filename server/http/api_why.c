/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /v1/why: how something came about, told from the record.  The id is a
 * plan's, an order's, a host's name or the number of a signal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/http/call.h"
#include "server/http/json_out.h"
#include "server/http/record.h"
#include "server/store/hosts.h"

static void
add_line(json_t *list, int64_t at, const char *who, const char *text)
{
	json_t *o = json_object();

	put_time(o, "at", at);
	put_text(o, "who", who);
	put_text(o, "text", text);
	json_array_append_new(list, o);
}

/* The story of one order; 1: told, 0: no such order to be seen. */
static int
why_order(struct db *db, struct call *c, const char *order_id, json_t *list)
{
	struct db_rows *r;
	char text[TEXT_MAX_LEN * 2];
	int rc;

	r = db_query(db,
	    "SELECT h.grp, h.name, o.profile, o.plan_id, o.created_at, "
	    "o.state, o.why FROM orders o JOIN hosts h "
	    "ON h.host_id = o.host_id WHERE o.order_id = $1", "s", order_id);
	if (r == NULL)
		return ERR_IO;
	rc = db_next(r);
	if (rc == 1 && !person_sees(&c->person, db_text(r, 0), 0))
		rc = 0;
	if (rc == 1) {
		snprintf(text, sizeof(text),
		    "order %s: %s to profile %s, from plan %s; now %s%s%s",
		    order_id, db_text(r, 1),
		    word_name(WORDS_PROFILE, (int)db_int(r, 2)),
		    db_text(r, 3),
		    word_name(WORDS_ORDER_STATE, (int)db_int(r, 5)),
		    db_text(r, 6)[0] != '\0' ? ": " : "", db_text(r, 6));
		add_line(list, db_int(r, 4), ACTOR_SYSTEM, text);
	}
	db_end(&r);
	if (rc == 1) {
		rc = record_lines(db, "object", order_id, list);
		rc = rc == 0 ? 1 : rc;
	}
	return rc;
}

struct plan_orders {
	size_t n;
	char id[RECORD_LINES][ID_MAX];
};

static int
keep_order(void *arg, const char *host_id, const char *order_id)
{
	struct plan_orders *o = arg;

	(void)host_id;
	if (order_id[0] != '\0' && o->n < RECORD_LINES)
		snprintf(o->id[o->n++], ID_MAX, "%s", order_id);
	return 0;
}

static int
why_plan(struct db *db, struct call *c, const struct plan *p, json_t *list)
{
	struct plan_orders orders = { 0 };
	bool foreign = false;
	json_t *seen;
	size_t i;
	int rc;

	seen = json_plan(db, c->set->flow, p, &c->person, &foreign);
	if (seen == NULL)
		return foreign ? 0 : ERR_IO;
	json_decref(seen);
	if (p->why[0] != '\0')
		add_line(list, p->created_at, p->requester, p->why);
	rc = record_lines(db, "object", p->plan_id, list);
	if (rc == 0)
		rc = plan_hosts_each(db, p->plan_id, keep_order, &orders);
	for (i = 0; i < orders.n && rc == 0; i++)
		rc = record_lines(db, "object", orders.id[i], list);
	return rc < 0 ? rc : 1;
}

/* What policy decided about a signal: "isolate by rule x: why". */
static void
decision_text(char *out, size_t size, const char *json)
{
	json_t *d = json_loads(json, 0, NULL);
	const char *what = json_string_value(json_object_get(d, "what"));
	const char *rule = json_string_value(json_object_get(d, "rule"));
	const char *why = json_string_value(json_object_get(d, "why"));

	snprintf(out, size, "decision: %s, rule %s: %s",
	    what != NULL ? what : "none",
	    rule != NULL && rule[0] != '\0' ? rule : "default",
	    why != NULL ? why : "no rule asked for more");
	json_decref(d);
}

static int
why_signal(struct db *db, struct call *c, int64_t seq, json_t *list)
{
	char text[TEXT_MAX_LEN * 2], case_id[ID_MAX] = "";
	struct db_rows *r;
	int rc;

	r = db_query(db, "SELECT " SIGNAL_COLUMNS "FROM signals s "
	    "JOIN hosts h ON h.host_id = s.host_id WHERE s.seq = $1", "i",
	    seq);
	if (r == NULL)
		return ERR_IO;
	rc = db_next(r);
	if (rc == 1 && !person_sees(&c->person, db_text(r, SIGNAL_GRP),
	    ROLE_BIT(ROLE_ADMIN)))
		rc = 0;
	if (rc == 1) {
		snprintf(text, sizeof(text), "%s on %s: %s",
		    db_text(r, SIGNAL_KIND), db_text(r, 1), db_text(r, 8));
		put_text(c->out, "kind", db_text(r, SIGNAL_KIND));
		add_line(list, db_int(r, 3), "agent", text);
		decision_text(text, sizeof(text), db_text(r, 13));
		add_line(list, db_int(r, 4), ACTOR_POLICY, text);
		db_copy(r, 14, case_id, sizeof(case_id));
	}
	db_end(&r);
	if (rc == 1 && case_id[0] != '\0') {
		rc = record_lines(db, "case", case_id, list);
		rc = rc == 0 ? 1 : rc;
	}
	return rc;
}

static int
why_host(struct db *db, struct call *c, json_t *list)
{
	struct host h;
	int rc;

	rc = call_host(c, db, c->param, &h, NULL);
	if (rc != 0)
		return c->status == 404 ? 0 : rc;
	rc = record_lines(db, "host", h.name, list);
	return rc == 0 ? 1 : rc;
}

int
api_why(struct db *db, struct call *c)
{
	json_t *list = json_array();
	bool number = strspn(c->param, "0123456789") == strlen(c->param);
	struct plan p;
	int rc = 0;

	c->out = json_object();
	put_text(c->out, "about", c->param);
	json_object_set_new(c->out, "lines", list);
	if (number && strlen(c->param) < 19)
		rc = why_signal(db, c, strtoll(c->param, NULL, 10), list);
	if (rc == 0 && plan_get(db, c->param, &p) == 0)
		rc = why_plan(db, c, &p, list);
	if (rc == 0)
		rc = why_order(db, c, c->param, list);
	if (rc == 0)
		rc = why_host(db, c, list);
	if (rc < 0)
		return rc;
	return rc == 1 ? 0 : call_not_found(c, "plan, order, host or signal",
	    c->param);
}
