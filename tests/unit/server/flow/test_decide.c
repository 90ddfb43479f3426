/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a decision leads to: a case, a proposal, an isolation, a relapse. */
#include "tests/unit/server/flow/flow_world.h"

static int64_t
count(const char *table)
{
	return sql_int("SELECT count(*) FROM %s", table);
}

static void
tier(int t)
{
	sql("UPDATE hosts SET tier = %d WHERE name = 'a'", t);
}

static int64_t
plan_state(void)
{
	return sql_int("SELECT state FROM plans ORDER BY rowid DESC LIMIT 1");
}

static void
test_note_and_raise(void **state)
{
	(void)state;
	rule("r", "kind=files.*,then=raise");
	signal_of_a("files.changed", HIGH, "/etc/passwd");
	signal_of_a("agent.tamper", LOW, "table");
	assert_int_equal(count("cases"), 0);
	assert_int_equal(stored(), 2);
	assert_string_equal(sql_text("SELECT json_extract(decision, "
	    "'$.rule') FROM signals WHERE number = 1"), "r");
}

static void
test_case_once(void **state)
{
	char id[ID_MAX];

	(void)state;
	rule("r", "kind=files.*,then=case");
	observe("files.changed", HIGH, "/etc/passwd");
	observe("files.changed", HIGH, "/etc/shadow");
	assert_int_equal(deliver("H-a"), 0);
	signal_of_a("files.changed", HIGH, "/etc/group");
	assert_int_equal(count("cases"), 1);
	snprintf(id, sizeof(id), "%s", sql_text("SELECT case_id FROM cases"));
	assert_string_equal(host("a").case_id, id);
	assert_int_equal(sql_int("SELECT count(*) FROM signals WHERE "
	    "case_id = '%s'", id), 3);
	assert_string_equal(sql_text("SELECT opened_by FROM cases"),
	    ACTOR_POLICY);
	assert_non_null(strstr(sql_text("SELECT title FROM cases"),
	    "/etc/passwd"));
	assert_int_equal(count("plans"), 0);
	assert_int_equal(host("a").stage, STAGE_NORMAL);
}

static void
test_propose_once(void **state)
{
	(void)state;
	rule("r", "kind=files.*,then=propose");
	observe("files.changed", HIGH, "/etc/passwd");
	observe("files.changed", HIGH, "/etc/shadow");
	assert_int_equal(deliver("H-a"), 0);
	signal_of_a("files.changed", HIGH, "/etc/group");
	assert_int_equal(count("plans"), 1);
	assert_int_equal(sql_int("SELECT origin FROM plans"),
	    ORIGIN_RECOMMENDED);
	assert_int_equal(plan_state(), PLAN_PROPOSED);
	assert_int_equal(host("a").stage, STAGE_NORMAL);
	assert_null(last_sent("H-a", FRAME_ORDER));
	assert_int_equal(audited("policy.refused"), 0);
}

static void
test_isolate(void **state)
{
	(void)state;
	rule("r", "kind=files.*,then=isolate,tripwire=yes");
	observe("files.changed", HIGH, "/etc/passwd");
	observe("files.changed", HIGH, "/etc/shadow");
	assert_int_equal(deliver("H-a"), 0);
	assert_int_equal(host("a").stage, STAGE_CONTAINED);
	assert_int_equal(host("a").desired, PROFILE_STRICT);
	assert_non_null(last_sent("H-a", FRAME_ORDER));
	assert_int_equal(count("plans"), 1);
	assert_int_equal(plan_state(), PLAN_APPLIED);
	assert_string_equal(sql_text("SELECT applied_by FROM plans"),
	    ACTOR_POLICY);
	assert_int_equal(sql_int("SELECT state FROM cases"),
	    CASE_CONTAINING);
	assert_int_equal(acked("H-a"), 2);
	assert_int_equal(stored(), 2);
}

/* T0 never; T1 only as a proposal; one class that is no tripwire neither. */
static void
test_held_back(void **state)
{
	static const struct {
		enum tier tier;
		const char *more;
	} t[] = {
		{TIER_T0, ",tripwire=yes"}, {TIER_T1, ",tripwire=yes"},
		{TIER_T2, ""},
	};
	size_t i;

	for (i = 0; i < COUNT(t); i++) {
		char keys[64];

		flow_down(state);
		flow_up(state);
		tier((int)t[i].tier);
		snprintf(keys, sizeof(keys), "kind=files.*,then=isolate%s",
		    t[i].more);
		rule("r", keys);
		signal_of_a("files.changed", CRITICAL, "/etc/passwd");
		assert_int_equal(host("a").stage, STAGE_NORMAL);
		assert_int_equal(count("orders"), 0);
		assert_int_equal(plan_state(), PLAN_PROPOSED);
		assert_int_equal(sql_int("SELECT origin FROM plans"),
		    ORIGIN_RECOMMENDED);
	}
}

static void
test_never_isolate(void **state)
{
	(void)state;
	rule("r", "kind=files.*,then=isolate,tripwire=yes");
	sql("UPDATE hosts SET never_isolate = 1 WHERE name = 'a'");
	signal_of_a("files.changed", CRITICAL, "/etc/passwd");
	assert_int_equal(count("cases"), 1);
	assert_int_equal(count("plans"), 0);
}

/* Whatever refuses it: said, and the signal is stored all the same. */
static void
test_refused(void **state)
{
	(void)state;
	rule("r", "kind=files.*,then=isolate,tripwire=yes");
	w.signer_away = true;
	signal_of_a("files.changed", HIGH, "/etc/passwd");
	assert_int_equal(stored(), 1);
	assert_int_equal(acked("H-a"), 1);
	assert_int_equal(audited("policy.refused"), 1);
	assert_int_equal(host("a").stage, STAGE_NORMAL);
	assert_int_equal(count("orders"), 0);
	/* the next one tries again */
	w.signer_away = false;
	signal_of_a("files.changed", HIGH, "/etc/shadow");
	assert_int_equal(host("a").stage, STAGE_CONTAINED);
	assert_int_equal(count("cases"), 1);
}

/* Rules isolate three hosts in ten minutes; the fourth waits. */
static void
test_budget_of_rules(void **state)
{
	struct feed feed[4] = {{0}};
	char name[2] = "p", id[] = "H-p";
	int i;

	(void)state;
	rule("r", "kind=files.*,then=isolate,tripwire=yes");
	for (i = 0; i < 4; i++) {
		name[0] = id[2] = (char)('p' + i);
		add_host(name, "fin", TIER_T2);
		nbatch = 0;
		observe_on(&feed[i], "files.changed", HIGH, name);
		assert_int_equal(deliver(id), 0);
		assert_int_equal(host(name).stage, i < 3 ? STAGE_CONTAINED :
		    STAGE_NORMAL);
		assert_int_equal(acked(id), 1);
	}
	assert_int_equal(stored(), 4);
	assert_int_equal(audited("policy.refused"), 1);
}

/* A proposal is open when a rule that may isolate fits. */
static void
test_more_than_proposed(void **state)
{
	(void)state;
	rule("trip", "kind=files.trip,then=isolate,tripwire=yes");
	rule("r", "kind=files.*,then=propose");
	signal_of_a("files.changed", HIGH, "/etc/passwd");
	assert_int_equal(plan_state(), PLAN_PROPOSED);
	signal_of_a("files.trip", HIGH, "/etc/decoy");
	assert_int_equal(host("a").stage, STAGE_CONTAINED);
	assert_int_equal(plan_state(), PLAN_APPLIED);
	assert_int_equal(sql_int("SELECT count(*) FROM plans WHERE state = "
	    "%d", PLAN_CANCELLED), 1);
}

/* So is a person's own plan, who may be at it for a while. */
static void
test_person_has_a_plan(void **state)
{
	(void)state;
	rule("trip", "kind=files.trip,then=isolate,tripwire=yes");
	rule("r", "kind=files.*,then=propose");
	assert_int_equal(plan_one(ACTION_ISOLATE, "a"), 0);
	signal_of_a("files.changed", HIGH, "/etc/passwd");
	assert_int_equal(count("plans"), 1); /* no second proposal */
	signal_of_a("files.trip", HIGH, "/etc/decoy");
	assert_int_equal(host("a").stage, STAGE_CONTAINED);
	assert_int_equal(sql_int("SELECT state FROM plans WHERE requester = "
	    "'li'"), PLAN_PROPOSED);
}

/* A host that somebody works on is left to them. */
static void
test_somebody_is_at_it(void **state)
{
	static const enum stage s[] = {STAGE_CONTAINED, STAGE_RECOVERING,
	    STAGE_VERIFYING, STAGE_RETIRED};
	size_t i;

	(void)state;
	rule("r", "kind=files.*,then=isolate,tripwire=yes");
	for (i = 0; i < COUNT(s); i++) {
		put_stage("a", s[i]);
		signal_of_a("files.changed", HIGH, "/etc/passwd");
	}
	assert_int_equal(count("plans"), 0);
	assert_int_equal(stored(), COUNT(s));
}

/* -- relapse --------------------------------------------------------------- */

/* A red check of a probation comes in as a frame. */
static void
red_check(void)
{
	Cordon__CheckResult r = CORDON__CHECK_RESULT__INIT;

	put_stage("a", STAGE_PROBATION);
	r.run_id = (char *)recheck("a");
	r.check_id = (char *)"G02";
	r.outcome = FAIL;
	r.text = (char *)"changed again";
	assert_int_equal(frame("H-a", FRAME_CHECK_RESULT, &r.base), 0);
	r.check_id = (char *)"G03";
	r.last = true;
	assert_int_equal(frame("H-a", FRAME_CHECK_RESULT, &r.base), 0);
	assert_int_equal(audited("host.relapse"), 1);
	assert_int_equal(count("plans"), 1);
}

static void
test_relapse(void **state)
{
	static const struct {
		enum tier tier;
		enum stage stage;
		enum plan_origin origin;
		enum plan_state plan;
	} t[] = {
		{TIER_T0, STAGE_PROBATION, ORIGIN_RECOMMENDED, PLAN_PROPOSED},
		{TIER_T1, STAGE_PROBATION, ORIGIN_POLICY, PLAN_PROPOSED},
		{TIER_T2, STAGE_CONTAINED, ORIGIN_POLICY, PLAN_APPLIED},
		{TIER_T3, STAGE_CONTAINED, ORIGIN_POLICY, PLAN_APPLIED},
	};
	size_t i;

	for (i = 0; i < COUNT(t); i++) {
		flow_down(state);
		flow_up(state);
		tier((int)t[i].tier);
		red_check();
		assert_int_equal(host("a").stage, t[i].stage);
		assert_int_equal(plan_state(), t[i].plan);
		assert_int_equal(sql_int("SELECT origin FROM plans"),
		    t[i].origin);
		assert_int_equal(count("cases"), 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FLOW_TEST(test_note_and_raise),
		FLOW_TEST(test_case_once),
		FLOW_TEST(test_propose_once),
		FLOW_TEST(test_isolate),
		FLOW_TEST(test_held_back),
		FLOW_TEST(test_never_isolate),
		FLOW_TEST(test_refused),
		FLOW_TEST(test_budget_of_rules),
		FLOW_TEST(test_more_than_proposed),
		FLOW_TEST(test_person_has_a_plan),
		FLOW_TEST(test_somebody_is_at_it),
		FLOW_TEST(test_relapse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
