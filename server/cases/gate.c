/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The gate and its runs: which checks are asked of an agent, what their
 * answers mean, waivers.  Runs on the writer thread.  An agent's "pass" is
 * taken only for a run that was asked for, once a check, and unknown blocks
 * like fail.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/wire/frame.h"
#include "common/wire/pack.h"
#include "server/audit/audit.h"
#include "server/cases/cases.h"
#include "server/cases/find.h"
#include "server/cases/run.h"
#include "server/cases/tree.h"
#include "server/store/hosts.h"

#define FINDINGS_MAX 200

#define ROLES_VERIFY (1u << ROLE_VERIFIER | 1u << ROLE_RECOVERY)
#define ROLES_CHECK (ROLES_VERIFY | 1u << ROLE_ANALYST)

/* The manifest of a host, ready for a CheckRun. */
struct manifest_ref {
	char id[ID_MAX];
	uint8_t digest[32];
	uint8_t signature[64];
	bool there;
};

static int
manifest_load(struct db *db, const char *manifest_id, struct manifest_ref *m)
{
	const uint8_t *sig;
	struct db_rows *r;
	size_t len;
	int rc;

	memset(m, 0, sizeof(*m));
	if (manifest_id[0] == '\0')
		return 0;
	r = db_query(db,
	    "SELECT sha256, signature FROM manifests WHERE manifest_id = $1",
	    "s", manifest_id);
	if (r == NULL)
		return ERR_IO;
	rc = db_next(r);
	if (rc == 1) {
		sig = db_blob(r, 1, &len);
		if (len == sizeof(m->signature) &&
		    hex_decode(m->digest, sizeof(m->digest),
		    db_text(r, 0)) == 0) {
			snprintf(m->id, sizeof(m->id), "%s", manifest_id);
			memcpy(m->signature, sig, len);
			m->there = true;
		}
	}
	db_end(&r);
	return rc < 0 ? rc : 0;
}

/* When the host was isolated: the earliest isolation of this case. */
static int
isolated_since(struct db *db, const struct host *h, int64_t *since)
{
	*since = h->stage_since;
	return db_one_int(db, since,
	    "SELECT coalesce(min(created_at), 0) FROM orders "
	    "WHERE host_id = $1 AND case_id = $2 AND drill = 0", "ss",
	    h->host_id,
	    h->case_id);
}

/* What one run asks: which checks, of which trees. */
struct run_plan {
	const char *kind;
	const char *check[sizeof(((struct cases_settings *)0)->gate) /
	    sizeof(char *)];
	size_t n;
	const char *tree; /* NULL: all that hold for the host */
};

/*
 * Data is looked at before a host goes back to work, not after: people
 * change it then.
 */
static void
plan_checks(const struct cases_settings *s, const char *kind,
    struct run_plan *p)
{
	bool gate = strcmp(kind, RUN_GATE) == 0;
	size_t i;

	*p = (struct run_plan){.kind = kind};
	for (i = 0; i < s->ngate; i++)
		if (gate || (strcmp(s->gate[i], "G03") != 0 &&
		    strcmp(s->gate[i], "G04") != 0))
			p->check[p->n++] = s->gate[i];
}

/* The trees that the answer must be about, by version. */
static int
add_trees(const struct run_plan *p, const struct tree_row *row, size_t n,
    Cordon__CheckRun *msg)
{
	Cordon__TreeRef *ref;
	size_t i;

	msg->trees = calloc(n + 1, sizeof(*msg->trees));
	ref = calloc(n + 1, sizeof(*ref));
	if (msg->trees == NULL || ref == NULL) {
		free(ref);
		return ERR_NOMEM;
	}
	msg->trees[n] = ref; /* freed by it */
	for (i = 0; i < n; i++) {
		if (row[i].retired || (p->tree != NULL &&
		    strcmp(row[i].tree, p->tree) != 0))
			continue;
		cordon__tree_ref__init(&ref[i]);
		ref[i].tree = (char *)(uintptr_t)row[i].tree;
		ref[i].version = row[i].version;
		msg->trees[msg->n_trees++] = &ref[i];
	}
	msg->only = p->tree != NULL;
	return 0;
}

static int
send_trees(struct db *db, const struct host *h, const struct run_plan *p,
    Cordon__CheckRun *msg)
{
	struct tree_row *row = calloc(TREES_MAX, sizeof(*row));
	Cordon__TreeRef *refs = NULL;
	struct buf packed;
	size_t n = 0;
	int rc;

	buf_init(&packed, frame_max(FRAME_CHECK_RUN));
	rc = row == NULL ? ERR_NOMEM : tree_holds(db, h, row, &n);
	if (rc == 0)
		rc = add_trees(p, row, n, msg);
	if (rc == 0)
		refs = msg->trees[n];
	if (rc == 0)
		rc = pack(&msg->base, &packed);
	if (rc == 0)
		rc = db_send(db, h->host_id, FRAME_CHECK_RUN, packed.data,
		    packed.len);
	buf_done(&packed);
	free(refs);
	free(msg->trees);
	free(row);
	return rc;
}

static int
run_send(struct db *db, const struct host *h, const struct run_plan *p,
    const char *run_id)
{
	Cordon__CheckRun msg = CORDON__CHECK_RUN__INIT;
	struct manifest_ref m;
	int rc;

	rc = manifest_load(db, h->manifest_id, &m);
	if (rc == 0)
		rc = isolated_since(db, h, &msg.since_ms);
	if (rc != 0)
		return rc;
	msg.run_id = (char *)(uintptr_t)run_id;
	msg.checks = (char **)(uintptr_t)p->check;
	msg.n_checks = p->n;
	if (m.there) {
		msg.manifest_id = m.id;
		msg.manifest_digest.data = m.digest;
		msg.manifest_digest.len = sizeof(m.digest);
		msg.manifest_signature.data = m.signature;
		msg.manifest_signature.len = sizeof(m.signature);
	}
	return send_trees(db, h, p, &msg);
}

static int
plan_start(struct db *db, const struct host *h, const struct run_plan *p,
    const char *who, char run_id[ID_MAX])
{
	char id[ID_MAX];
	size_t i;
	int rc;

	id_new(id, "R", 10);
	rc = db_run(db, NULL,
	    "INSERT INTO runs (run_id, host_id, case_id, kind, asked_by, "
	    "asked_at) VALUES ($1, $2, $3, $4, $5, $6)",
	    "sssssi", id, h->host_id, h->case_id, p->kind, who, db_now(db));
	for (i = 0; rc == 0 && i < p->n; i++)
		rc = db_run(db, NULL,
		    "INSERT INTO run_checks (run_id, check_id, must) "
		    "VALUES ($1, $2, 1)", "ss", id, p->check[i]);
	if (rc == 0)
		rc = run_send(db, h, p, id);
	if (rc == 0)
		rc = audit_add(db,
		    &(struct audit_entry){.who = who, .what = "run.start",
		    .host = h->name, .case_id = h->case_id, .object = id},
		    "%s of %zu checks%s%s", p->kind, p->n,
		    p->tree != NULL ? ": " : "",
		    p->tree != NULL ? p->tree : "");
	if (rc == 0)
		memcpy(run_id, id, ID_MAX);
	return rc;
}

int
run_start(struct db *db, const struct cases_settings *s, const struct host *h,
    const char *kind, const char *who, char run_id[ID_MAX])
{
	struct run_plan p;

	plan_checks(s, kind, &p);
	return plan_start(db, h, &p, who, run_id);
}

/* What a gate and a re-check ask of host and actor alike. */
static int
run_allowed(struct db *db, const char *host_id, const struct actor *actor,
    uint32_t roles, struct host *h, struct refused *refused)
{
	int64_t running = 0;
	int rc;

	rc = find_host(db, host_id, h, refused);
	if (rc != 0)
		return rc;
	if ((actor->roles & roles) == 0)
		return refused_set(refused, REFUSAL_ROLE,
		    "Ask someone with the role verifier.",
		    "%s may not run checks", actor->name);
	if (!h->online)
		return refused_set(refused, REFUSAL_STATE,
		    "Try again when the host is online.",
		    "%s is not connected", h->name);
	rc = db_one_int(db, &running,
	    "SELECT count(*) FROM runs WHERE host_id = $1 AND done_at = 0 "
	    "AND asked_at > $2", "si", h->host_id,
	    db_now(db) - RUN_TIMEOUT_MS);
	if (rc != 0)
		return rc;
	if (running > 0)
		return refused_set(refused, REFUSAL_CONFLICT,
		    "Wait for it to end.", "checks of %s are running already",
		    h->name);
	return 0;
}

int
gate_run(struct db *db, const struct cases_settings *s, const char *host_id,
    const struct actor *actor, char run_id[ID_MAX], struct refused *refused)
{
	struct host h;
	int rc;

	rc = run_allowed(db, host_id, actor, ROLES_VERIFY, &h, refused);
	if (rc != 0)
		return rc;
	if (h.stage != STAGE_RECOVERING && h.stage != STAGE_VERIFYING)
		return refused_set(refused, REFUSAL_STAGE,
		    h.stage == STAGE_CONTAINED ?
		    "Start the recovery first: cordonctl recover HOST" :
		    "The gate is for hosts that are being recovered.",
		    "%s is %s", h.name, word_name(WORDS_STAGE, (int)h.stage));
	rc = stage_set(db, h.host_id, STAGE_VERIFYING, actor->name,
	    "the gate runs");
	if (rc == 0)
		rc = run_start(db, s, &h, RUN_GATE, actor->name, run_id);
	return rc;
}

int
recheck_run(struct db *db, const struct cases_settings *s,
    const char *host_id, const struct actor *actor, char run_id[ID_MAX],
    struct refused *refused)
{
	struct host h;
	int rc;

	rc = run_allowed(db, host_id, actor, ROLES_CHECK, &h, refused);
	if (rc != 0)
		return rc;
	rc = run_start(db, s, &h,
	    h.stage == STAGE_PROBATION ? RUN_PROBATION : RUN_CHECK,
	    actor->name, run_id);
	if (rc == 0 && h.stage == STAGE_PROBATION)
		rc = recheck_bind(db, h.host_id, run_id);
	return rc;
}

int
tree_check(struct db *db, const char *host_id, const char *tree,
    const struct actor *actor, char run_id[ID_MAX], struct refused *refused)
{
	struct run_plan p = {.kind = RUN_TREE, .check = {"G03", "G04"},
	    .n = 2, .tree = tree};
	struct tree_row *row;
	struct host h;
	size_t n, i;
	int rc;

	rc = run_allowed(db, host_id, actor, ROLES_CHECK |
	    1u << ROLE_BASELINE, &h, refused);
	if (rc != 0)
		return rc;
	row = calloc(TREES_MAX, sizeof(*row));
	rc = row == NULL ? ERR_NOMEM : tree_holds(db, &h, row, &n);
	for (i = 0; rc == 0 && i < n; i++)
		if (!row[i].retired && strcmp(row[i].tree, tree) == 0)
			break;
	if (rc == 0 && i == n)
		rc = refused_set(refused, REFUSAL_NOT_FOUND,
		    "List them with: cordonctl manifest list",
		    "no signed manifest of that tree holds for %s", h.name);
	free(row);
	return rc == 0 ? plan_start(db, &h, &p, actor->name, run_id) : rc;
}

/* What is no UTF-8 is quoted: a name must not hide by its bytes. */
static json_t *
text_json(const char *text)
{
	char quoted[1024];
	json_t *j = json_string(text);

	return j != NULL ? j : json_string(log_quote(quoted, sizeof(quoted),
	    text, strlen(text)));
}

/* Findings as a JSON list; the caller frees.  NULL: no memory. */
static char *
findings_json(const Cordon__CheckResult *r)
{
	json_t *list = json_array(), *one;
	char *text;
	size_t i;

	for (i = 0; i < r->n_findings && i < FINDINGS_MAX; i++) {
		const Cordon__Finding *f = r->findings[i];

		one = json_object();
		json_object_set_new(one, "code", text_json(f->code));
		json_object_set_new(one, "object", text_json(f->object));
		json_object_set_new(one, "was", text_json(f->was));
		json_object_set_new(one, "now", text_json(f->now));
		json_array_append_new(list, one);
	}
	text = json_dumps(list, JSON_COMPACT);
	json_decref(list);
	return text;
}

static int
check_store(struct db *db, const Cordon__CheckResult *r)
{
	char *findings = findings_json(r);
	enum outcome o = OUTCOME_UNKNOWN;
	int rc;

	if (findings == NULL)
		return ERR_NOMEM;
	if (r->outcome == CORDON__CHECK_OUTCOME__CHECK_PASS)
		o = OUTCOME_PASS;
	else if (r->outcome == CORDON__CHECK_OUTCOME__CHECK_FAIL)
		o = OUTCOME_FAIL;
	rc = db_run(db, NULL,
	    "UPDATE run_checks SET outcome = $1, text = $2, findings = $3, "
	    "at = $4 WHERE run_id = $5 AND check_id = $6 AND outcome = 0",
	    "ississ", (int64_t)o, r->text, findings, db_now(db), r->run_id,
	    r->check_id);
	free(findings);
	return rc;
}

int
run_outcome(struct db *db, const char *run_id, enum outcome *out)
{
	int64_t open = 0, failed = 0, unknown = 0;
	struct db_rows *r;
	int rc;

	r = db_query(db,
	    "SELECT outcome FROM run_checks WHERE run_id = $1 AND must = 1",
	    "s", run_id);
	if (r == NULL)
		return ERR_IO;
	while ((rc = db_next(r)) == 1) {
		open += db_int(r, 0) == OUTCOME_NONE;
		failed += db_int(r, 0) == OUTCOME_FAIL;
		unknown += db_int(r, 0) == OUTCOME_UNKNOWN;
	}
	db_end(&r);
	if (rc != 0)
		return rc;
	*out = failed > 0 ? OUTCOME_FAIL : open > 0 ? OUTCOME_NONE :
	    unknown > 0 ? OUTCOME_UNKNOWN : OUTCOME_PASS;
	return 0;
}

int
run_load(struct db *db, const char *run_id, const char *host_id,
    struct run *run)
{
	struct db_rows *r;
	int rc;

	rc = db_row(db, &r,
	    "SELECT kind, asked_by, done_at, outcome, case_id FROM runs "
	    "WHERE run_id = $1 AND host_id = $2", "ss", run_id, host_id);
	if (rc != 0)
		return rc;
	snprintf(run->run_id, sizeof(run->run_id), "%s", run_id);
	db_copy(r, 0, run->kind, sizeof(run->kind));
	db_copy(r, 1, run->asked_by, sizeof(run->asked_by));
	run->done_at = db_int(r, 2);
	run->outcome = (enum outcome)db_int(r, 3);
	db_copy(r, 4, run->case_id, sizeof(run->case_id));
	db_end(&r);
	return 0;
}

int
run_find(struct db *db, const char *run_id, struct host *h, struct run *run,
    enum outcome *out)
{
	char host_id[ID_MAX];
	struct db_rows *r;
	int rc;

	rc = db_row(db, &r, "SELECT host_id FROM runs WHERE run_id = $1", "s",
	    run_id);
	if (rc != 0)
		return rc;
	db_copy(r, 0, host_id, sizeof(host_id));
	db_end(&r);
	rc = hosts_get(db, host_id, h);
	if (rc == 0)
		rc = run_load(db, run_id, h->host_id, run);
	return rc == 0 ? run_outcome(db, run_id, out) : rc;
}

int
run_finish(struct db *db, const struct host *h, const struct run *run,
    enum outcome outcome)
{
	const char *word = word_name(WORDS_OUTCOME, (int)outcome);
	int rc;

	rc = db_run(db, NULL,
	    "UPDATE run_checks SET outcome = $1, at = $2, "
	    "text = 'not answered' WHERE run_id = $3 AND outcome = $4",
	    "iisi", (int64_t)OUTCOME_UNKNOWN, db_now(db), run->run_id,
	    (int64_t)OUTCOME_NONE);
	if (rc == 0)
		rc = db_run(db, NULL,
		    "UPDATE runs SET done_at = $1, outcome = $2 "
		    "WHERE run_id = $3", "iis", db_now(db), (int64_t)outcome,
		    run->run_id);
	if (rc == 0)
		rc = audit_add(db,
		    &(struct audit_entry){.who = run->asked_by,
		    .what = "run.done", .host = h->name,
		    .case_id = run->case_id, .object = run->run_id},
		    "%s: %s", run->kind, word);
	if (rc != 0)
		return rc;
	if (strcmp(run->kind, RUN_GATE) == 0) {
		if (outcome != OUTCOME_PASS && h->stage == STAGE_VERIFYING)
			return stage_set(db, h->host_id, STAGE_RECOVERING,
			    ACTOR_SYSTEM, "the gate did not pass");
		return 0;
	}
	return recheck_done(db, h->host_id, run->run_id, outcome);
}

int
check_result(struct db *db, const struct cases_settings *s,
    const char *host_id, const Cordon__CheckResult *r, bool *relapse)
{
	enum outcome before, outcome;
	struct run run;
	struct host h;
	int rc;

	(void)s;
	*relapse = false;
	rc = hosts_get(db, host_id, &h);
	if (rc == 0)
		rc = run_load(db, r->run_id, h.host_id, &run);
	if (rc != 0)
		return rc == ERR_NOENT ? 0 : rc;
	if (run.done_at != 0)
		return 0; /* late: the run has ended */
	rc = run_outcome(db, run.run_id, &before);
	if (rc == 0)
		rc = check_store(db, r);
	if (rc == 0)
		rc = run_outcome(db, run.run_id, &outcome);
	if (rc != 0)
		return rc;
	/* by the first red one: a host can keep back the end of a run */
	*relapse = h.stage == STAGE_PROBATION &&
	    strcmp(run.kind, RUN_GATE) != 0 &&
	    strcmp(run.kind, RUN_TREE) != 0 && before != OUTCOME_FAIL &&
	    outcome == OUTCOME_FAIL;
	if (r->last && outcome == OUTCOME_NONE)
		outcome = OUTCOME_UNKNOWN; /* it left some unanswered */
	if (outcome == OUTCOME_NONE || (!r->last && outcome == OUTCOME_FAIL))
		return 0; /* wait for the rest, so that all of it is shown */
	return run_finish(db, &h, &run, outcome);
}

/* A run that has ended passes after all: what its end had held back. */
static int
run_waived(struct db *db, const struct host *h, const struct run *run,
    const char *who)
{
	if (strcmp(run->kind, RUN_GATE) != 0)
		return recheck_done(db, h->host_id, run->run_id,
		    OUTCOME_PASS);
	/* only the gate that sent it back to recovering, just then */
	if (h->stage != STAGE_RECOVERING || h->stage_since != run->done_at)
		return 0;
	return stage_set(db, h->host_id, STAGE_VERIFYING, who,
	    "the gate passed by a waiver");
}

/* Look at a run again, one of whose checks was waived. */
static int
run_again(struct db *db, const char *run_id, const char *who)
{
	enum outcome outcome;
	struct run run;
	struct host h;
	int rc;

	rc = run_find(db, run_id, &h, &run, &outcome);
	if (rc != 0 || run.done_at == 0)
		return rc;
	rc = db_run(db, NULL, "UPDATE runs SET outcome = $1 WHERE run_id = $2",
	    "is", (int64_t)outcome, run_id);
	if (rc == 0 && outcome == OUTCOME_PASS)
		rc = run_waived(db, &h, &run, who);
	return rc;
}

int
check_waive(struct db *db, const char *run_id, const char *check_id,
    const struct actor *actor, const char *reason, struct refused *refused)
{
	int64_t changed = 0;
	int rc;

	if ((actor->roles & 1u << ROLE_COMMANDER) == 0)
		return refused_set(refused, REFUSAL_ROLE,
		    "Ask a commander.", "%s may not waive a check",
		    actor->name);
	if (reason == NULL || strlen(reason) < REASON_MIN)
		return refused_set(refused, REFUSAL_REASON,
		    "Say why, in ten characters or more.",
		    "the reason is too short");
	rc = db_run(db, &changed,
	    "UPDATE run_checks SET outcome = $1, waived_by = $2, waiver = $3 "
	    "WHERE run_id = $4 AND check_id = $5 AND outcome IN (2, 3)",
	    "issss", (int64_t)OUTCOME_WAIVED, actor->name, reason, run_id,
	    check_id);
	if (rc != 0)
		return rc;
	if (changed == 0)
		return refused_set(refused, REFUSAL_NOT_FOUND,
		    "Look at the run with: cordonctl verify --show RUN",
		    "run %s has no failed or unknown check %s", run_id,
		    check_id);
	rc = audit_add(db,
	    &(struct audit_entry){.who = actor->name,
	    .what = "check.waive", .object = run_id},
	    "%s waived: %s", check_id, reason);
	return rc == 0 ? run_again(db, run_id, actor->name) : rc;
}

bool
gate_passed(struct db *db, const struct cases_settings *s,
    const char *host_id, char *why, size_t size)
{
	bool passed = false;
	struct db_rows *r;
	int64_t age;

	r = db_query(db,
	    "SELECT run_id, outcome, done_at FROM runs WHERE host_id = $1 "
	    "AND kind = 'gate' ORDER BY asked_at DESC LIMIT 1", "s", host_id);
	if (r == NULL || db_next(r) != 1) {
		snprintf(why, size, "no gate was run");
	} else if (db_int(r, 2) == 0) {
		snprintf(why, size, "gate %s is still running", db_text(r, 0));
	} else if (db_int(r, 1) != OUTCOME_PASS) {
		snprintf(why, size, "gate %s: %s", db_text(r, 0),
		    word_name(WORDS_OUTCOME, (int)db_int(r, 1)));
	} else {
		age = (db_now(db) - db_int(r, 2)) / 1000;
		passed = age <= s->gate_age_seconds;
		if (!passed)
			snprintf(why, size, "gate %s is older than %lld h",
			    db_text(r, 0),
			    (long long)(s->gate_age_seconds / 3600));
	}
	db_end(&r);
	return passed;
}
