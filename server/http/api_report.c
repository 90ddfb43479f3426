/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /v1/report and /v1/audit: documents, not objects.  In the collector,
 * inside store jobs.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "server/audit/audit.h"
#include "server/http/call.h"
#include "server/http/record.h"
#include "server/reports/report.h"

#define REPORT_DAYS 7

static int
time_query(struct call *c, const char *name, int64_t standard, int64_t *out)
{
	const char *text = query_get(&c->query, name, NULL);
	struct why why;

	*out = standard;
	if (text == NULL || clock_parse(text, out) == 0)
		return 0;
	why_set(&why, ERR_SYNTAX, "query \"%s\" must be a time such as "
	    "2026-11-22T00:00:00Z", name);
	return call_bad(c, &why);
}

/*
 * A report over everything is for those who see everything; one case is
 * for those who see that case.
 */
static int
report_may(struct db *db, struct call *c, const char *case_id)
{
	struct case_row cr;

	if (case_id[0] != '\0')
		return case_visible(db, c, case_id, &cr, NULL);
	if (person_sees(&c->person, "*", ROLE_BIT(ROLE_ADMIN)))
		return 0;
	return call_no(c, 403, "forbidden",
	    "Ask for one case (case=ID), or someone with a role for all "
	    "groups.", "a report over all groups needs a role for all "
	    "groups");
}

int
api_report(struct db *db, struct call *c)
{
	const char *format = query_get(&c->query, "format", "html");
	const char *lang = query_get(&c->query, "lang", "en");
	struct report_ask ask;
	struct why why;
	bool html = strcmp(format, "html") == 0;
	int rc;

	if ((!html && strcmp(format, "json") != 0) ||
	    (strcmp(lang, "en") != 0 && strcmp(lang, "zh") != 0)) {
		why_set(&why, ERR_SYNTAX, "query: format is html or json, "
		    "lang is en or zh");
		return call_bad(c, &why);
	}
	ask.case_id = query_get(&c->query, "case", "");
	ask.lang = strcmp(lang, "zh") == 0 ? LANG_ZH : LANG_EN;
	rc = time_query(c, "to", db_now(db), &ask.to_ms);
	if (rc == 0)
		rc = time_query(c, "from",
		    ask.to_ms - REPORT_DAYS * 86400000LL, &ask.from_ms);
	if (rc == 0)
		rc = report_may(db, c, ask.case_id);
	if (rc != 0)
		return rc;
	c->type = html ? "text/html; charset=utf-8" : "application/json";
	return html ? report_html(db, &ask, &c->text) :
		      report_json(db, &ask, &c->text);
}

int
api_audit(struct db *db, struct call *c)
{
	struct actor a;
	int rc;

	person_actor(&c->person, "*", &a);
	rc = call_need(c, &a, ROLE_BIT(ROLE_AUDITOR));
	if (rc != 0)
		return rc;
	c->file = tmpfile();
	if (c->file == NULL)
		return ERR_IO;
	rc = audit_export(db, c->set->audit, c->file);
	if (rc == 0 && fflush(c->file) != 0)
		rc = ERR_IO;
	c->type = "text/plain; charset=utf-8";
	return rc;
}
