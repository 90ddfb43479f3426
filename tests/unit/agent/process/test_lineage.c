/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who came from whom: forks and starts in and out of order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <string.h>

#include "agent/process/lineage.h"

static void
test_a_child_runs_what_its_parent_runs(void **state)
{
	struct lineage *l = lineage_new();
	struct lineage_entry e;

	(void)state;
	lineage_started(l, 10, "/usr/bin/bash", 5);
	lineage_ids(l, 10, 1, 1000, false, false);
	lineage_cause(l, 10, "U-1");
	lineage_forked(l, 10, 11, 6);
	assert_true(lineage_get(l, 11, &e));
	assert_int_equal(e.parent, 10);
	assert_string_equal(e.program, "/usr/bin/bash");
	assert_string_equal(e.before, "");
	assert_string_equal(e.cause, "U-1");
	assert_true(e.ids_known && e.uid == 1000);
	lineage_started(l, 11, "/usr/bin/ls", 7);
	lineage_started(l, 11, "/usr/bin/ls", 8); /* the other source */
	assert_true(lineage_get(l, 11, &e));
	assert_string_equal(e.program, "/usr/bin/ls");
	assert_string_equal(e.before, "/usr/bin/bash");
	assert_false(lineage_get(l, 12, &e));
	lineage_free(&l);
	lineage_free(&l);
}

static void
test_a_fork_that_comes_late_takes_nothing_back(void **state)
{
	struct lineage *l = lineage_new();
	struct lineage_entry e;

	(void)state;
	lineage_started(l, 10, "/usr/bin/bash", 5);
	lineage_started(l, 11, "/tmp/x", 7); /* fanotify was faster */
	lineage_cause(l, 10, "U-1");
	lineage_mark(l, 10, LINEAGE_BUILDER);
	lineage_forked(l, 10, 11, 6);
	assert_true(lineage_get(l, 11, &e));
	assert_string_equal(e.program, "/tmp/x");
	assert_int_equal(e.parent, 10);
	assert_string_equal(e.cause, "U-1");
	assert_int_equal(e.marks, LINEAGE_BUILDER);
	/* The number is used again, by one whose parent is not known. */
	lineage_forked(l, 99, 11, 8);
	assert_true(lineage_get(l, 11, &e));
	assert_string_equal(e.program, "");
	assert_false(e.ids_known);
	assert_int_equal(e.marks, 0);
	lineage_free(&l);
}

static void
test_it_is_bounded(void **state)
{
	struct lineage *l = lineage_new();
	struct lineage_entry e;
	pid_t pid;

	(void)state;
	for (pid = 1; pid <= 5 * LINEAGE_MAX; pid++)
		lineage_forked(l, pid - 1, pid, (uint64_t)pid);
	assert_false(lineage_get(l, 1, &e));
	assert_true(lineage_get(l, 5 * LINEAGE_MAX, &e));
	lineage_forked(l, 1, 0, 1);
	lineage_seen(l, -1, "x");
	lineage_free(&l);
}

static void
test_starts_wait_for_the_one_who_follows(void **state)
{
	struct lineage *l = lineage_new();
	struct pollfd p = {.events = POLLIN};
	pid_t pid, i;
	bool lost;

	(void)state;
	lineage_seen(l, 5, "/bin/a"); /* nobody follows yet */
	p.fd = lineage_follow(l);
	assert_int_equal(poll(&p, 1, 0), 0);
	for (i = 1; i <= LINEAGE_STARTS_MAX + 1; i++)
		lineage_seen(l, i, "/bin/b");
	assert_int_equal(poll(&p, 1, 0), 1);
	assert_true(lineage_next(l, &pid, &lost));
	assert_true(lost && pid == 1);
	for (i = 2; i <= LINEAGE_STARTS_MAX; i++) {
		assert_true(lineage_next(l, &pid, &lost));
		assert_true(!lost && pid == i);
	}
	assert_false(lineage_next(l, &pid, &lost));
	assert_int_equal(poll(&p, 1, 0), 0);
	lineage_free(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_child_runs_what_its_parent_runs),
		cmocka_unit_test(test_a_fork_that_comes_late_takes_nothing_back),
		cmocka_unit_test(test_it_is_bounded),
		cmocka_unit_test(test_starts_wait_for_the_one_who_follows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
