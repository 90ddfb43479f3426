/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The small collector of the tests of server/orders, with the settings and
 * the calls of server/cases; each call is one job of the store.
 */
#ifndef TESTS_UNIT_SERVER_CASES_WORLD_H
#define TESTS_UNIT_SERVER_CASES_WORLD_H

#include "tests/unit/server/orders/orders_agents.h"

#include "server/cases/cases.h"

#define REASON "because the test says so"
#define MAY(r) (1u << (unsigned int)(r))
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct cases_settings set;
static bool signer_refuses;

static int
sign_manifest(void *arg, const char *manifest_id, const uint8_t digest[32],
    uint8_t sig[64], struct why *why)
{
	(void)arg;
	(void)manifest_id;
	if (signer_refuses)
		return why_set(why, ERR_CLOSED, "the signer is away");
	return sign_make(w.key, MANIFEST_CONTEXT, digest, 32, sig);
}

/* Three checks; re-checks after 1 h and 4 h, missed 30 min later. */
UNUSED static int
cases_up(void **state)
{
	world_up(state);
	signer_refuses = false;
	set = (struct cases_settings){
	    .gate = {"G01", "G02", "G03"}, .ngate = 3,
	    .rechecks = {{"h1", 3600}, {"h4", 14400}}, .nrechecks = 2,
	    .gate_age_seconds = 86400, .recheck_late_seconds = 1800,
	    .sign_manifest = sign_manifest};
	add_host("a", "fin", TIER_T2);
	add_host("b", "fin", TIER_T2);
	sql("UPDATE hosts SET answers = 'trees'");
	add_fleet(200);
	return 0;
}

#define CASES_TEST(f) cmocka_unit_test_setup_teardown(f, cases_up, world_down)

UNUSED static struct actor
person(const char *name, uint32_t roles)
{
	struct actor a = {.roles = roles, .created_at = 1};

	snprintf(a.name, sizeof(a.name), "%s", name);
	snprintf(a.grp, sizeof(a.grp), "*");
	return a;
}

/* One call; FN is a few lines that pass on what it needs of this. */
struct go {
	const char *host, *id, *check, *text;
	struct actor actor;
	enum stage to;
	struct case_row c;
	const void *msg;
	int64_t at;
	char out[ID_MAX];
	char why[TEXT_MAX_LEN];
	bool flag;
};

UNUSED static int
go(store_job_fn *fn, struct go *g)
{
	memset(&w.no, 0, sizeof(w.no));
	return store_now(w.store, fn, g);
}

/* The call was refused with CODE, and says what to do next. */
#define REFUSED(rc, want) \
	do { \
		assert_int_equal(rc, ERR_PERM); \
		assert_int_equal(w.no.code, want); \
		assert_string_not_equal(w.no.text, ""); \
		assert_string_not_equal(w.no.next, ""); \
	} while (0)

UNUSED static void
put_stage(const char *name, enum stage s)
{
	sql("UPDATE hosts SET stage = %d, stage_since = %lld WHERE name = "
	    "'%s'", (int)s, (long long)w.clock.wall_ms, name);
}

/* -- calls ----------------------------------------------------------------- */

static int
stage_job(struct db *db, void *arg)
{
	struct go *g = arg;

	return stage_set(db, g->host, g->to, "li", "test");
}

UNUSED static int
move(const char *name, enum stage to)
{
	struct go g = {.host = name, .to = to};

	return go(stage_job, &g);
}

static int
open_job(struct db *db, void *arg)
{
	struct go *g = arg;

	return case_open(db, g->text, &g->actor, &g->c, &w.no);
}

static int
add_job(struct db *db, void *arg)
{
	struct go *g = arg;

	return case_add_host(db, g->id, g->host, "li");
}

UNUSED static int
scope(const char *case_id, const char *name)
{
	struct go g = {.id = case_id, .host = name};

	return go(add_job, &g);
}

/* A case with the host in its scope; lent until the next call. */
UNUSED static const char *
case_with(const char *name)
{
	static struct go g;

	g = (struct go){.text = "ransom note seen",
	    .actor = person("li", MAY(ROLE_RESPONDER))};
	assert_int_equal(go(open_job, &g), 0);
	if (name != NULL)
		assert_int_equal(scope(g.c.case_id, name), 0);
	return g.c.case_id;
}

static int
gate_job(struct db *db, void *arg)
{
	struct go *g = arg;

	return gate_run(db, &set, g->host, &g->actor, g->out, &w.no);
}

static int
recheck_job(struct db *db, void *arg)
{
	struct go *g = arg;

	return recheck_run(db, &set, g->host, &g->actor, g->out, &w.no);
}

/* The gate of a host in recovery; lent run id. */
UNUSED static const char *
gate(const char *name)
{
	static struct go g;

	g = (struct go){.host = name,
	    .actor = person("ver", MAY(ROLE_VERIFIER))};
	assert_int_equal(go(gate_job, &g), 0);
	return g.out;
}

UNUSED static const char *
recheck(const char *name)
{
	static struct go g;

	g = (struct go){.host = name,
	    .actor = person("ana", MAY(ROLE_ANALYST))};
	assert_int_equal(go(recheck_job, &g), 0);
	return g.out;
}

static int
result_job(struct db *db, void *arg)
{
	struct go *g = arg;

	return check_result(db, &set, g->host, g->msg, &g->flag);
}

/* One result; true: a relapse. */
UNUSED static bool
result(const char *host_id, const char *run_id, const char *check,
    Cordon__CheckOutcome outcome, bool last)
{
	Cordon__CheckResult r = CORDON__CHECK_RESULT__INIT;
	struct go g = {.host = host_id, .msg = &r};

	r.run_id = (char *)run_id;
	r.check_id = (char *)check;
	r.outcome = outcome;
	r.text = (char *)"as told";
	r.last = last;
	assert_int_equal(go(result_job, &g), 0);
	return g.flag;
}

#define PASS CORDON__CHECK_OUTCOME__CHECK_PASS
#define FAIL CORDON__CHECK_OUTCOME__CHECK_FAIL
#define UNKNOWN CORDON__CHECK_OUTCOME__CHECK_UNKNOWN

/* All three answer OUTCOME. */
UNUSED static bool
answer_all(const char *host_id, const char *run_id,
    Cordon__CheckOutcome outcome)
{
	bool relapse = result(host_id, run_id, "G01", outcome, false);

	relapse |= result(host_id, run_id, "G02", outcome, false);
	relapse |= result(host_id, run_id, "G03", outcome, true);
	return relapse;
}

UNUSED static int64_t
run_state(const char *run_id)
{
	return sql_int("SELECT outcome FROM runs WHERE run_id = '%s'",
	    run_id);
}

UNUSED static bool
run_ended(const char *run_id)
{
	return sql_int("SELECT done_at FROM runs WHERE run_id = '%s'",
	    run_id) != 0;
}

static int
passed_job(struct db *db, void *arg)
{
	struct go *g = arg;

	g->flag = gate_passed(db, &set, g->host, g->why, sizeof(g->why));
	return 0;
}

/* "" passed, else why not; lent. */
UNUSED static const char *
gate_says(const char *host_id)
{
	static struct go g;

	g = (struct go){.host = host_id};
	assert_int_equal(go(passed_job, &g), 0);
	assert_int_equal(g.flag, g.why[0] == '\0');
	return g.why;
}

static int
cases_tick_job(struct db *db, void *arg)
{
	(void)arg;
	return cases_tick(db, &set);
}

UNUSED static void
clock_ticks(int64_t ms)
{
	tick_clock(ms);
	assert_int_equal(store_now(w.store, cases_tick_job, NULL), 0);
}

#endif
