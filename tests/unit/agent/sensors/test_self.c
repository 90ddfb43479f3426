/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which processes and programs are ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/sensors/roots.h"
#include "agent/sensors/self.h"

static void
test_children(void **state)
{
	pid_t pid[SELF_KIN_MAX];

	(void)state;
	assert_int_equal(self_children("", pid), 0);
	assert_int_equal(self_children("12 345 7 ", pid), 3);
	assert_int_equal(pid[0], 12);
	assert_int_equal(pid[2], 7);
	assert_int_equal(self_children("5 x 6", pid), 1);
	assert_int_equal(self_children("-1 0 6", pid), 1);
	assert_int_equal(self_children("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 "
	    "16 17 18", pid), SELF_KIN_MAX);
}

static void
test_programs(void **state)
{
	static const struct {
		const char *program, *dir;
		bool own;
	} rows[] = {
		{"/usr/libexec/cordon/agent-network", "/usr/libexec/cordon",
		    true},
		{"/usr/sbin/cordon-agent", "/usr/libexec/cordon", true},
		{"/usr/libexec/cordon", "/usr/libexec/cordon", false},
		{"/usr/libexec/cordon2/x", "/usr/libexec/cordon", false},
		{"/tmp/cordon-agent", "/usr/libexec/cordon", false},
		{"/usr/bin/cp", "", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(self_is_own(rows[i].program, rows[i].dir),
		    rows[i].own);
}

static void
test_units(void **state)
{
	static const struct {
		const char *path;
		bool own;
	} rows[] = {
		{"/etc/systemd/system/cordon-agent.service", true},
		{"/usr/lib/systemd/system/cordon-agent-restore.service",
		    true},
		{"/etc/systemd/system/cordon-agent.service.d/x.conf", true},
		{"/usr/lib/systemd/system/cordon-agent.service.dpkg-new",
		    false},
		{"/etc/systemd/system/cordon-collector.service", false},
		{"/etc/systemd/system/other.service", false},
		{"/home/x/cordon-agent.service", false},
	};
	struct roots r = {.n = 0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(roots_is_own(&r, rows[i].path),
		    rows[i].own);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_children),
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
