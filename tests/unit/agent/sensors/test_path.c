/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Paths, ignore rules, and opening without following links. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sensors/ignore.h"
#include "agent/sensors/path.h"

static void
test_clean(void **state)
{
	static const struct {
		const char *path;
		bool clean;
	} rows[] = {{"/", true}, {"/a", true}, {"/a/b.c", true},
	    {"/a/..b", true}, {"/...", true}, {"", false}, {"a", false},
	    {"//", false}, {"/a/", false}, {"/a//b", false}, {"/.", false},
	    {"/a/../b", false}, {"/a/..", false}, {"./a", false}};
	char longest[PATH_LEN + 2];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (path_clean(rows[i].path) != rows[i].clean)
			fail_msg("%s", rows[i].path);
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	longest[PATH_LEN - 1] = '\0';
	assert_true(path_clean(longest));
	longest[PATH_LEN - 1] = 'a';
	longest[PATH_LEN] = '\0';
	assert_false(path_clean(longest));
}

static void
test_split_and_join(void **state)
{
	static const struct {
		const char *path, *dir, *name;
	} rows[] = {{"/a", "/", "a"}, {"/a/b", "/a", "b"},
	    {"/a b/c\n", "/a b", "c\n"}, {"/", NULL, NULL},
	    {"a", NULL, NULL}, {"/a/", NULL, NULL}};
	char dir[PATH_LEN], back[PATH_LEN], full[PATH_LEN];
	const char *name;
	size_t i;
	int r;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		r = path_split(rows[i].path, dir, &name);
		assert_int_equal(r, rows[i].dir == NULL ? ERR_RANGE : 0);
		if (r != 0)
			continue;
		assert_string_equal(dir, rows[i].dir);
		assert_string_equal(name, rows[i].name);
		assert_int_equal(path_join(back, dir, name), 0);
		assert_string_equal(back, rows[i].path);
	}
	memset(full, 'x', sizeof(full));
	full[0] = '/';
	full[PATH_LEN - 1] = '\0';
	assert_int_equal(path_join(back, full, "y"), ERR_LIMIT);
}

static void
test_under(void **state)
{
	static const struct {
		const char *path, *top;
		bool under;
	} rows[] = {{"/a", "/a", true}, {"/a/b", "/a", true},
	    {"/ab", "/a", false}, {"/a", "/a/b", false}, {"/x", "/", true},
	    {"/", "/a", false}, {"/a\n/b", "/a\n", true}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (path_under(rows[i].path, rows[i].top) != rows[i].under)
			fail_msg("%s %s", rows[i].path, rows[i].top);
}

static void
test_ignore(void **state)
{
	static const char *const rules[] = {"/var/log", "*.swp", "*~",
	    "/etc/mtab"};
	static const struct {
		const char *path;
		bool ignored;
	} rows[] = {{"/var/log", true}, {"/var/log/a/b", true},
	    {"/var/logs", false}, {"/etc/mtab", true},
	    {"/etc/mtab2", false}, {"/x/a.swp", true}, {"/x/a.swpx", false},
	    {"/x/a~", true}, {"/x/swp", false}, {"/own/state/f", true}};
	struct ignore *ig;
	struct why why;
	size_t i;

	(void)state;
	assert_int_equal(ignore_new((char *const *)(uintptr_t)rules, 4, &ig,
	    &why), 0);
	assert_int_equal(ignore_add_path(ig, "/own/state"), 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (ignore_has(ig, rows[i].path) != rows[i].ignored)
			fail_msg("%s", rows[i].path);
	assert_false(ignore_has(NULL, "/var/log"));
	ignore_free(&ig);
}

static void
test_bad_ignore_rules(void **state)
{
	static const char *const rules[] = {"", "/", "relative", "*", "*.a*",
	    "*/x", "/a/../b", "/a/", "a*", "*.[ch]"};
	struct ignore *ig = NULL;
	struct why why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (ignore_new((char *const *)(uintptr_t)&rules[i], 1, &ig,
		    &why) != ERR_CONFIG)
			fail_msg("%s", rules[i]);
}

static void
test_links_are_not_followed(void **state)
{
	char dir[] = "/tmp/cordon-path-XXXXXX", real[64], file[80], link[64],
	    through[80];
	const char *name;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(real, sizeof(real), "%s/real", dir);
	snprintf(file, sizeof(file), "%s/file", real);
	snprintf(link, sizeof(link), "%s/link", dir);
	snprintf(through, sizeof(through), "%s/file", link);
	assert_int_equal(mkdir(real, 0700), 0);
	fd = open(file, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(symlink(real, link), 0);
	fd = path_open(file, O_RDONLY);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(path_open(through, O_RDONLY), -1);
	assert_int_equal(path_open(link, O_RDONLY), -1);
	assert_int_equal(path_open_parent(through, &name), -1);
	assert_int_equal(path_open("relative", O_RDONLY), -1);
	unlink(file);
	unlink(link);
	rmdir(real);
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_split_and_join),
		cmocka_unit_test(test_under),
		cmocka_unit_test(test_ignore),
		cmocka_unit_test(test_bad_ignore_rules),
		cmocka_unit_test(test_links_are_not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
