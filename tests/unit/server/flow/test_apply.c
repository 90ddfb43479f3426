/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plans with case, evidence, gate and stage, made and applied. */
#include "tests/unit/server/flow/flow_world.h"

static void
put_evidence(const char *name, const char *case_id)
{
	sql("INSERT INTO evidence (evidence_id, case_id, host_id, kind, "
	    "sha256, at, added_by) VALUES ('E-%s-%lld', '%s', 'H-%s', "
	    "'snapshot', '', %lld, 'agent')", name,
	    (long long)w.clock.wall_ms, case_id, name,
	    (long long)w.clock.wall_ms);
}

static void
put_gate(const char *name, enum outcome outcome, int64_t done_at)
{
	sql("INSERT INTO runs (run_id, host_id, case_id, kind, asked_by, "
	    "asked_at, done_at, outcome) VALUES ('R-%s-%lld', 'H-%s', '', "
	    "'gate', 'ver', %lld, %lld, %d)", name,
	    (long long)w.clock.wall_ms, name, (long long)w.clock.wall_ms,
	    (long long)done_at, (int)outcome);
}

/* What each stage refuses, and the one line on what to do. */
static void
test_stages(void **state)
{
	static const struct {
		enum stage stage;
		enum plan_action action;
		enum refusal want;
		const char *next;
	} t[] = {
		{STAGE_NORMAL, ACTION_RECOVER, REFUSAL_STAGE, "host show"},
		{STAGE_NORMAL, ACTION_RESTORE, REFUSAL_STAGE, "host show"},
		{STAGE_CONTAINED, ACTION_RECOVER, REFUSAL_EVIDENCE,
		    "waive-evidence"},
		{STAGE_CONTAINED, ACTION_RESTORE, REFUSAL_STAGE,
		    "cordonctl recover"},
		{STAGE_RECOVERING, ACTION_RECOVER, REFUSAL_STAGE,
		    "host show"},
		{STAGE_RECOVERING, ACTION_RESTORE, REFUSAL_STAGE,
		    "cordonctl verify"},
		{STAGE_VERIFYING, ACTION_RECOVER, REFUSAL_STAGE,
		    "host show"},
		{STAGE_VERIFYING, ACTION_RESTORE, REFUSAL_GATE,
		    "cordonctl verify"},
		{STAGE_PROBATION, ACTION_RECOVER, REFUSAL_STAGE,
		    "host show"},
		{STAGE_PROBATION, ACTION_RESTORE, REFUSAL_STAGE,
		    "host show"},
		{STAGE_RETIRED, ACTION_ISOLATE, REFUSAL_STAGE, "host show"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(t); i++) {
		put_stage("a", t[i].stage);
		REFUSED(plan_one(t[i].action, "a"), t[i].want);
		assert_non_null(strstr(w.no.next, t[i].next));
	}
	assert_int_equal(sql_int("SELECT count(*) FROM plans"), 0);
	assert_int_equal(sql_int("SELECT count(*) FROM cases"), 0);
}

static void
test_hosts(void **state)
{
	static const char *many[PLAN_HOSTS_MAX + 1];
	static const char *const two[] = {"a", "nobody"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(many); i++)
		many[i] = "a";
	REFUSED(plan_hosts(ACTION_ISOLATE, many, 0, ""), REFUSAL_NO_HOST);
	REFUSED(plan_hosts(ACTION_ISOLATE, many, COUNT(many), ""),
	    REFUSAL_NO_HOST);
	REFUSED(plan_hosts(ACTION_ISOLATE, two, 2, ""), REFUSAL_NO_HOST);
	assert_non_null(strstr(w.no.text, "nobody"));
}

static void
test_case_of_a_plan(void **state)
{
	const char *a = "a", *b = "b";
	char own[ID_MAX], given[ID_MAX];

	(void)state;
	/* a new one, named by the reason */
	assert_int_equal(plan_one(ACTION_ISOLATE, "a"), 0);
	snprintf(own, sizeof(own), "%s", w.plan.case_id);
	assert_string_equal(host("a").case_id, own);
	assert_string_equal(sql_text("SELECT title FROM cases"), REASON);
	/* the one that is given */
	snprintf(given, sizeof(given), "%s", case_with(NULL));
	assert_int_equal(plan_hosts(ACTION_ISOLATE, &b, 1, given), 0);
	assert_string_equal(w.plan.case_id, given);
	assert_string_equal(host("b").case_id, given);
	/* the host's own */
	sql("UPDATE plans SET state = %d", PLAN_CANCELLED);
	assert_int_equal(plan_one(ACTION_ISOLATE, "a"), 0);
	assert_string_equal(w.plan.case_id, own);
	assert_int_equal(sql_int("SELECT count(*) FROM cases"), 2);
	/* none that is closed or not there */
	sql("UPDATE plans SET state = %d", PLAN_CANCELLED);
	REFUSED(plan_hosts(ACTION_ISOLATE, &a, 1, "C-NONE"),
	    REFUSAL_NOT_FOUND);
	sql("UPDATE cases SET state = %d WHERE case_id = '%s'", CASE_CLOSED,
	    given);
	REFUSED(plan_hosts(ACTION_ISOLATE, &a, 1, given), REFUSAL_STATE);
	sql("UPDATE cases SET state = %d WHERE case_id = '%s'",
	    CASE_DISMISSED, given);
	REFUSED(plan_hosts(ACTION_ISOLATE, &a, 1, given), REFUSAL_STATE);
	assert_string_equal(host("a").case_id, own);
}

/* A refusal leaves no case behind that nobody wanted. */
static void
test_refused_leaves_nothing(void **state)
{
	(void)state;
	sql("UPDATE hosts SET never_isolate = 1 WHERE name = 'a'");
	REFUSED(plan_one(ACTION_ISOLATE, "a"), REFUSAL_NEVER);
	assert_int_equal(sql_int("SELECT count(*) FROM cases"), 0);
	assert_string_equal(host("a").case_id, "");
}

static void
test_apply_refusals(void **state)
{
	char id[ID_MAX], digest[65], wrong[65];

	(void)state;
	assert_int_equal(plan_one(ACTION_ISOLATE, "a"), 0);
	snprintf(id, sizeof(id), "%s", w.plan.plan_id);
	snprintf(digest, sizeof(digest), "%s", w.plan.digest);
	snprintf(wrong, sizeof(wrong), "%s", w.plan.digest);
	wrong[0] = wrong[0] == '0' ? '1' : '0';
	REFUSED(apply_plan("P-NONE", digest, -1), REFUSAL_NOT_FOUND);
	REFUSED(apply_plan(id, wrong, -1), REFUSAL_DIGEST);
	REFUSED(apply_plan(id, digest, 0), REFUSAL_EXPECT);
	REFUSED(apply_plan(id, digest, 2), REFUSAL_EXPECT);
	assert_int_equal(host("a").stage, STAGE_NORMAL);
	assert_int_equal(apply_plan(id, digest, 1), 0);
	assert_int_equal(host("a").stage, STAGE_CONTAINED);
	REFUSED(apply_plan(id, digest, 1), REFUSAL_STATE);
	assert_int_equal(sql_int("SELECT count(*) FROM orders"), 1);
}

/* The host has moved on since the plan was made. */
static void
test_stage_is_asked_again(void **state)
{
	(void)state;
	assert_int_equal(plan_one(ACTION_ISOLATE, "a"), 0);
	put_stage("a", STAGE_RETIRED);
	REFUSED(apply_it(), REFUSAL_STAGE);
	assert_int_equal(sql_int("SELECT count(*) FROM orders"), 0);
}

static void
vote(void)
{
	assert_int_equal(approve("wang"), REFUSAL_NONE);
}

static void
test_the_whole_way(void **state)
{
	char case_id[ID_MAX];

	(void)state;
	assert_int_equal(plan_one(ACTION_ISOLATE, "a"), 0);
	assert_int_equal(apply_it(), 0);
	assert_int_equal(host("a").stage, STAGE_CONTAINED);
	assert_int_equal(host("a").desired, PROFILE_STRICT);
	snprintf(case_id, sizeof(case_id), "%s", host("a").case_id);
	assert_int_equal(sql_int("SELECT state FROM cases"),
	    CASE_CONTAINING);

	tick_clock(10 * MIN_MS);
	REFUSED(plan_one(ACTION_RECOVER, "a"), REFUSAL_EVIDENCE);
	put_evidence("a", "C-OTHER");
	REFUSED(plan_one(ACTION_RECOVER, "a"), REFUSAL_EVIDENCE);
	tick_clock(1);
	put_evidence("a", case_id);
	assert_int_equal(plan_one(ACTION_RECOVER, "a"), 0);
	REFUSED(apply_it(), REFUSAL_APPROVALS);
	assert_int_equal(host("a").stage, STAGE_CONTAINED);
	vote();
	sql("UPDATE evidence SET kind = 'snapshot-broken'");
	REFUSED(apply_it(), REFUSAL_EVIDENCE); /* asked again */
	sql("UPDATE evidence SET kind = 'waiver'");
	assert_int_equal(apply_it(), 0);
	assert_int_equal(host("a").stage, STAGE_RECOVERING);
	assert_int_equal(host("a").desired, PROFILE_RECOVERY);

	put_stage("a", STAGE_VERIFYING);
	put_gate("a", OUTCOME_NONE, 0);
	REFUSED(plan_one(ACTION_RESTORE, "a"), REFUSAL_GATE);
	assert_non_null(strstr(w.no.text, "still running"));
	sql("UPDATE runs SET done_at = %lld, outcome = %d",
	    (long long)w.clock.wall_ms, OUTCOME_FAIL);
	REFUSED(plan_one(ACTION_RESTORE, "a"), REFUSAL_GATE);
	sql("UPDATE runs SET outcome = %d", OUTCOME_PASS);
	assert_int_equal(plan_one(ACTION_RESTORE, "a"), 0);
	vote();
	sql("UPDATE runs SET done_at = done_at - %lld",
	    (long long)(DAY_MS + 1000));
	REFUSED(apply_it(), REFUSAL_GATE); /* too old by now */
	assert_non_null(strstr(w.no.text, "older"));
	sql("UPDATE runs SET done_at = %lld", (long long)w.clock.wall_ms);
	assert_int_equal(apply_it(), 0);
	assert_int_equal(host("a").stage, STAGE_PROBATION);
	assert_int_equal(host("a").desired, PROFILE_OPEN);
	assert_int_equal(sql_int("SELECT count(*) FROM rechecks WHERE "
	    "host_id = 'H-a' AND state = 'due'"), 2);
	assert_int_equal(sql_int("SELECT min(due_at) FROM rechecks"),
	    w.clock.wall_ms + HOUR_MS);
	assert_int_equal(sql_int("SELECT state FROM cases"), CASE_WATCHING);

	/* the clock goes on with it */
	flow_ticks(HOUR_MS);
	assert_int_equal(sql_int("SELECT count(*) FROM runs WHERE kind = "
	    "'probation'"), 1);
}

/* Each host of a plan is asked; one that may not stops all of them. */
static void
test_two_hosts(void **state)
{
	static const char *const both[] = {"a", "b"};

	(void)state;
	assert_int_equal(plan_hosts(ACTION_ISOLATE, both, 2, ""), 0);
	assert_int_equal(apply_plan(w.plan.plan_id, w.plan.digest, 2), 0);
	assert_int_equal(host("a").stage, STAGE_CONTAINED);
	assert_int_equal(host("b").stage, STAGE_CONTAINED);
	assert_string_equal(host("b").case_id, host("a").case_id);
	put_evidence("a", host("a").case_id);
	REFUSED(plan_hosts(ACTION_RECOVER, both, 2, ""), REFUSAL_EVIDENCE);
	assert_non_null(strstr(w.no.text, "of b is kept"));
	put_evidence("b", host("a").case_id);
	assert_int_equal(plan_hosts(ACTION_RECOVER, both, 2, ""), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FLOW_TEST(test_stages),
		FLOW_TEST(test_hosts),
		FLOW_TEST(test_case_of_a_plan),
		FLOW_TEST(test_refused_leaves_nothing),
		FLOW_TEST(test_apply_refusals),
		FLOW_TEST(test_stage_is_asked_again),
		FLOW_TEST(test_the_whole_way),
		FLOW_TEST(test_two_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
