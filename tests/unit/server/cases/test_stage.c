/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every step of a host's stage, the possible and the impossible. */
#include "tests/unit/server/cases/cases_world.h"

/* Rows: from; letters: to, in the order of enum stage; '.': refused. */
static const char *const steps[] = {
	[STAGE_NORMAL] = "=C...R",
	[STAGE_CONTAINED] = ".=R.PR",
	[STAGE_RECOVERING] = ".C=V.R",
	[STAGE_VERIFYING] = ".CR=PR",
	[STAGE_PROBATION] = "NC..=R",
	[STAGE_RETIRED] = ".....=",
};

static void
test_each_step(void **state)
{
	int from, to, n = 0;

	(void)state;
	for (from = STAGE_NORMAL; from <= STAGE_RETIRED; from++)
		for (to = STAGE_NORMAL; to <= STAGE_RETIRED; to++) {
			char may = steps[from][to];

			put_stage("a", (enum stage)from);
			tick_clock(1000);
			assert_int_equal(move("a", (enum stage)to),
			    may == '.' ? ERR_BADSTATE : 0);
			assert_int_equal(host("a").stage,
			    may == '.' ? from : to);
			n += may != '.' && may != '=';
			assert_int_equal(audited("host.stage"), n);
			assert_int_equal(host("a").stage_since,
			    may == '.' || may == '=' ?
			    w.clock.wall_ms - 1000 : w.clock.wall_ms);
		}
	assert_int_equal(n, 15);
}

static void
test_by_name_and_unknown(void **state)
{
	(void)state;
	assert_int_equal(move("H-a", STAGE_CONTAINED), 0);
	assert_int_equal(move("nobody", STAGE_CONTAINED), ERR_NOENT);
	assert_int_equal(host("b").stage, STAGE_NORMAL);
}

/* Columns: isolate, recover, restore. */
static void
test_allows(void **state)
{
	static const char *const may[] = {
		[STAGE_NORMAL] = "y..",
		[STAGE_CONTAINED] = "yy.",
		[STAGE_RECOVERING] = "y..",
		[STAGE_VERIFYING] = "y.y",
		[STAGE_PROBATION] = "y..",
		[STAGE_RETIRED] = "...",
	};
	int s, a;

	(void)state;
	for (s = STAGE_NORMAL; s <= STAGE_RETIRED; s++)
		for (a = ACTION_ISOLATE; a <= ACTION_RESTORE; a++)
			assert_int_equal(stage_allows((enum stage)s,
			    (enum plan_action)a), may[s][a] == 'y');
	assert_false(stage_allows(STAGE_NORMAL, (enum plan_action)7));
}

/* The step is also what the case of the host is read off. */
static void
test_case_follows(void **state)
{
	char id[ID_MAX];

	(void)state;
	snprintf(id, sizeof(id), "%s", case_with("a"));
	assert_int_equal(move("a", STAGE_CONTAINED), 0);
	assert_int_equal(sql_int("SELECT state FROM cases WHERE case_id = "
	    "'%s'", id), CASE_CONTAINING);
	assert_int_equal(move("a", STAGE_RECOVERING), 0);
	assert_int_equal(sql_int("SELECT state FROM cases WHERE case_id = "
	    "'%s'", id), CASE_RECOVERING);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASES_TEST(test_each_step),
		CASES_TEST(test_by_name_and_unknown),
		CASES_TEST(test_allows),
		CASES_TEST(test_case_follows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
