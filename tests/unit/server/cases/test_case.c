/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cases: opened, their scope, what is read off the hosts, closed. */
#include "tests/unit/server/cases/cases_world.h"

static int64_t
state_of_case(const char *id)
{
	return sql_int("SELECT state FROM cases WHERE case_id = '%s'", id);
}

static void
test_open_refusals(void **state)
{
	static char fits[TEXT_MAX_LEN], long_one[TEXT_MAX_LEN + 1];
	static const struct {
		uint32_t roles;
		const char *title;
		enum refusal want;
	} t[] = {
		{MAY(ROLE_ANALYST), "seen", REFUSAL_NONE},
		{MAY(ROLE_RESPONDER), "seen", REFUSAL_NONE},
		{MAY(ROLE_COMMANDER), fits, REFUSAL_NONE},
		{0, "seen", REFUSAL_ROLE},
		{MAY(ROLE_ADMIN) | MAY(ROLE_AUDITOR), "seen", REFUSAL_ROLE},
		{MAY(ROLE_ANALYST), "", REFUSAL_INPUT},
		{MAY(ROLE_ANALYST), NULL, REFUSAL_INPUT},
		{MAY(ROLE_ANALYST), long_one, REFUSAL_INPUT},
	};
	size_t i, opened = 0;

	(void)state;
	memset(fits, 'x', sizeof(fits) - 1);
	memset(long_one, 'x', sizeof(long_one) - 1);
	for (i = 0; i < COUNT(t); i++) {
		struct go g = {.text = t[i].title,
		    .actor = person("li", t[i].roles)};
		int rc = go(open_job, &g);

		if (t[i].want != REFUSAL_NONE) {
			REFUSED(rc, t[i].want);
			continue;
		}
		assert_int_equal(rc, 0);
		opened++;
		assert_int_equal(state_of_case(g.c.case_id), CASE_SUSPECTED);
	}
	assert_int_equal(sql_int("SELECT count(*) FROM cases"), opened);
	assert_int_equal(sql_int("SELECT count(*) FROM case_facts WHERE "
	    "fact = 'detected'"), opened);
	assert_int_equal(audited("case.open"), opened);
}

static int
get_job(struct db *db, void *arg)
{
	struct go *g = arg;

	return case_get(db, g->id, &g->c);
}

static void
test_get(void **state)
{
	struct go g = {.id = case_with(NULL)};

	(void)state;
	assert_int_equal(go(get_job, &g), 0);
	assert_string_equal(g.c.title, "ransom note seen");
	assert_string_equal(g.c.opened_by, "li");
	assert_int_equal(g.c.opened_at, w.clock.wall_ms);
	assert_int_equal(g.c.closed_at, 0);
	g.id = "C-NONE";
	assert_int_equal(go(get_job, &g), ERR_NOENT);
}

static void
test_scope(void **state)
{
	char one[ID_MAX], two[ID_MAX];

	(void)state;
	snprintf(one, sizeof(one), "%s", case_with("a"));
	assert_string_equal(host("a").case_id, one);
	assert_int_equal(scope(one, "a"), 0);
	assert_int_equal(audited("case.add-host"), 1);
	assert_int_equal(scope(one, "nobody"), ERR_NOENT);
	snprintf(two, sizeof(two), "%s", case_with("a"));
	assert_string_equal(host("a").case_id, two);
	/* back to a case whose scope it never left */
	assert_int_equal(scope(one, "a"), 0);
	assert_string_equal(host("a").case_id, one);
	assert_int_equal(sql_int("SELECT count(*) FROM case_hosts"), 2);
}

static int
fact_job(struct db *db, void *arg)
{
	struct go *g = arg;

	return case_fact(db, g->id, g->text, g->at, g->actor.name);
}

static void
test_fact_is_kept_once(void **state)
{
	struct go g = {.id = case_with(NULL), .text = "contained", .at = 5,
	    .actor = person("li", 0)};

	(void)state;
	assert_int_equal(go(fact_job, &g), 0);
	g.at = 9;
	g.actor = person("wang", 0);
	assert_int_equal(go(fact_job, &g), 0);
	assert_int_equal(sql_int("SELECT at FROM case_facts WHERE fact = "
	    "'contained'"), 5);
	assert_string_equal(sql_text("SELECT recorded_by FROM case_facts "
	    "WHERE fact = 'contained'"), "li");
	assert_int_equal(audited("case.fact"), 2); /* with "detected" */
}

/* -- read off the hosts ---------------------------------------------------- */

static int
derive_job(struct db *db, void *arg)
{
	struct go *g = arg;

	return case_derive(db, g->id);
}

static void
derive(const char *id)
{
	struct go g = {.id = id};

	assert_int_equal(go(derive_job, &g), 0);
}

/*
 * Two hosts, as letters: n normal, c contained, p contained and proven,
 * r recovering, v verifying, w probation, x retired.
 */
static void
put_host(const char *name, char what)
{
	static const struct {
		char letter;
		enum stage stage;
	} s[] = {{'n', STAGE_NORMAL}, {'c', STAGE_CONTAINED},
	    {'p', STAGE_CONTAINED}, {'r', STAGE_RECOVERING},
	    {'v', STAGE_VERIFYING}, {'w', STAGE_PROBATION},
	    {'x', STAGE_RETIRED}};
	size_t i;

	for (i = 0; s[i].letter != what; i++)
		assert_true(i + 1 < COUNT(s));
	sql("UPDATE hosts SET stage = %d, stage_since = %lld, desired_order "
	    "= 'O-1', proven_order = '%s', proven_ok = %d WHERE name = '%s'",
	    (int)s[i].stage, (long long)w.clock.wall_ms,
	    what == 'p' ? "O-1" : "O-0", what != 'n', name);
}

static void
test_derive(void **state)
{
	static const struct {
		enum case_state old;
		const char *hosts;
		enum case_state want;
	} t[] = {
		{CASE_SUSPECTED, "cn", CASE_CONTAINING},
		{CASE_CONFIRMED, "cp", CASE_CONTAINING},
		{CASE_CONTAINING, "pp", CASE_CONTAINED},
		{CASE_CONTAINING, "pn", CASE_CONTAINED},
		{CASE_CONTAINED, "cp", CASE_CONTAINING},
		{CASE_CONTAINED, "pr", CASE_CONTAINED},
		{CASE_CONTAINED, "rv", CASE_RECOVERING},
		{CASE_CONTAINED, "vw", CASE_RECOVERING},
		{CASE_RECOVERING, "ww", CASE_WATCHING},
		{CASE_RECOVERING, "wn", CASE_WATCHING},
		{CASE_WATCHING, "nn", CASE_REVIEWING},
		{CASE_CONTAINED, "xn", CASE_REVIEWING},
		{CASE_REVIEWING, "cn", CASE_CONTAINING},
		{CASE_REVIEWING, "nn", CASE_REVIEWING},
		{CASE_SUSPECTED, "nn", CASE_SUSPECTED},
		{CASE_ASSESSING, "xx", CASE_ASSESSING},
		{CASE_CLOSED, "cc", CASE_CLOSED},
		{CASE_DISMISSED, "cc", CASE_DISMISSED},
	};
	char id[ID_MAX];
	size_t i;
	int64_t said = 0;

	(void)state;
	snprintf(id, sizeof(id), "%s", case_with("a"));
	assert_int_equal(scope(id, "b"), 0);
	for (i = 0; i < COUNT(t); i++) {
		sql("UPDATE cases SET state = %d", (int)t[i].old);
		put_host("a", t[i].hosts[0]);
		put_host("b", t[i].hosts[1]);
		derive(id);
		assert_int_equal(state_of_case(id), t[i].want);
		said += t[i].old != t[i].want;
		assert_int_equal(audited("case.state"), said);
	}
	assert_int_equal(sql_int("SELECT count(*) FROM case_facts WHERE "
	    "fact IN ('contained', 'recovered')"), 2);
	derive("");
	derive("C-NONE");
}

/* A host that was never touched while in scope reviews nothing. */
static void
test_derive_untouched(void **state)
{
	char id[ID_MAX];

	(void)state;
	put_host("a", 'n');
	tick_clock(1000);
	snprintf(id, sizeof(id), "%s", case_with("a"));
	sql("UPDATE cases SET state = %d", CASE_CONTAINING);
	derive(id);
	assert_int_equal(state_of_case(id), CASE_CONTAINING);
}

/* -- closed ---------------------------------------------------------------- */

static int
close_job(struct db *db, void *arg)
{
	struct go *g = arg;

	return case_close(db, g->id, &g->actor, g->text, &w.no);
}

static int
close_as(const char *id, uint32_t roles, const char *outcome)
{
	struct go g = {.id = id, .text = outcome,
	    .actor = person("chen", roles)};

	return go(close_job, &g);
}

static void
test_close(void **state)
{
	static const char in_the_way[] = {'c', 'p', 'r', 'v', 'w'};
	char id[ID_MAX];
	size_t i;

	(void)state;
	snprintf(id, sizeof(id), "%s", case_with("a"));
	REFUSED(close_as("C-NONE", MAY(ROLE_COMMANDER), REASON),
	    REFUSAL_NOT_FOUND);
	REFUSED(close_as(id, MAY(ROLE_RESPONDER), REASON), REFUSAL_ROLE);
	REFUSED(close_as(id, MAY(ROLE_COMMANDER), NULL), REFUSAL_REASON);
	REFUSED(close_as(id, MAY(ROLE_COMMANDER), "too short"),
	    REFUSAL_REASON);
	for (i = 0; i < COUNT(in_the_way); i++) {
		put_host("a", in_the_way[i]);
		REFUSED(close_as(id, MAY(ROLE_COMMANDER), REASON),
		    REFUSAL_STATE);
	}
	put_host("a", 'n');
	assert_int_equal(close_as(id, MAY(ROLE_COMMANDER), REASON), 0);
	assert_int_equal(state_of_case(id), CASE_CLOSED);
	assert_string_equal(host("a").case_id, "");
	assert_string_equal(sql_text("SELECT outcome FROM cases"), REASON);
	assert_int_equal(sql_int("SELECT closed_at FROM cases"),
	    w.clock.wall_ms);
	REFUSED(close_as(id, MAY(ROLE_COMMANDER), REASON), REFUSAL_STATE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASES_TEST(test_open_refusals),
		CASES_TEST(test_get),
		CASES_TEST(test_scope),
		CASES_TEST(test_fact_is_kept_once),
		CASES_TEST(test_derive),
		CASES_TEST(test_derive_untouched),
		CASES_TEST(test_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
