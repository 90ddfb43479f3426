/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The dead-man's clock: when it is due, and when never. */
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

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(table)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
