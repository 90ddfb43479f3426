/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Probation: the watched time after release.  Re-checks fall due by the
 * clock, a missed one is not a pass, and only when all have passed is the
 * host normal again.  Runs on the writer thread, from the ticker.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "server/audit/audit.h"
#include "server/cases/cases.h"
#include "server/cases/run.h"
#include "server/store/hosts.h"

#define TICK_HOSTS_MAX 64 /* worked on in one tick; the rest in the next */

int
probation_start(struct db *db, const struct cases_settings *s,
    const char *host_id)
{
	int64_t now = db_now(db);
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < s->nrechecks; i++)
		rc = db_run(db, NULL,
		    "INSERT INTO rechecks (host_id, probation, name, due_at) "
		    "VALUES ($1, $2, $3, $4)", "sisi", host_id, now,
		    s->rechecks[i].name,
		    now + s->rechecks[i].after_seconds * 1000);
	return rc;
}

int
recheck_bind(struct db *db, const char *host_id, const char *run_id)
{
	return db_run(db, NULL,
	    "UPDATE rechecks SET run_id = $1, state = 'running' "
	    "WHERE host_id = $2 AND probation = (SELECT max(probation) "
	    "FROM rechecks WHERE host_id = $2) AND name = (SELECT name "
	    "FROM rechecks WHERE host_id = $2 AND due_at <= $3 "
	    "AND state IN ('due', 'missed') AND probation = "
	    "(SELECT max(probation) FROM rechecks WHERE host_id = $2) "
	    "ORDER BY due_at LIMIT 1)",
	    "ssi", run_id, host_id, db_now(db));
}

int
recheck_done(struct db *db, const char *host_id, const char *run_id,
    enum outcome outcome)
{
	const char *state = outcome == OUTCOME_PASS ? "passed" :
	    outcome == OUTCOME_FAIL ? "failed" : "missed";

	return db_run(db, NULL,
	    "UPDATE rechecks SET state = $1 WHERE host_id = $2 "
	    "AND run_id = $3", "sss", state, host_id, run_id);
}

/* Up to TICK_HOSTS_MAX host ids of a query whose only column they are. */
static int
collect(struct db_rows *r, char ids[][ID_MAX], size_t *n)
{
	int rc = 0;

	*n = 0;
	if (r == NULL)
		return ERR_IO;
	while (*n < TICK_HOSTS_MAX && (rc = db_next(r)) == 1)
		db_copy(r, 0, ids[(*n)++], ID_MAX);
	db_end(&r);
	return rc < 0 ? rc : 0;
}

/* A scheduled re-check is due on an online host in probation: run it. */
static int
start_due(struct db *db, const struct cases_settings *s)
{
	char ids[TICK_HOSTS_MAX][ID_MAX], run_id[ID_MAX];
	struct host h;
	size_t i, n;
	int rc;

	rc = collect(db_query(db,
	    "SELECT DISTINCT r.host_id FROM rechecks r JOIN hosts h "
	    "ON h.host_id = r.host_id WHERE r.state = 'due' "
	    "AND r.due_at <= $1 AND h.stage = $2 AND h.online = 1 "
	    "AND r.probation >= h.stage_since "
	    "AND NOT EXISTS (SELECT 1 FROM runs u WHERE u.host_id = "
	    "h.host_id AND u.done_at = 0 AND u.asked_at > $3)", "iii",
	    db_now(db), (int64_t)STAGE_PROBATION,
	    db_now(db) - RUN_TIMEOUT_MS), ids, &n);
	for (i = 0; rc == 0 && i < n; i++) {
		rc = hosts_get(db, ids[i], &h);
		if (rc == 0)
			rc = run_start(db, s, &h, RUN_PROBATION, ACTOR_SYSTEM,
			    run_id);
		if (rc == 0)
			rc = recheck_bind(db, h.host_id, run_id);
	}
	return rc;
}

/* Due for too long: missed, said aloud, not a pass. */
static int
mark_missed(struct db *db, const struct cases_settings *s)
{
	char ids[TICK_HOSTS_MAX][ID_MAX];
	struct host h;
	size_t i, n;
	int64_t before = db_now(db) - s->recheck_late_seconds * 1000;
	int rc;

	rc = collect(db_query(db,
	    "SELECT DISTINCT r.host_id FROM rechecks r JOIN hosts h "
	    "ON h.host_id = r.host_id WHERE r.state = 'due' "
	    "AND r.due_at < $1 AND h.stage = $2 "
	    "AND r.probation >= h.stage_since", "ii", before,
	    (int64_t)STAGE_PROBATION), ids, &n);
	for (i = 0; rc == 0 && i < n; i++) {
		rc = hosts_get(db, ids[i], &h);
		if (rc == 0)
			rc = db_run(db, NULL,
			    "UPDATE rechecks SET state = 'missed' "
			    "WHERE host_id = $1 AND state = 'due' "
			    "AND due_at < $2 AND probation >= $3", "sii",
			    h.host_id, before, h.stage_since);
		if (rc == 0)
			rc = audit_add(db,
			    &(struct audit_entry){.who = ACTOR_SYSTEM,
			    .what = "recheck.missed", .host = h.name,
			    .case_id = h.case_id},
			    "the host was not there to be checked");
	}
	return rc;
}

/* Runs whose last word never came end as what is known of them. */
static int
end_silent_runs(struct db *db)
{
	char ids[TICK_HOSTS_MAX][ID_MAX];
	enum outcome outcome;
	struct host h;
	struct run run;
	size_t i, n;
	int rc;

	rc = collect(db_query(db,
	    "SELECT run_id FROM runs WHERE done_at = 0 AND asked_at < $1",
	    "i", db_now(db) - RUN_TIMEOUT_MS), ids, &n);
	for (i = 0; rc == 0 && i < n; i++) {
		rc = run_find(db, ids[i], &h, &run, &outcome);
		if (rc == 0)
			rc = run_finish(db, &h, &run,
			    outcome != OUTCOME_NONE ? outcome :
			    OUTCOME_UNKNOWN);
	}
	return rc;
}

/* All re-checks of the newest probation passed: the host is normal. */
static int
end_probation(struct db *db)
{
	char ids[TICK_HOSTS_MAX][ID_MAX];
	size_t i, n;
	int rc;

	rc = collect(db_query(db,
	    "SELECT h.host_id FROM hosts h WHERE h.stage = $1 "
	    "AND EXISTS (SELECT 1 FROM rechecks r WHERE r.host_id = h.host_id "
	    "AND r.probation >= h.stage_since) "
	    "AND NOT EXISTS (SELECT 1 FROM rechecks r WHERE r.host_id = "
	    "h.host_id AND r.probation >= h.stage_since "
	    "AND r.state <> 'passed')", "i", (int64_t)STAGE_PROBATION),
	    ids, &n);
	for (i = 0; rc == 0 && i < n; i++)
		rc = stage_set(db, ids[i], STAGE_NORMAL, ACTOR_SYSTEM,
		    "all re-checks of the probation passed");
	return rc;
}

int
cases_tick(struct db *db, const struct cases_settings *s)
{
	int rc;

	rc = end_silent_runs(db);
	if (rc == 0)
		rc = mark_missed(db, s);
	if (rc == 0)
		rc = start_due(db, s);
	if (rc == 0)
		rc = end_probation(db);
	return rc;
}
