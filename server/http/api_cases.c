/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /v1/cases: incidents with all that hangs on them.  In the collector,
 * inside store jobs.  A case is seen by who sees each host in its scope; a
 * case without hosts by who has a role for all groups, and by its opener.
 */
#include <string.h>

#include "server/audit/audit.h"
#include "server/cases/cases.h"
#include "server/http/call.h"
#include "server/http/json_out.h"
#include "server/http/record.h"
#include "server/store/hosts.h"

#define CASES_LIMIT 200
#define CASE_SIGNALS 200

/*
 * May this person see the case?  1 or 0, or an error.  A gets the roles
 * that hold for every group in scope; may be NULL.
 */
static int
case_seen(struct db *db, const struct call *c, const struct case_row *cr,
    struct actor *a)
{
	struct actor all = { .roles = 0 };
	struct db_rows *r;
	bool seen = true;
	int rc;

	r = db_query(db,
	    "SELECT DISTINCT h.grp FROM case_hosts m JOIN hosts h "
	    "ON h.host_id = m.host_id WHERE m.case_id = $1", "s",
	    cr->case_id);
	if (r == NULL)
		return ERR_IO;
	while ((rc = db_next(r)) == 1) {
		seen = seen && person_sees(&c->person, db_text(r, 0),
		    ROLE_BIT(ROLE_ADMIN));
		actor_narrow(&c->person, db_text(r, 0), &all);
	}
	db_end(&r);
	if (rc < 0)
		return rc;
	if (all.name[0] == '\0') {
		person_actor(&c->person, "*", &all);
		seen = strcmp(cr->opened_by, c->person.name) == 0 ||
		    person_sees(&c->person, "*", ROLE_BIT(ROLE_ADMIN));
	}
	if (a != NULL)
		*a = all;
	return seen;
}

int
case_visible(struct db *db, struct call *c, const char *case_id,
    struct case_row *cr, struct actor *a)
{
	int rc;

	rc = case_get(db, case_id, cr);
	if (rc == ERR_NOENT)
		return call_not_found(c, "case", case_id);
	if (rc != 0)
		return rc;
	rc = case_seen(db, c, cr, a);
	if (rc < 0)
		return rc;
	return rc == 1 ? 0 : call_not_found(c, "case", case_id);
}

int
api_cases(struct db *db, struct call *c)
{
	char ids[CASES_LIMIT][ID_MAX];
	struct db_rows *r;
	json_t *list = json_array();
	struct case_row cr;
	struct why why;
	int64_t limit;
	size_t n, i;
	int rc = 0;

	c->out = json_object();
	json_object_set_new(c->out, "cases", list);
	if (query_int(&c->query, "limit", 50, 1, CASES_LIMIT, &limit, &why)
	    != 0)
		return call_bad(c, &why);
	r = db_query(db, "SELECT case_id FROM cases "
	    "ORDER BY opened_at DESC LIMIT $1", "i", (int64_t)CASES_LIMIT);
	if (r == NULL)
		return ERR_IO;
	for (n = 0; n < CASES_LIMIT && db_next(r) == 1; n++)
		db_copy(r, 0, ids[n], ID_MAX);
	db_end(&r);
	for (i = 0; i < n && (int64_t)json_array_size(list) < limit; i++) {
		rc = case_get(db, ids[i], &cr);
		if (rc == 0)
			rc = case_seen(db, c, &cr, NULL);
		if (rc < 0)
			return rc;
		if (rc == 1)
			json_array_append_new(list, json_case(db, &cr));
	}
	return 0;
}

static json_t *
plan_row(struct db_rows *r)
{
	json_t *o = json_object();

	put_text(o, "plan", db_text(r, 0));
	put_text(o, "action", word_name(WORDS_ACTION, (int)db_int(r, 1)));
	put_text(o, "state", word_name(WORDS_PLAN_STATE, (int)db_int(r, 2)));
	put_text(o, "requester", db_text(r, 3));
	put_text(o, "reason", db_text(r, 4));
	put_time(o, "created_at", db_int(r, 5));
	put_time(o, "applied_at", db_int(r, 6));
	return o;
}

static json_t *
fact_row(struct db_rows *r)
{
	json_t *o = json_object();

	put_text(o, "fact", db_text(r, 0));
	put_time(o, "at", db_int(r, 1));
	put_text(o, "recorded_by", db_text(r, 2));
	put_time(o, "recorded_at", db_int(r, 3));
	return o;
}

static json_t *
evidence_row(struct db_rows *r)
{
	json_t *o = json_object();

	put_text(o, "evidence", db_text(r, 0));
	put_text(o, "host", db_text(r, 1));
	put_text(o, "kind", db_text(r, 2));
	put_text(o, "sha256", db_text(r, 3));
	put_time(o, "at", db_int(r, 4));
	put_text(o, "added_by", db_text(r, 5));
	put_text(o, "text", db_text(r, 6));
	return o;
}

static json_t *
run_row(struct db_rows *r)
{
	json_t *o = json_object();

	put_text(o, "run", db_text(r, 0));
	put_text(o, "host", db_text(r, 1));
	put_text(o, "kind", db_text(r, 2));
	put_text(o, "asked_by", db_text(r, 3));
	put_time(o, "asked_at", db_int(r, 4));
	put_time(o, "done_at", db_int(r, 5));
	put_text(o, "outcome", word_name(WORDS_OUTCOME, (int)db_int(r, 6)));
	return o;
}

static int
case_parts(struct db *db, json_t *o, const char *id)
{
	int rc;

	rc = rows_into(o, "plans", db_query(db,
	    "SELECT plan_id, action, state, requester, reason, created_at, "
	    "applied_at FROM plans WHERE case_id = $1 ORDER BY created_at",
	    "s", id), plan_row);
	if (rc == 0)
		rc = rows_into(o, "signals", db_query(db,
		    "SELECT " SIGNAL_COLUMNS "FROM signals s JOIN hosts h "
		    "ON h.host_id = s.host_id WHERE s.case_id = $1 "
		    "ORDER BY s.seq LIMIT $2", "si", id,
		    (int64_t)CASE_SIGNALS), json_signal);
	if (rc == 0)
		rc = rows_into(o, "facts", db_query(db,
		    "SELECT fact, at, recorded_by, recorded_at "
		    "FROM case_facts WHERE case_id = $1 ORDER BY at", "s",
		    id), fact_row);
	if (rc == 0)
		rc = rows_into(o, "evidence", db_query(db,
		    "SELECT e.evidence_id, h.name, e.kind, e.sha256, e.at, "
		    "e.added_by, e.text FROM evidence e JOIN hosts h "
		    "ON h.host_id = e.host_id WHERE e.case_id = $1 "
		    "ORDER BY e.at", "s", id), evidence_row);
	if (rc == 0)
		rc = rows_into(o, "runs", db_query(db,
		    "SELECT u.run_id, h.name, u.kind, u.asked_by, "
		    "u.asked_at, u.done_at, u.outcome FROM runs u "
		    "JOIN hosts h ON h.host_id = u.host_id "
		    "WHERE u.case_id = $1 ORDER BY u.asked_at", "s", id),
		    run_row);
	return rc;
}

int
api_case(struct db *db, struct call *c)
{
	struct case_row cr;
	json_t *timeline;
	int rc;

	rc = case_visible(db, c, c->param, &cr, NULL);
	if (rc != 0)
		return rc;
	c->out = json_case(db, &cr);
	rc = case_parts(db, c->out, cr.case_id);
	if (rc != 0)
		return rc;
	timeline = json_array();
	json_object_set_new(c->out, "timeline", timeline);
	return record_lines(db, "case", cr.case_id, timeline);
}

struct open_body {
	const char *title;
	struct body_names hosts;
};

static const struct field open_fields[] = {
{ "title", FIELD_TEXT, true, offsetof(struct open_body, title), 1,
  TEXT_MAX_LEN - 1 },
{ "hosts", FIELD_NAMES, false, offsetof(struct open_body, hosts), 0, 0 },
{ .name = NULL },
};

int
api_case_open(struct db *db, struct call *c)
{
	struct refused no = { .code = REFUSAL_NONE };
	struct open_body body = { .title = NULL };
	struct actor a = { .roles = 0 };
	struct case_row cr;
	struct host h;
	size_t i;
	int rc;

	rc = call_body(c, open_fields, &body);
	for (i = 0; i < body.hosts.n && rc == 0; i++) {
		rc = call_host(c, db, body.hosts.item[i], &h, NULL);
		if (rc == 0)
			actor_narrow(&c->person, h.grp, &a);
	}
	if (rc != 0)
		return rc;
	if (body.hosts.n == 0) {
		/* no host yet: a role for any group opens it */
		person_actor(&c->person, "*", &a);
		for (i = 0; i < c->person.n; i++)
			a.roles |= ROLE_BIT(c->person.role[i].role);
	}
	rc = call_room(c, case_open(db, body.title, &a, &cr, &no), &no);
	for (i = 0; i < body.hosts.n && rc == 0; i++) {
		rc = hosts_get(db, body.hosts.item[i], &h);
		if (rc == 0)
			rc = case_add_host(db, cr.case_id, h.host_id, a.name);
	}
	if (rc == 0 && body.hosts.n > 0)
		rc = case_derive(db, cr.case_id);
	if (rc == 0)
		rc = case_get(db, cr.case_id, &cr);
	if (rc == 0)
		c->out = json_case(db, &cr);
	return rc;
}

struct close_body {
	const char *outcome;
};

static const struct field close_fields[] = {
{ "outcome", FIELD_TEXT, true, offsetof(struct close_body, outcome), 1,
  TEXT_MAX_LEN - 1 },
{ .name = NULL },
};

int
api_case_close(struct db *db, struct call *c)
{
	struct refused no = { .code = REFUSAL_NONE };
	struct close_body body = { NULL };
	struct case_row cr;
	struct actor a;
	int rc;

	rc = case_visible(db, c, c->param, &cr, &a);
	if (rc == 0)
		rc = call_body(c, close_fields, &body);
	if (rc == 0)
		rc = call_room(c, case_close(db, c->param, &a, body.outcome,
		    &no), &no);
	if (rc == 0)
		rc = case_get(db, c->param, &cr);
	if (rc == 0)
		c->out = json_case(db, &cr);
	return rc;
}
