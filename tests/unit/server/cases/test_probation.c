/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The schedule after release: due, missed, made up, red, and the end. */
#include "tests/unit/server/cases/cases_world.h"

#include "server/cases/run.h"

static int
start_job(struct db *db, void *arg)
{
	struct go *g = arg;

	return probation_start(db, &set, g->host);
}

/* What applying a restore plan does. */
static void
release(const char *name)
{
	struct go g = {0};
	char id[ID_MAX];

	snprintf(id, sizeof(id), "H-%s", name);
	g.host = id;
	put_stage(name, STAGE_PROBATION);
	assert_int_equal(go(start_job, &g), 0);
}

/* State of re-check NAME of host a's newest probation. */
static const char *
state_is(const char *name)
{
	return sql_text("SELECT state FROM rechecks WHERE host_id = 'H-a' "
	    "AND name = '%s' ORDER BY probation DESC LIMIT 1", name);
}

static int64_t
runs(void)
{
	return sql_int("SELECT count(*) FROM runs");
}

/* The newest run of host a; lent. */
static const char *
newest(void)
{
	return sql_text("SELECT run_id FROM runs WHERE host_id = 'H-a' "
	    "ORDER BY rowid DESC LIMIT 1");
}

static bool
answer_newest(Cordon__CheckOutcome outcome)
{
	char id[ID_MAX];

	snprintf(id, sizeof(id), "%s", newest());
	return answer_all("H-a", id, outcome);
}

static void
test_the_whole_way(void **state)
{
	(void)state;
	release("a");
	clock_ticks(HOUR_MS - 1);
	assert_int_equal(runs(), 0);
	clock_ticks(1);
	assert_int_equal(runs(), 1);
	assert_string_equal(state_is("h1"), "running");
	assert_non_null(last_sent("H-a", FRAME_CHECK_RUN));
	clock_ticks(1000); /* one at a time */
	assert_int_equal(runs(), 1);
	assert_false(answer_newest(PASS));
	assert_string_equal(state_is("h1"), "passed");
	clock_ticks(1000);
	assert_int_equal(runs(), 1);
	assert_int_equal(host("a").stage, STAGE_PROBATION);
	clock_ticks(3 * HOUR_MS);
	assert_int_equal(runs(), 2);
	assert_false(answer_newest(PASS));
	clock_ticks(1000);
	assert_int_equal(host("a").stage, STAGE_NORMAL);
	clock_ticks(DAY_MS);
	assert_int_equal(runs(), 2);
}

/* Away while it was due: missed, said once, made up by a person. */
static void
test_missed(void **state)
{
	(void)state;
	release("a");
	sql("UPDATE hosts SET online = 0 WHERE name = 'a'");
	clock_ticks(HOUR_MS + 1800 * 1000);
	assert_string_equal(state_is("h1"), "due");
	clock_ticks(1);
	assert_string_equal(state_is("h1"), "missed");
	assert_string_equal(state_is("h4"), "due");
	clock_ticks(1000);
	assert_int_equal(audited("recheck.missed"), 1);
	sql("UPDATE hosts SET online = 1 WHERE name = 'a'");
	clock_ticks(1000);
	assert_int_equal(runs(), 0); /* the clock does not make it up */
	recheck("a");
	assert_string_equal(state_is("h1"), "running");
	answer_newest(PASS);
	assert_string_equal(state_is("h1"), "passed");
	clock_ticks(5 * HOUR_MS / 2);
	answer_newest(PASS);
	clock_ticks(1000);
	assert_int_equal(host("a").stage, STAGE_NORMAL);
}

/* A missed one is not a pass: the probation goes on. */
static void
test_missed_is_no_pass(void **state)
{
	(void)state;
	release("a");
	clock_ticks(2 * HOUR_MS); /* the collector was away */
	assert_string_equal(state_is("h1"), "missed");
	clock_ticks(2 * HOUR_MS);
	assert_string_equal(state_is("h1"), "running"); /* oldest first */
	answer_newest(PASS);
	clock_ticks(1000);
	assert_string_equal(state_is("h4"), "running");
	answer_newest(UNKNOWN);
	assert_string_equal(state_is("h4"), "missed");
	clock_ticks(DAY_MS);
	assert_int_equal(host("a").stage, STAGE_PROBATION);
	recheck("a");
	answer_newest(PASS);
	clock_ticks(1000);
	assert_int_equal(host("a").stage, STAGE_NORMAL);
}

static int
recheck_as(const char *name, uint32_t roles)
{
	struct go g = {.host = name, .actor = person("ana", roles)};

	return go(recheck_job, &g);
}

static void
test_by_hand(void **state)
{
	(void)state;
	REFUSED(recheck_as("nobody", MAY(ROLE_ANALYST)), REFUSAL_NOT_FOUND);
	REFUSED(recheck_as("a", MAY(ROLE_APPROVER)), REFUSAL_ROLE);
	/* of a host that is normal: shown, and that is all */
	assert_int_equal(recheck_as("a", MAY(ROLE_ANALYST)), 0);
	assert_string_equal(sql_text("SELECT kind FROM runs"), RUN_CHECK);
	assert_false(answer_newest(FAIL));
	assert_int_equal(host("a").stage, STAGE_NORMAL);
	/* before anything is due: counts for nothing */
	release("a");
	assert_int_equal(recheck_as("a", MAY(ROLE_VERIFIER)), 0);
	REFUSED(recheck_as("a", MAY(ROLE_VERIFIER)), REFUSAL_CONFLICT);
	answer_newest(PASS);
	assert_string_equal(state_is("h1"), "due");
	sql("UPDATE hosts SET online = 0");
	REFUSED(recheck_as("a", MAY(ROLE_VERIFIER)), REFUSAL_STATE);
}

/* Said once, at the first red one. */
static void
test_relapse(void **state)
{
	char id[ID_MAX];

	(void)state;
	release("a");
	clock_ticks(HOUR_MS);
	snprintf(id, sizeof(id), "%s", newest());
	assert_false(result("H-a", id, "G01", PASS, false));
	assert_false(result("H-b", id, "G02", FAIL, false));
	assert_true(result("H-a", id, "G02", FAIL, false));
	assert_false(result("H-a", id, "G02", FAIL, false));
	assert_false(result("H-a", id, "G03", FAIL, true));
	assert_string_equal(state_is("h1"), "failed");
	assert_false(result("H-a", id, "G03", FAIL, true));
	clock_ticks(DAY_MS);
	assert_int_equal(host("a").stage, STAGE_PROBATION);
}

/* A host that goes silent after a red one has failed, not missed. */
static void
test_red_then_silent(void **state)
{
	char id[ID_MAX];

	(void)state;
	release("a");
	clock_ticks(HOUR_MS);
	snprintf(id, sizeof(id), "%s", newest());
	assert_true(result("H-a", id, "G02", FAIL, false));
	clock_ticks(RUN_TIMEOUT_MS + 1);
	assert_int_equal(run_state(id), OUTCOME_FAIL);
	assert_string_equal(state_is("h1"), "failed");
}

static void
test_silent(void **state)
{
	(void)state;
	release("a");
	clock_ticks(HOUR_MS);
	clock_ticks(RUN_TIMEOUT_MS + 1);
	assert_string_equal(state_is("h1"), "missed");
}

static int
waive_job(struct db *db, void *arg)
{
	struct go *g = arg;

	return check_waive(db, g->id, "G02", &g->actor, REASON, &w.no);
}

/* What a host can never answer is waived, else its probation never ends. */
static void
test_waived(void **state)
{
	struct go g = {.actor = person("chen", MAY(ROLE_COMMANDER))};
	char id[ID_MAX];

	(void)state;
	release("a");
	clock_ticks(HOUR_MS);
	snprintf(id, sizeof(id), "%s", newest());
	result("H-a", id, "G01", PASS, false);
	result("H-a", id, "G02", UNKNOWN, false);
	result("H-a", id, "G03", PASS, true);
	assert_string_equal(state_is("h1"), "missed");
	g.id = id;
	assert_int_equal(go(waive_job, &g), 0);
	assert_int_equal(run_state(id), OUTCOME_PASS);
	assert_string_equal(state_is("h1"), "passed");
}

/*
 * Relapse and a second release, so that h1 of the second falls due in the
 * same millisecond as h4 of the first: only the newest is worked on.
 */
static void
test_two_in_a_row(void **state)
{
	int i;

	(void)state;
	release("a");
	clock_ticks(HOUR_MS);
	assert_true(answer_newest(FAIL));
	put_stage("a", STAGE_CONTAINED);
	clock_ticks(2 * HOUR_MS);
	release("a"); /* 3 h after the first */
	clock_ticks(HOUR_MS - 1);
	assert_int_equal(runs(), 1);
	clock_ticks(1);
	assert_int_equal(runs(), 2);
	assert_string_equal(state_is("h1"), "running");
	answer_newest(PASS);
	for (i = 0; i < 10; i++)
		clock_ticks(1000);
	assert_int_equal(runs(), 2);
	assert_int_equal(sql_int("SELECT count(*) FROM rechecks WHERE "
	    "state = 'due'"), 2); /* h4 of both */
	assert_int_equal(sql_int("SELECT count(*) FROM rechecks WHERE "
	    "state = 'failed'"), 1);
	clock_ticks(3 * HOUR_MS);
	answer_newest(PASS);
	clock_ticks(1000);
	assert_int_equal(host("a").stage, STAGE_NORMAL);
	assert_int_equal(audited("recheck.missed"), 0);
}

/* One host's schedule is not another's. */
static void
test_two_hosts(void **state)
{
	char of_b[ID_MAX];

	(void)state;
	release("a");
	release("b");
	clock_ticks(HOUR_MS);
	assert_int_equal(runs(), 2);
	snprintf(of_b, sizeof(of_b), "%s", sql_text("SELECT run_id FROM "
	    "runs WHERE host_id = 'H-b'"));
	assert_false(answer_all("H-a", of_b, FAIL));
	assert_false(run_ended(of_b));
	answer_newest(PASS);
	assert_string_equal(state_is("h1"), "passed");
	assert_string_equal(sql_text("SELECT state FROM rechecks WHERE "
	    "host_id = 'H-b' AND name = 'h1'"), "running");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASES_TEST(test_the_whole_way),
		CASES_TEST(test_missed),
		CASES_TEST(test_missed_is_no_pass),
		CASES_TEST(test_by_hand),
		CASES_TEST(test_relapse),
		CASES_TEST(test_red_then_silent),
		CASES_TEST(test_silent),
		CASES_TEST(test_waived),
		CASES_TEST(test_two_in_a_row),
		CASES_TEST(test_two_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
