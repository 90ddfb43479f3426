/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is left of a finding when packages explain it, and whom a path that
 * several wrote is laid to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/sensors/findings.h"
#include "agent/sensors/tap.h"

#define S(x) CORDON__SEVERITY__SEVERITY_##x

static void
test_weigh(void **state)
{
	static const struct {
		const char *kind;
		Cordon__Severity own; /* of the source; NONE: the kind's */
		enum explain_verdict verdict;
		bool by_role, told;
		Cordon__Severity left;
	} rows[] = {
		{"persist.service", S(NONE), EXPLAIN_PLAIN, true, true,
		    S(NONE)},
		{"persist.service", S(NONE), EXPLAIN_LOUD, false, true,
		    S(NONE)},
		{"persist.service", S(NONE), EXPLAIN_SILENT, false, false,
		    S(NONE)},
		{"persist.service", S(NONE), EXPLAIN_SILENT, true, false,
		    S(LOW)},
		{"persist.service", S(NONE), EXPLAIN_QUIET, true, true,
		    S(LOW)},
		{"persist.removed", S(INFO), EXPLAIN_QUIET, true, true,
		    S(INFO)},
		{"persist.pam-module", S(NONE), EXPLAIN_SILENT, false, false,
		    S(NONE)},
		{"persist.pam-module", S(NONE), EXPLAIN_QUIET, false, true,
		    S(NONE)},
		{"pam.changed", S(NONE), EXPLAIN_SILENT, true, false, S(LOW)},
		{"pam.weakened", S(NONE), EXPLAIN_SILENT, false, false,
		    S(NONE)},
		{"pam.weakened", S(NONE), EXPLAIN_SILENT, true, true,
		    S(NONE)},
		{"account.created", S(NONE), EXPLAIN_SILENT, true, true,
		    S(LOW)},
		{"account.created", S(NONE), EXPLAIN_PLAIN, true, true,
		    S(NONE)},
		{"account.uid0", S(NONE), EXPLAIN_SILENT, true, true,
		    S(NONE)},
		{"account.shell-granted", S(NONE), EXPLAIN_QUIET, true, true,
		    S(NONE)},
		{"sudo.granted", S(NONE), EXPLAIN_SILENT, false, false,
		    S(NONE)},
		{"sudo.granted", S(NONE), EXPLAIN_SILENT, true, true,
		    S(NONE)},
	};
	Cordon__Severity left;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct finding one = {.kind = rows[i].kind,
		    .severity = rows[i].own};
		struct explanation ex = {.verdict = rows[i].verdict,
		    .by_role = rows[i].by_role};

		if (findings_weigh(&one, &ex, &left) != rows[i].told ||
		    (rows[i].told && left != rows[i].left))
			fail_msg("row %zu: %s: %d", i, rows[i].kind,
			    (int)left);
	}
}

/* Whoever came last: one who is no package manager is named. */
static void
test_beside(void **state)
{
	char dpkg[] = "/usr/bin/dpkg", evil[] = "/usr/sbin/useradd";
	struct who package = {.refs = 9, .pid = 10, .start = 1, .real = 1,
	    .grade = CORDON__GRADE__GRADE_EXACT, .program = dpkg};
	struct who other = {.refs = 9, .pid = 11, .start = 1, .real = 1,
	    .grade = CORDON__GRADE__GRADE_EXACT, .program = evil};
	struct who guess = {.refs = 9, .pid = 12, .real = 1,
	    .grade = CORDON__GRADE__GRADE_PARENT, .program = dpkg};
	struct who posing = {.refs = 9, .pid = 13, .start = 1,
	    .grade = CORDON__GRADE__GRADE_EXACT, .program = dpkg};
	struct who *beside[] = {&other, &guess, &posing};
	struct tap *t = tap_new();
	struct tap_item *list;
	bool lost;
	size_t i;

	(void)state;
	assert_non_null(t);
	assert_int_equal(tap_add(t, "/etc/passwd"), 0);
	for (i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
		tap_put(t, "/etc/passwd", &package);
		tap_put(t, "/etc/passwd", beside[i]);
		tap_put(t, "/etc/passwd", &package);
		list = tap_take(t, &lost);
		assert_ptr_equal(list->who, beside[i]);
		assert_int_equal(list->writers, 3);
		tap_items_free(&list);
	}
	tap_put(t, "/etc/passwd", &package);
	list = tap_take(t, &lost);
	assert_ptr_equal(list->who, &package);
	tap_items_free(&list);
	tap_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_weigh),
		cmocka_unit_test(test_beside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
