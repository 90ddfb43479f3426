/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deadlines and the dead-man's clock: when they are due, and when never. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/enforcer/deadman.h"

static void
table(void **state)
{
	static const struct {
		uint32_t after;
		Cordon__DeadManThen then;
		int64_t heard, at; /* ms; heard 0: never */
		bool due;
		Cordon__Profile profile;
	} cases[] = {
	    {10, 2, 0, 10999, false, 0},
	    {10, 2, 0, 11000, true, CORDON__PROFILE__PROFILE_OPEN},
	    {10, 1, 0, 20000, true, CORDON__PROFILE__PROFILE_RECOVERY},
	    {10, 0, 0, 99000, false, 0},
	    {0, 2, 0, 99000, false, 0},
	    {10, 2, 9000, 11000, false, 0},
	    {10, 2, 9000, 19000, true, CORDON__PROFILE__PROFILE_OPEN},
	};
	Cordon__DeadMan order = CORDON__DEAD_MAN__INIT;
	Cordon__Profile profile;
	struct deadman d;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		order.after_seconds = cases[i].after;
		order.then = cases[i].then;
		profile = 0;
		deadman_set(&d, &order, 1000);
		if (cases[i].heard != 0)
			deadman_heard(&d, cases[i].heard);
		assert_int_equal(deadman_due(&d, cases[i].at, &profile),
		    cases[i].due);
		assert_int_equal(profile, cases[i].profile);
		if (cases[i].due) /* once */
			assert_false(deadman_due(&d, 1 << 30, &profile));
	}
	deadman_set(&d, NULL, 1000);
	deadman_heard(&d, 2000);
	assert_false(deadman_due(&d, 1 << 30, &profile));
}

static void
deadlines(void **state)
{
	static const struct {
		uint32_t confirm, drill;
		bool restore;
		/* the order was issued at 5000, review 9000; boot is 100 */
		int64_t confirm_at, restore_at;
	} cases[] = {
	    {0, 0, false, 0, 0},
	    {3, 0, false, 3100, 0},
	    {0, 2, false, 0, 120100},
	    {0, 0, true, 0, 4100}, /* whatever the wall clock says */
	    {1, 1, true, 1100, 60100},
	};
	Cordon__OrderBody b = CORDON__ORDER_BODY__INIT;
	struct deadlines d;
	size_t i;

	(void)state;
	b.issued_at_ms = 5000;
	b.review_by_ms = 9000;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		b.confirm_seconds = cases[i].confirm;
		b.drill_minutes = cases[i].drill;
		b.mode = cases[i].drill > 0 ?
		    CORDON__MODE__MODE_DRILL_LIVE :
		    CORDON__MODE__MODE_ENFORCE;
		b.review_then = cases[i].restore ?
		    CORDON__REVIEW_THEN__REVIEW_RESTORE :
		    CORDON__REVIEW_THEN__REVIEW_REMIND;
		deadlines_of(&b, 100, &d);
		assert_int_equal(d.confirm_boot_ms, cases[i].confirm_at);
		assert_int_equal(d.restore_boot_ms, cases[i].restore_at);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(table),
	    cmocka_unit_test(deadlines)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
