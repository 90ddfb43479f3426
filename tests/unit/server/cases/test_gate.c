/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gate: who may run it, what answers count, waivers, age. */
#include "tests/unit/server/cases/cases_world.h"

#include "server/cases/run.h"

static char case_a[ID_MAX];

/* Host a is in recovery in a case. */
static int
up(void **state)
{
	cases_up(state);
	snprintf(case_a, sizeof(case_a), "%s", case_with("a"));
	put_stage("a", STAGE_RECOVERING);
	return 0;
}

#define UP_TEST(f) cmocka_unit_test_setup_teardown(f, up, world_down)

static enum stage
stage(void)
{
	return host("a").stage;
}

static int64_t
check_of(const char *run_id, const char *check)
{
	return sql_int("SELECT outcome FROM run_checks WHERE run_id = '%s' "
	    "AND check_id = '%s'", run_id, check);
}

static int
gate_as(const char *name, uint32_t roles)
{
	struct go g = {.host = name, .actor = person("ver", roles)};

	return go(gate_job, &g);
}

static void
test_refusals(void **state)
{
	static const struct {
		enum stage stage;
		const char *next;
	} not_from[] = {
		{STAGE_NORMAL, "The gate is for"},
		{STAGE_CONTAINED, "Start the recovery first"},
		{STAGE_PROBATION, "The gate is for"},
		{STAGE_RETIRED, "The gate is for"},
	};
	size_t i;

	(void)state;
	REFUSED(gate_as("nobody", MAY(ROLE_VERIFIER)), REFUSAL_NOT_FOUND);
	REFUSED(gate_as("a", MAY(ROLE_ANALYST)), REFUSAL_ROLE);
	for (i = 0; i < COUNT(not_from); i++) {
		put_stage("a", not_from[i].stage);
		REFUSED(gate_as("a", MAY(ROLE_VERIFIER)), REFUSAL_STAGE);
		assert_non_null(strstr(w.no.next, not_from[i].next));
	}
	put_stage("a", STAGE_RECOVERING);
	sql("UPDATE hosts SET online = 0");
	REFUSED(gate_as("a", MAY(ROLE_VERIFIER)), REFUSAL_STATE);
	sql("UPDATE hosts SET online = 1");
	assert_int_equal(gate_as("a", MAY(ROLE_RECOVERY)), 0);
	REFUSED(gate_as("a", MAY(ROLE_VERIFIER)), REFUSAL_CONFLICT);
	assert_int_equal(sql_int("SELECT count(*) FROM runs"), 1);
}

/* What the agent is asked, with the manifest if it is whole and signed. */
static void
test_asked(void **state)
{
	static const struct {
		const char *sum, *sig;
		bool there;
	} t[] = {
		{"repeat('', 0)", "NULL", false},
		{"hex(zeroblob(32))", "zeroblob(64)", true},
		{"hex(zeroblob(32))", "zeroblob(63)", false},
		{"hex(zeroblob(31))", "zeroblob(64)", false},
	};
	size_t i;

	(void)state;
	sql("INSERT INTO orders (order_id, host_id, epoch, plan_id, case_id, "
	    "profile, state, signed, created_at) VALUES ('O-1', 'H-a', 1, "
	    "'P-1', '%s', 2, 2, x'00', 4711)", case_a);
	for (i = 0; i < COUNT(t); i++) {
		Cordon__CheckRun *m;
		const struct sent *s;
		char id[ID_MAX];

		if (i > 0) {
			sql("INSERT INTO manifests (manifest_id, host_id, "
			    "asked_by, asked_at, sha256, signature) VALUES "
			    "('M-%zu', 'H-a', 'bas', 1, %s, %s)", i,
			    t[i].sum, t[i].sig);
			sql("UPDATE hosts SET manifest_id = 'M-%zu'", i);
		}
		snprintf(id, sizeof(id), "%s", gate("a"));
		s = last_sent("H-a", FRAME_CHECK_RUN);
		assert_non_null(s);
		m = cordon__check_run__unpack(NULL, s->len, s->data);
		assert_non_null(m);
		assert_string_equal(m->run_id, id);
		assert_int_equal(m->n_checks, 3);
		assert_string_equal(m->checks[2], "G03");
		assert_int_equal(m->since_ms, 4711);
		assert_int_equal(m->manifest_id[0] != '\0', t[i].there);
		assert_int_equal(m->manifest_signature.len,
		    t[i].there ? 64 : 0);
		cordon__check_run__free_unpacked(m, NULL);
		answer_all("H-a", id, FAIL);
	}
}

static void
test_pass(void **state)
{
	const char *id = gate("a");

	(void)state;
	assert_int_equal(stage(), STAGE_VERIFYING);
	assert_non_null(strstr(gate_says("H-a"), "still running"));
	result("H-a", id, "G01", PASS, false);
	result("H-a", id, "G02", PASS, false);
	assert_false(run_ended(id));
	/* all are there: the end need not be awaited */
	result("H-a", id, "G03", PASS, false);
	assert_true(run_ended(id));
	assert_int_equal(run_state(id), OUTCOME_PASS);
	assert_int_equal(stage(), STAGE_VERIFYING);
	assert_string_equal(gate_says("H-a"), "");
	assert_int_equal(audited("run.done"), 1);
}

/* Answers in order of G01, G02, G03: p, f, u, x is anything else, - none. */
static void
test_outcomes(void **state)
{
	static const struct {
		const char *said;
		enum outcome want;
	} t[] = {
		{"ppp", OUTCOME_PASS}, {"ppf", OUTCOME_FAIL},
		{"fpp", OUTCOME_FAIL}, {"upp", OUTCOME_UNKNOWN},
		{"xpp", OUTCOME_UNKNOWN}, {"ufu", OUTCOME_FAIL},
		{"-pp", OUTCOME_UNKNOWN}, {"-fp", OUTCOME_FAIL},
		{"--p", OUTCOME_UNKNOWN}, {"---", OUTCOME_UNKNOWN},
	};
	static const char *const check[] = {"G01", "G02", "G03"};
	size_t i, k;

	(void)state;
	for (i = 0; i < COUNT(t); i++) {
		char id[ID_MAX];

		snprintf(id, sizeof(id), "%s", gate("a"));
		for (k = 0; k < 3; k++) {
			char c = t[i].said[k];

			if (c != '-')
				result("H-a", id, check[k], c == 'p' ? PASS :
				    c == 'f' ? FAIL : c == 'u' ? UNKNOWN :
				    (Cordon__CheckOutcome)77, false);
		}
		if (!run_ended(id)) /* the last word, of no check of ours */
			result("H-a", id, "G99", PASS, true);
		assert_int_equal(run_state(id), t[i].want);
		assert_int_equal(stage(), t[i].want == OUTCOME_PASS ?
		    STAGE_VERIFYING : STAGE_RECOVERING);
		assert_int_equal(gate_says("H-a")[0] == '\0',
		    t[i].want == OUTCOME_PASS);
		for (k = 0; k < 3; k++)
			if (t[i].said[k] == '-')
				assert_int_equal(check_of(id, check[k]),
				    OUTCOME_UNKNOWN);
		assert_int_equal(sql_int("SELECT count(*) FROM run_checks "
		    "WHERE check_id = 'G99'"), 0);
		tick_clock(1000);
	}
}

static void
test_repeated_late_and_foreign(void **state)
{
	char id[ID_MAX];

	(void)state;
	snprintf(id, sizeof(id), "%s", gate("a"));
	result("H-a", id, "G01", FAIL, false);
	result("H-a", id, "G01", PASS, false); /* the first answer stands */
	assert_int_equal(check_of(id, "G01"), OUTCOME_FAIL);
	result("H-b", id, "G02", PASS, true); /* not its run */
	result("H-none", id, "G02", PASS, true);
	result("H-a", "R-NONE", "G02", PASS, true);
	assert_int_equal(check_of(id, "G02"), OUTCOME_NONE);
	assert_false(run_ended(id));
	result("H-a", id, "G02", PASS, false);
	result("H-a", id, "G03", PASS, false);
	assert_false(run_ended(id)); /* red: waits for the rest */
	result("H-a", id, "G03", PASS, true);
	assert_int_equal(run_state(id), OUTCOME_FAIL);
	result("H-a", id, "G01", PASS, true); /* late */
	assert_int_equal(check_of(id, "G01"), OUTCOME_FAIL);
	assert_int_equal(run_state(id), OUTCOME_FAIL);
	assert_int_equal(audited("run.done"), 1);
}

/* Findings are bounded; what is no text leaves the rest readable. */
static void
test_findings(void **state)
{
	Cordon__CheckResult r = CORDON__CHECK_RESULT__INIT;
	Cordon__Finding one[300], *list[300];
	struct go g = {.host = "H-a", .msg = &r};
	char id[ID_MAX];
	size_t i;

	(void)state;
	snprintf(id, sizeof(id), "%s", gate("a"));
	for (i = 0; i < COUNT(one); i++) {
		cordon__finding__init(&one[i]);
		one[i].code = (char *)"file.changed";
		one[i].object = (char *)(i == 0 ? "a\xff\x01" "b" : "\"x\"");
		list[i] = &one[i];
	}
	r.run_id = id;
	r.check_id = (char *)"G02";
	r.outcome = FAIL;
	r.findings = list;
	r.n_findings = COUNT(one);
	assert_int_equal(go(result_job, &g), 0);
	assert_int_equal(sql_int("SELECT json_array_length(findings) FROM "
	    "run_checks WHERE check_id = 'G02'"), 200);
	assert_string_equal(sql_text("SELECT json_extract(findings, "
	    "'$[1].object') FROM run_checks WHERE check_id = 'G02'"),
	    "\"x\"");
	assert_string_equal(sql_text("SELECT json_extract(findings, "
	    "'$[0].object') FROM run_checks WHERE check_id = 'G02'"),
	    "a\\xff\\x01b");
}

static void
test_age(void **state)
{
	(void)state;
	assert_string_equal(gate_says("H-a"), "no gate was run");
	answer_all("H-a", gate("a"), PASS);
	tick_clock(set.gate_age_seconds * 1000);
	assert_string_equal(gate_says("H-a"), "");
	assert_string_equal(gate_says("H-b"), "no gate was run");
	tick_clock(1000);
	assert_non_null(strstr(gate_says("H-a"), "older than 24 h"));
	/* the newest counts, whatever the one before it said */
	answer_all("H-a", gate("a"), FAIL);
	assert_non_null(strstr(gate_says("H-a"), "fail"));
	tick_clock(1000);
	answer_all("H-a", gate("a"), PASS);
	assert_string_equal(gate_says("H-a"), "");
}

/* Nobody answers: unknown in the end, and the host may try again. */
static void
test_silent(void **state)
{
	char id[ID_MAX];

	(void)state;
	snprintf(id, sizeof(id), "%s", gate("a"));
	result("H-a", id, "G01", PASS, false);
	clock_ticks(RUN_TIMEOUT_MS);
	assert_false(run_ended(id));
	clock_ticks(1);
	assert_int_equal(run_state(id), OUTCOME_UNKNOWN);
	assert_int_equal(check_of(id, "G01"), OUTCOME_PASS);
	assert_int_equal(check_of(id, "G02"), OUTCOME_UNKNOWN);
	assert_int_equal(stage(), STAGE_RECOVERING);
	gate("a");
	assert_int_equal(stage(), STAGE_VERIFYING);
}

/* A red one was said, then silence: red, not unknown. */
static void
test_silent_after_red(void **state)
{
	const char *id = gate("a");

	(void)state;
	result("H-a", id, "G01", FAIL, false);
	clock_ticks(RUN_TIMEOUT_MS + 1);
	assert_int_equal(run_state(id), OUTCOME_FAIL);
}

/* -- waivers --------------------------------------------------------------- */

static int
waive_job(struct db *db, void *arg)
{
	struct go *g = arg;

	return check_waive(db, g->id, g->check, &g->actor, g->text, &w.no);
}

static int
waive_as(const char *run_id, const char *check, uint32_t roles,
    const char *reason)
{
	struct go g = {.id = run_id, .check = check, .text = reason,
	    .actor = person("chen", roles)};

	return go(waive_job, &g);
}

static int
waive(const char *run_id, const char *check)
{
	return waive_as(run_id, check, MAY(ROLE_COMMANDER), REASON);
}

static void
test_waive_refusals(void **state)
{
	char id[ID_MAX];

	(void)state;
	snprintf(id, sizeof(id), "%s", gate("a"));
	result("H-a", id, "G01", PASS, false);
	result("H-a", id, "G02", FAIL, false);
	REFUSED(waive_as(id, "G02", MAY(ROLE_VERIFIER) | MAY(ROLE_RECOVERY),
	    REASON), REFUSAL_ROLE);
	REFUSED(waive_as(id, "G02", MAY(ROLE_COMMANDER), NULL),
	    REFUSAL_REASON);
	REFUSED(waive_as(id, "G02", MAY(ROLE_COMMANDER), "too short"),
	    REFUSAL_REASON);
	REFUSED(waive(id, "G01"), REFUSAL_NOT_FOUND); /* it passed */
	REFUSED(waive(id, "G03"), REFUSAL_NOT_FOUND); /* not answered yet */
	REFUSED(waive(id, "G99"), REFUSAL_NOT_FOUND);
	REFUSED(waive("R-NONE", "G02"), REFUSAL_NOT_FOUND);
	assert_int_equal(audited("check.waive"), 0);
}

static void
test_waive_while_running(void **state)
{
	char id[ID_MAX];

	(void)state;
	snprintf(id, sizeof(id), "%s", gate("a"));
	result("H-a", id, "G01", FAIL, false);
	assert_int_equal(waive(id, "G01"), 0);
	assert_false(run_ended(id));
	result("H-a", id, "G01", FAIL, false); /* waived it stays */
	result("H-a", id, "G02", PASS, false);
	result("H-a", id, "G03", PASS, true);
	assert_int_equal(run_state(id), OUTCOME_PASS);
	assert_int_equal(stage(), STAGE_VERIFYING);
	assert_int_equal(check_of(id, "G01"), OUTCOME_WAIVED);
}

/* The gate failed and the host went back: waived, it has passed. */
static void
test_waive_after_the_end(void **state)
{
	char id[ID_MAX];

	(void)state;
	snprintf(id, sizeof(id), "%s", gate("a"));
	result("H-a", id, "G01", FAIL, false);
	result("H-a", id, "G02", UNKNOWN, true); /* and no word of G03 */
	assert_int_equal(stage(), STAGE_RECOVERING);
	tick_clock(1000);
	assert_int_equal(waive(id, "G01"), 0);
	assert_int_equal(run_state(id), OUTCOME_UNKNOWN);
	assert_int_equal(waive(id, "G02"), 0);
	assert_int_equal(stage(), STAGE_RECOVERING);
	assert_int_equal(waive(id, "G03"), 0);
	assert_int_equal(run_state(id), OUTCOME_PASS);
	assert_int_equal(stage(), STAGE_VERIFYING);
	assert_string_equal(gate_says("H-a"), "");
	assert_int_equal(audited("check.waive"), 3);
	assert_string_equal(sql_text("SELECT waiver FROM run_checks WHERE "
	    "check_id = 'G01'"), REASON);
}

/* A waiver of an older run moves nothing. */
static void
test_waive_too_late(void **state)
{
	char old[ID_MAX];

	(void)state;
	snprintf(old, sizeof(old), "%s", gate("a"));
	answer_all("H-a", old, PASS);
	tick_clock(1000);
	snprintf(old, sizeof(old), "%s", gate("a"));
	result("H-a", old, "G01", FAIL, false);
	result("H-a", old, "G02", PASS, false);
	result("H-a", old, "G03", PASS, true);
	tick_clock(1000);
	assert_int_equal(move("a", STAGE_CONTAINED), 0);
	assert_int_equal(move("a", STAGE_RECOVERING), 0);
	assert_int_equal(waive(old, "G01"), 0);
	assert_int_equal(run_state(old), OUTCOME_PASS);
	assert_int_equal(stage(), STAGE_RECOVERING);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UP_TEST(test_refusals),
		UP_TEST(test_asked),
		UP_TEST(test_pass),
		UP_TEST(test_outcomes),
		UP_TEST(test_repeated_late_and_foreign),
		UP_TEST(test_findings),
		UP_TEST(test_age),
		UP_TEST(test_silent),
		UP_TEST(test_silent_after_red),
		UP_TEST(test_waive_refusals),
		UP_TEST(test_waive_while_running),
		UP_TEST(test_waive_after_the_end),
		UP_TEST(test_waive_too_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
