/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /v1/runs: what came of the checks that were asked for.
 * In the collector, inside store jobs.
 */
#include <string.h>

#include "server/cases/cases.h"
#include "server/http/call.h"
#include "server/http/json_out.h"

/* The head of a run; ERR_NOENT.  Sets HOST_ID. */
static int
run_head(struct db *db, const char *run_id, json_t *o, char host_id[ID_MAX])
{
	struct db_rows *r;
	int rc;

	rc = db_row(db, &r,
	    "SELECT host_id, kind, case_id, asked_by, asked_at, done_at, "
	    "outcome FROM runs WHERE run_id = $1", "s", run_id);
	if (rc != 0)
		return rc;
	db_copy(r, 0, host_id, ID_MAX);
	put_text(o, "run", run_id);
	put_text(o, "kind", db_text(r, 1));
	put_text(o, "case", db_text(r, 2));
	put_text(o, "asked_by", db_text(r, 3));
	put_time(o, "asked_at", db_int(r, 4));
	put_time(o, "done_at", db_int(r, 5));
	put_text(o, "state", db_int(r, 5) != 0 ? "done" : "running");
	put_text(o, "outcome", word_name(WORDS_OUTCOME, (int)db_int(r, 6)));
	db_end(&r);
	return 0;
}

static json_t *
check_row(struct db_rows *r)
{
	json_t *o = json_object();

	put_text(o, "id", db_text(r, 0));
	put_bool(o, "must", db_int(r, 1) != 0);
	put_text(o, "outcome", word_name(WORDS_OUTCOME, (int)db_int(r, 2)));
	put_text(o, "text", db_text(r, 3));
	put_json(o, "findings", db_text(r, 4), "[]");
	put_time(o, "at", db_int(r, 5));
	if (db_text(r, 6)[0] != '\0') {
		put_text(o, "waived_by", db_text(r, 6));
		put_text(o, "waiver", db_text(r, 7));
	}
	return o;
}

/* A run that this person may see, as JSON in c->out. */
static int
run_load(struct db *db, struct call *c, struct actor *a)
{
	char host_id[ID_MAX];
	struct host h;
	int rc;

	json_decref(c->out);
	c->out = json_object();
	rc = run_head(db, c->param, c->out, host_id);
	if (rc == ERR_NOENT)
		return call_not_found(c, "run", c->param);
	if (rc == 0)
		rc = call_host(c, db, host_id, &h, a);
	if (rc != 0)
		return c->status == 404 ?
		    call_not_found(c, "run", c->param) : rc;
	put_text(c->out, "host", h.name);
	return rows_into(c->out, "checks", db_query(db,
	    "SELECT check_id, must, outcome, text, findings, at, waived_by, "
	    "waiver FROM run_checks WHERE run_id = $1 ORDER BY check_id",
	    "s", c->param), check_row);
}

int
api_run(struct db *db, struct call *c)
{
	return run_load(db, c, NULL);
}

struct waive {
	const char *check, *reason;
};

static const struct field waive_fields[] = {
{ "check", FIELD_NAME, true, offsetof(struct waive, check), 1, 16 },
{ "reason", FIELD_TEXT, true, offsetof(struct waive, reason), REASON_MIN,
  TEXT_MAX_LEN - 1 },
{ .name = NULL },
};

int
api_run_waive(struct db *db, struct call *c)
{
	struct refused no = { .code = REFUSAL_NONE };
	struct waive body = { NULL, NULL };
	struct actor a;
	int rc;

	rc = run_load(db, c, &a);
	if (rc == 0)
		rc = call_body(c, waive_fields, &body);
	if (rc == 0)
		rc = call_room(c, check_waive(db, c->param, body.check, &a,
		    body.reason, &no), &no);
	if (rc == 0)
		rc = run_load(db, c, &a);
	return rc;
}
