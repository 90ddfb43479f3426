/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading the record for a report.  Runs in a read job of the store.  One
 * table of lists: each a query with its column names, so that what a report
 * holds can be read off here.
 */
#include "server/reports/gather.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"

/* How a column of a query becomes JSON. */
enum as {
	AS_TEXT,
	AS_INT,
	AS_TIME,    /* RFC 3339, absent when 0 */
	AS_BOOL,
	AS_WORD,    /* stable name out of a list of words */
	AS_JSON,    /* JSON text */
	AS_MS,	    /* microseconds as milliseconds with one decimal */
};

struct column {
	const char *key;
	enum as as;
	enum words words;
};

struct list {
	const char *key;
	const char *sql; /* $1 from, $2 to, $3 case or ''; one row above
			    REPORT_ROWS_MAX, which tells that there are more */
	struct column column[20];
};

#define IN_CASE "($3 = '' OR case_id = $3) "

static const struct list lists[] = {
    {"hosts",
	"SELECT h.name, h.grp, h.tier, h.service, h.stage, h.desired, "
	"h.applied, h.proven_ok, h.proven_at, h.online, h.last_seen, "
	"h.case_id FROM hosts h WHERE h.enrolled_at <= $2 "
	"AND $1 <= $2 AND ($3 = '' OR EXISTS (SELECT 1 FROM case_hosts c "
	"WHERE c.case_id = $3 AND c.host_id = h.host_id)) "
	"ORDER BY h.name LIMIT 5001",
	{{"name", AS_TEXT, 0}, {"group", AS_TEXT, 0},
	    {"tier", AS_WORD, WORDS_TIER}, {"service", AS_TEXT, 0},
	    {"stage", AS_WORD, WORDS_STAGE},
	    {"desired", AS_WORD, WORDS_PROFILE},
	    {"applied", AS_WORD, WORDS_PROFILE}, {"proven_ok", AS_BOOL, 0},
	    {"proven_at", AS_TIME, 0}, {"online", AS_BOOL, 0},
	    {"last_seen", AS_TIME, 0}, {"case", AS_TEXT, 0}}},
    {"signals",
	"SELECT s.stored_at, h.name, s.kind, s.severity, s.object, s.text, "
	"s.cause, s.decision, s.score, s.case_id FROM signals s "
	"JOIN hosts h ON h.host_id = s.host_id WHERE s.stored_at >= $1 "
	"AND s.stored_at <= $2 AND ($3 = '' OR s.case_id = $3) "
	"AND s.severity > 1 ORDER BY s.seq LIMIT 5001",
	{{"at", AS_TIME, 0}, {"host", AS_TEXT, 0}, {"kind", AS_TEXT, 0},
	    {"severity", AS_WORD, WORDS_SEVERITY}, {"object", AS_TEXT, 0},
	    {"text", AS_TEXT, 0}, {"cause", AS_JSON, 0},
	    {"decision", AS_JSON, 0}, {"score", AS_INT, 0},
	    {"case", AS_TEXT, 0}}},
    {"cases",
	"SELECT case_id, title, state, opened_at, opened_by, closed_at, "
	"outcome FROM cases WHERE opened_at <= $2 AND (closed_at = 0 OR "
	"closed_at >= $1) AND " IN_CASE "ORDER BY opened_at LIMIT 5001",
	{{"case", AS_TEXT, 0}, {"title", AS_TEXT, 0},
	    {"state", AS_WORD, WORDS_CASE_STATE}, {"opened_at", AS_TIME, 0},
	    {"opened_by", AS_TEXT, 0}, {"closed_at", AS_TIME, 0},
	    {"outcome", AS_TEXT, 0}}},
    {"plans",
	"SELECT plan_id, action, profile, state, origin, case_id, reason, "
	"requester, approvals_needed, created_at, applied_at, applied_by, "
	"digest FROM plans WHERE created_at >= $1 AND created_at <= $2 AND "
	"drill = 0 AND " IN_CASE "ORDER BY created_at LIMIT 5001",
	{{"plan", AS_TEXT, 0}, {"action", AS_WORD, WORDS_ACTION},
	    {"profile", AS_WORD, WORDS_PROFILE},
	    {"state", AS_WORD, WORDS_PLAN_STATE},
	    {"origin", AS_WORD, WORDS_ORIGIN}, {"case", AS_TEXT, 0},
	    {"reason", AS_TEXT, 0}, {"requester", AS_TEXT, 0},
	    {"approvals_needed", AS_INT, 0}, {"created_at", AS_TIME, 0},
	    {"applied_at", AS_TIME, 0}, {"applied_by", AS_TEXT, 0},
	    {"digest", AS_TEXT, 0}}},
    {"approvals",
	"SELECT a.plan_id, a.approver, a.verdict, a.at, a.reason "
	"FROM approvals a JOIN plans p ON p.plan_id = a.plan_id "
	"WHERE a.at >= $1 AND a.at <= $2 AND ($3 = '' OR p.case_id = $3) "
	"ORDER BY a.at LIMIT 5001",
	{{"plan", AS_TEXT, 0}, {"approver", AS_TEXT, 0},
	    {"verdict", AS_TEXT, 0}, {"at", AS_TIME, 0},
	    {"reason", AS_TEXT, 0}}},
    {"orders",
	"SELECT o.order_id, h.name, o.epoch, o.plan_id, o.case_id, "
	"o.profile, o.state, o.created_at, o.sent_at, o.applied_at, "
	"o.proven_at, o.took_us, o.why FROM orders o "
	"JOIN hosts h ON h.host_id = o.host_id WHERE o.created_at >= $1 "
	"AND o.created_at <= $2 AND ($3 = '' OR o.case_id = $3) "
	"AND o.drill = 0 ORDER BY o.created_at LIMIT 5001",
	{{"order", AS_TEXT, 0}, {"host", AS_TEXT, 0}, {"epoch", AS_INT, 0},
	    {"plan", AS_TEXT, 0}, {"case", AS_TEXT, 0},
	    {"profile", AS_WORD, WORDS_PROFILE},
	    {"state", AS_WORD, WORDS_ORDER_STATE}, {"created_at", AS_TIME, 0},
	    {"sent_at", AS_TIME, 0}, {"applied_at", AS_TIME, 0},
	    {"proven_at", AS_TIME, 0}, {"took_ms", AS_MS, 0},
	    {"why", AS_TEXT, 0}}},
    /* practice, apart from everything that happened */
    {"drills",
	"SELECT 'DRILL 演练', o.order_id, h.name, o.plan_id, p.requester, "
	"p.reason, o.drill, o.state, o.created_at, o.applied_at, "
	"o.proven_at, o.answered_at, o.took_us, o.counted, o.why, "
	"coalesce((SELECT v.cut FROM previews v WHERE v.preview_id = "
	"o.order_id AND v.done_at > 0), -1) FROM orders o "
	"JOIN hosts h ON h.host_id = o.host_id "
	"JOIN plans p ON p.plan_id = o.plan_id WHERE o.created_at >= $1 "
	"AND o.created_at <= $2 AND ($3 = '' OR o.case_id = $3) "
	"AND o.drill <> 0 ORDER BY o.created_at LIMIT 5001",
	{{"mark", AS_TEXT, 0}, {"order", AS_TEXT, 0}, {"host", AS_TEXT, 0},
	    {"plan", AS_TEXT, 0}, {"requester", AS_TEXT, 0},
	    {"reason", AS_TEXT, 0}, {"drill", AS_WORD, WORDS_DRILL},
	    {"state", AS_WORD, WORDS_ORDER_STATE}, {"created_at", AS_TIME, 0},
	    {"applied_at", AS_TIME, 0}, {"proven_at", AS_TIME, 0},
	    {"answered_at", AS_TIME, 0}, {"took_ms", AS_MS, 0},
	    {"counted", AS_INT, 0}, {"why", AS_TEXT, 0},
	    {"would_cut", AS_INT, 0}}},
    {"proofs",
	"SELECT h.name, p.order_id, p.stored_at, p.ok, p.detail "
	"FROM proofs p JOIN hosts h ON h.host_id = p.host_id "
	"JOIN orders o ON o.order_id = p.order_id WHERE p.stored_at >= $1 "
	"AND p.stored_at <= $2 AND ($3 = '' OR o.case_id = $3) "
	"AND o.drill = 0 ORDER BY p.seq LIMIT 5001",
	{{"host", AS_TEXT, 0}, {"order", AS_TEXT, 0}, {"at", AS_TIME, 0},
	    {"ok", AS_BOOL, 0}, {"detail", AS_JSON, 0}}},
    {"evidence",
	"SELECT e.evidence_id, e.case_id, h.name, e.kind, e.sha256, e.at, "
	"e.added_by, e.text FROM evidence e JOIN hosts h "
	"ON h.host_id = e.host_id WHERE e.at >= $1 AND e.at <= $2 "
	"AND ($3 = '' OR e.case_id = $3) ORDER BY e.at LIMIT 5001",
	{{"evidence", AS_TEXT, 0}, {"case", AS_TEXT, 0}, {"host", AS_TEXT, 0},
	    {"kind", AS_TEXT, 0}, {"sha256", AS_TEXT, 0}, {"at", AS_TIME, 0},
	    {"added_by", AS_TEXT, 0}, {"text", AS_TEXT, 0}}},
    {"checks",
	"SELECT h.name, r.run_id, r.kind, r.asked_by, r.asked_at, "
	"r.done_at, r.outcome, c.check_id, c.must, c.outcome, c.text, "
	"c.findings, c.waived_by, c.waiver FROM runs r JOIN hosts h "
	"ON h.host_id = r.host_id JOIN run_checks c ON c.run_id = r.run_id "
	"WHERE r.asked_at >= $1 AND r.asked_at <= $2 "
	"AND ($3 = '' OR r.case_id = $3) "
	"ORDER BY r.asked_at, r.run_id, c.check_id LIMIT 5001",
	{{"host", AS_TEXT, 0}, {"run", AS_TEXT, 0}, {"kind", AS_TEXT, 0},
	    {"asked_by", AS_TEXT, 0}, {"asked_at", AS_TIME, 0},
	    {"done_at", AS_TIME, 0}, {"run_outcome", AS_WORD, WORDS_OUTCOME},
	    {"check", AS_TEXT, 0}, {"must", AS_BOOL, 0},
	    {"outcome", AS_WORD, WORDS_OUTCOME}, {"text", AS_TEXT, 0},
	    {"findings", AS_JSON, 0}, {"waived_by", AS_TEXT, 0},
	    {"waiver", AS_TEXT, 0}}},
    {"rechecks",
	"SELECT h.name, r.name, r.due_at, r.state, r.run_id "
	"FROM rechecks r JOIN hosts h ON h.host_id = r.host_id "
	"WHERE r.probation >= $1 AND r.probation <= $2 AND ($3 = '' OR "
	"EXISTS (SELECT 1 FROM case_hosts c WHERE c.case_id = $3 "
	"AND c.host_id = r.host_id)) ORDER BY h.name, r.due_at LIMIT 5001",
	{{"host", AS_TEXT, 0}, {"name", AS_TEXT, 0}, {"due_at", AS_TIME, 0},
	    {"state", AS_TEXT, 0}, {"run", AS_TEXT, 0}}},
};

static json_t *
time_json(int64_t ms)
{
	char text[CLOCK_TEXT_MAX];

	return ms == 0 ? NULL : json_string(clock_format(text, ms, true));
}

/* What is no UTF-8 is quoted: a name must not hide by its bytes. */
static json_t *
text_json(const char *text)
{
	char quoted[4096];
	json_t *j = json_string(text);

	return j != NULL ? j : json_string(log_quote(quoted, sizeof(quoted),
	    text, strlen(text)));
}

static json_t *
column_json(struct db_rows *r, int col, const struct column *c)
{
	switch (c->as) {
	case AS_TEXT:
		return text_json(db_text(r, col));
	case AS_INT:
		return json_integer(db_int(r, col));
	case AS_TIME:
		return time_json(db_int(r, col));
	case AS_BOOL:
		return json_boolean(db_int(r, col) != 0);
	case AS_WORD:
		return json_string(word_name(c->words, (int)db_int(r, col)));
	case AS_JSON:
		return json_loads(db_text(r, col), 0, NULL);
	case AS_MS:
		return json_real((double)(db_int(r, col) / 100) / 10.0);
	}
	return NULL;
}

static json_t *
list_read(struct db *db, const struct list *l, const struct report_ask *ask,
    json_t *cut)
{
	json_t *rows = json_array(), *row, *value;
	struct db_rows *r;
	int col, rc;

	r = db_query(db, l->sql, "iis", ask->from_ms, ask->to_ms,
	    ask->case_id != NULL ? ask->case_id : "");
	if (r == NULL) {
		json_decref(rows);
		return NULL;
	}
	while ((rc = db_next(r)) == 1) {
		if (json_array_size(rows) == REPORT_ROWS_MAX) {
			json_array_append_new(cut, json_string(l->key));
			break;
		}
		row = json_object();
		for (col = 0; l->column[col].key != NULL; col++) {
			value = column_json(r, col, &l->column[col]);
			if (value != NULL)
				json_object_set_new(row, l->column[col].key,
				    value);
		}
		json_array_append_new(rows, row);
	}
	db_end(&r);
	if (rc < 0) {
		json_decref(rows);
		return NULL;
	}
	return rows;
}

/* Where the audit chain stood when the report was made. */
static json_t *
log_head(struct db *db)
{
	json_t *o = json_object();
	struct db_rows *r;

	r = db_query(db,
	    "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1",
	    "");
	if (r != NULL && db_next(r) == 1) {
		json_object_set_new(o, "number", json_integer(db_int(r, 0)));
		json_object_set_new(o, "hash", json_string(db_text(r, 1)));
	}
	db_end(&r);
	return o;
}

json_t *
report_gather(struct db *db, const struct report_ask *ask)
{
	json_t *o = json_object(), *cut = json_array(), *list;
	size_t i;

	json_object_set_new(o, "made_at", time_json(db_now(db)));
	if (ask->from_ms > 0)
		json_object_set_new(o, "from", time_json(ask->from_ms));
	json_object_set_new(o, "to", time_json(ask->to_ms));
	if (ask->case_id != NULL && ask->case_id[0] != '\0')
		json_object_set_new(o, "case", json_string(ask->case_id));
	json_object_set_new(o, "log_head", log_head(db));
	json_object_set_new(o, "cut", cut);
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		list = list_read(db, &lists[i], ask, cut);
		if (list == NULL) {
			json_decref(o);
			return NULL;
		}
		json_object_set_new(o, lists[i].key, list);
	}
	return o;
}
