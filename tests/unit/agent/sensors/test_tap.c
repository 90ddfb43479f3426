/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which paths another sensor hears of, and how many wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "agent/sensors/tap.h"

static void
test_patterns(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool fits;
	} rows[] = {
		{"/etc/passwd", "/etc/passwd", true},
		{"/etc/passwd", "/etc/passwd-", false},
		{"/etc/passwd", "/etc/passw", false},
		{"/etc/passwd", "/etc", true}, /* a folder above it */
		{"/etc/passwd", "/et", false},
		{"/etc/sudoers.d/*", "/etc/sudoers.d/a", true},
		{"/etc/sudoers.d/*", "/etc/sudoers.d", true},
		{"/etc/sudoers.d/*", "/etc/sudoers", false},
		{"/etc/sudoers.d/*", "/etc/sudoers.d/a/b", true},
		{"*/.ssh/authorized_keys", "/root/.ssh/authorized_keys",
		    true},
		{"*/.ssh/authorized_keys", "/home/a/.ssh/authorized_keys",
		    true},
		{"*/.ssh/authorized_keys", "/home/a/.ssh/authorized_key",
		    false},
		{"*/.ssh/authorized_keys", "/home/a/.ssh", false},
		{"/usr/lib/*/security/*", "/usr/lib/x/security/a.so", true},
		{"/usr/lib/*/security/*", "/usr/lib/x/securit/a.so", false},
		{"/a/b[", "/a/b[", true},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (tap_fits(rows[i].pattern, rows[i].path) != rows[i].fits)
			fail_msg("%s %s", rows[i].pattern, rows[i].path);
}

static bool
readable(const struct tap *t)
{
	struct pollfd p = {tap_fd(t), POLLIN, 0};

	return poll(&p, 1, 0) == 1;
}

static void
test_items(void **state)
{
	struct tap *t = tap_new();
	struct tap_item *list;
	char path[32];
	bool lost;
	int i, n = 0;

	(void)state;
	assert_non_null(t);
	assert_false(tap_wants(NULL, "/a/b"));
	tap_put(NULL, "/a/b", NULL);
	tap_lose(NULL);
	assert_int_equal(tap_add(t, "/a/*"), 0);
	assert_int_equal(tap_add(t, "/etc/pam.d/*"), 0);
	assert_int_equal(tap_add(t, "*/.bashrc"), 0);
	assert_true(tap_wants(t, "/etc/pam.d/x"));
	assert_true(tap_wants(t, "/etc"));
	assert_false(tap_wants(t, "/etd/pam.d/x"));
	assert_false(tap_wants(t, "/"));
	assert_true(tap_wants(t, "/x/.bashrc"));
	assert_false(tap_wants(t, "/x/bashrc"));
	tap_put(t, "/b/c", NULL);
	assert_false(readable(t));
	tap_put(t, "/a/b", NULL);
	tap_put(t, "/a/b", NULL);
	assert_true(readable(t));
	list = tap_take(t, &lost);
	assert_false(readable(t));
	assert_false(lost);
	assert_string_equal(list->path, "/a/b");
	assert_null(list->next);
	tap_items_free(&list);
	for (i = 0; i < TAP_ITEMS_MAX + 3; i++) {
		snprintf(path, sizeof(path), "/a/%d", i);
		tap_put(t, path, NULL);
	}
	list = tap_take(t, &lost);
	assert_true(lost);
	for (struct tap_item *it = list; it != NULL; it = it->next)
		n++;
	assert_int_equal(n, TAP_ITEMS_MAX);
	tap_items_free(&list);
	assert_null(tap_take(t, &lost));
	assert_false(lost);
	tap_put(t, "/a/x", NULL); /* freed with it */
	tap_free(&t);
	assert_null(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_patterns),
	    cmocka_unit_test(test_items),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
