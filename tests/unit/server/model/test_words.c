/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every value has a name and both languages; every name finds its value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/model/words.h"

static const struct {
	enum words w;
	int first, last;
} lists[] = {
	{ WORDS_TIER, TIER_T0, TIER_T3 },
	{ WORDS_STAGE, STAGE_NORMAL, STAGE_RETIRED },
	{ WORDS_PROFILE, PROFILE_OPEN, PROFILE_LIMITED },
	{ WORDS_ACTION, ACTION_ISOLATE, ACTION_LIMIT },
	{ WORDS_PLAN_STATE, PLAN_PROPOSED, PLAN_EXPIRED },
	{ WORDS_ORIGIN, ORIGIN_MANUAL, ORIGIN_POLICY },
	{ WORDS_ORDER_STATE, ORDER_PENDING, ORDER_DRILLED },
	{ WORDS_CASE_STATE, CASE_SUSPECTED, CASE_DISMISSED },
	{ WORDS_SEVERITY, SEV_INFO, SEV_CRITICAL },
	{ WORDS_OUTCOME, OUTCOME_NONE, OUTCOME_WAIVED },
	{ WORDS_ROLE, 0, ROLE_N - 1 },
	{ WORDS_DRILL, DRILL_DRY, DRILL_COUNT },
	{ WORDS_SWEEP_KIND, SWEEP_SHA256, SWEEP_PROCESS },
	{ WORDS_SWEEP_STATE, SWEEP_ASKED, SWEEP_LATE },
};

static void
all_words_are_there(void **state)
{
	size_t i;
	int v, found;

	(void)state;
	assert_int_equal(sizeof(lists) / sizeof(lists[0]), WORDS_N);
	for (i = 0; i < WORDS_N; i++) {
		for (v = lists[i].first; v <= lists[i].last; v++) {
			const char *name = word_name(lists[i].w, v);

			assert_string_not_equal(name, "?");
			assert_string_not_equal(word_text(lists[i].w, v,
			    LANG_EN), "?");
			assert_string_not_equal(word_text(lists[i].w, v,
			    LANG_ZH), "?");
			found = -1;
			assert_int_equal(word_find(lists[i].w, name, &found),
			    0);
			assert_int_equal(found, v);
		}
		assert_string_equal(word_name(lists[i].w,
		    lists[i].first - 1), "?");
		assert_string_equal(word_name(lists[i].w,
		    lists[i].last + 1), "?");
	}
}

static void
what_is_not_there_is_said(void **state)
{
	int v = 42;

	(void)state;
	assert_int_equal(word_find(WORDS_TIER, "T9", &v), ERR_NOENT);
	assert_int_equal(word_find(WORDS_TIER, "", &v), ERR_NOENT);
	assert_int_equal(word_find(WORDS_TIER, NULL, &v), ERR_NOENT);
	assert_int_equal(word_find(WORDS_N, "T0", &v), ERR_NOENT);
	assert_int_equal(v, 42);
	assert_string_equal(word_text(WORDS_N, 0, LANG_EN), "?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_words_are_there),
		cmocka_unit_test(what_is_not_there_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
