/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Our lists, and what all lists together say of a path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/packages/dpkg.h"
#include "agent/packages/packages.h"
#include "common/packages/sums.h"
#include "common/base/file.h"

#define EMPTY "d41d8cd98f00b204e9800998ecf8427e"

static char dir[] = "/tmp/cordon-packages-XXXXXX";

static struct slice
text_of(const char *text)
{
	return (struct slice){text, strlen(text)};
}

static void
put(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(file_write(path, text, strlen(text), 0644, NULL), 0);
}

static void
test_our_list(void **state)
{
	const struct slice name = text_of("bash"), ver = text_of("2:5.2-1"),
	    arch = text_of("amd64");
	struct sums_row row = {.type = 'f', .mode = 04755, .uid = 1,
	    .gid = 2, .path = text_of("usr/bin/a b")}, got;
	char file[SUMS_NAME_MAX];
	struct slice text;
	struct buf b;

	(void)state;
	memset(row.sha256, 0xab, sizeof(row.sha256));
	buf_init(&b, 4096);
	assert_int_equal(sums_name(file, name, ver, arch), 0);
	assert_string_equal(file, "bash_2%3a5.2-1_amd64.sums");
	assert_int_equal(sums_name(file, text_of("../x"), ver, arch),
	    ERR_RANGE);
	assert_int_equal(sums_name(file, text_of(""), ver, arch), ERR_RANGE);
	assert_int_equal(sums_begin(&b, name, ver, arch), 0);
	assert_int_equal(sums_add(&b, &row), 0);
	row.type = 'd';
	row.mode = 0755;
	row.path = text_of("etc");
	assert_int_equal(sums_add(&b, &row), 0);
	row.path = text_of("a\nb");
	assert_int_equal(sums_add(&b, &row), ERR_RANGE);
	buf_add_str(&b, "f 00 755 0 0 usr/bad\nf\nx - 1 1 1 y\nd - 9 0 0 z\n"
	    "d - 755 0 4294967296 z\nd - 755 -1 0 z\nd - 755 0 0 \n");

	text = (struct slice){(const char *)b.data, b.len};
	assert_false(sums_open(&text, name, text_of("2:5.2-2"), arch));
	text = (struct slice){(const char *)b.data, b.len};
	assert_true(sums_open(&text, name, ver, arch));
	assert_true(sums_next(&text, &got));
	assert_int_equal(got.type, 'f');
	assert_int_equal(got.mode, 04755);
	assert_int_equal(got.uid, 1);
	assert_int_equal(got.gid, 2);
	assert_int_equal(got.sha256[31], 0xab);
	assert_true(slice_is(got.path, "usr/bin/a b"));
	assert_true(sums_next(&text, &got));
	assert_int_equal(got.type, 'd');
	assert_true(slice_is(got.path, "etc"));
	assert_false(sums_next(&text, &got));
	buf_done(&b);
}

static bool
below_srv(void *arg, const char *path)
{
	(void)arg;
	return strncmp(path, "/srv/", 5) == 0;
}

static struct packages *
read_all(bool few)
{
	struct packages_from from = {.dpkg = dir,
	    .wanted = few ? below_srv : NULL};
	struct packages *p = NULL;
	char lists[256];
	struct why why;

	snprintf(lists, sizeof(lists), "%s/lists", dir);
	from.lists = lists;
	assert_int_equal(packages_read(&from, &p, &why), 0);
	return p;
}

static void
make_host(void)
{
	static const char zeros[] = "0000000000000000000000000000000000000000"
	    "000000000000000000000000";
	char text[512];

	put("status",
	    "Package: one\nStatus: install ok installed\nVersion: 1\n"
	    "Architecture: all\nConffiles:\n /srv/conf " EMPTY "\n\n"
	    "Package: two\nStatus: install ok installed\nVersion: 2\n"
	    "Architecture: amd64\nMulti-Arch: same\n\n"
	    "Package: off\nStatus: deinstall ok config-files\nVersion: 3\n"
	    "Architecture: all\n\n");
	put("info/one.md5sums", EMPTY "  srv/a\n" EMPTY "  srv/div\n"
	    EMPTY "  opt/x\n");
	put("info/one.list", "/.\n/srv\n/srv/a\n/srv/conf\n/srv/div\n"
	    "/srv/link\n");
	put("info/two:amd64.md5sums", EMPTY "  srv/div\n" EMPTY "  srv/b\n");
	put("info/off.list", "/srv/off\n");
	put("diversions", "/srv/div\n/srv/div.old\ntwo\n");
	put("statoverride", "root root 4755 /srv/a\n");
	snprintf(text, sizeof(text), "cordon-package 1\ntwo 2 amd64\n"
	    "f %s 755 0 0 srv/b\nl %s 777 0 0 srv/l\n", zeros, zeros);
	put("lists/two_2_amd64.sums", text);
}

static void
test_who_says_what(void **state)
{
	static const uint8_t zeros[DIGEST_LEN], ones[DIGEST_LEN] = {1};
	struct packages_file f[PACKAGES_FILES_MAX];
	struct packages *p;
	uint32_t mode = 0;

	(void)state;
	make_host();
	p = read_all(false);
	assert_int_equal(packages_count(p), 3);
	assert_int_equal(packages_find(p, "/srv/a", f), 1);
	assert_int_equal(f[0].say, PACKAGES_MD5);
	assert_string_equal(f[0].package, "one 1 all");
	assert_int_equal(f[0].sum[0], 0xd4);
	assert_int_equal(packages_find(p, "/srv/conf", f), 1);
	assert_int_equal(f[0].say, PACKAGES_CONFFILE);
	assert_true(f[0].conffile);
	assert_int_equal(packages_find(p, "/srv/link", f), 1);
	assert_int_equal(f[0].say, PACKAGES_LISTED);
	assert_null(f[0].sum);
	assert_int_equal(packages_find(p, "/srv/off", f), 0);
	assert_int_equal(packages_find(p, "/srv/none", f), 0);
	assert_int_equal(packages_find(p, "/opt/x", f), 1);
	/* Diverted: the file of "one" lies at div.old, that of "two" at div. */
	assert_int_equal(packages_find(p, "/srv/div", f), 1);
	assert_string_equal(f[0].package, "two 2 amd64");
	assert_int_equal(packages_find(p, "/srv/div.old", f), 1);
	assert_string_equal(f[0].package, "one 1 all");
	assert_true(packages_override(p, "/srv/a", &mode));
	assert_int_equal(mode, 04755);
	assert_false(packages_override(p, "/srv/b", &mode));
	if (getuid() == 0) { /* lists count when they are root's */
		assert_int_equal(packages_find(p, "/srv/b", f), 1);
		assert_int_equal(f[0].say, PACKAGES_SHA256);
		assert_int_equal(packages_find(p, "/srv/l", f), 1);
		assert_int_equal(f[0].type, 'l');
		assert_string_equal(packages_content(p, zeros, NULL),
		    "two 2 amd64");
	}
	assert_null(packages_content(p, ones, NULL));
	packages_free(&p);
	assert_null(p);

	p = read_all(true);
	assert_int_equal(packages_find(p, "/opt/x", f), 0);
	assert_int_equal(packages_find(p, "/srv/a", f), 1);
	assert_false(packages_stale(p));
	put("status", "Package: new\n");
	assert_true(packages_stale(p));
	packages_free(&p);
}

static void
test_lists_that_others_can_write_do_not_count(void **state)
{
	struct packages_file f[PACKAGES_FILES_MAX];
	struct packages *p;
	char path[256];

	(void)state;
	make_host();
	snprintf(path, sizeof(path), "%s/lists/two_2_amd64.sums", dir);
	chmod(path, 0666);
	p = read_all(false);
	assert_int_equal(packages_find(p, "/srv/b", f), 1);
	assert_int_equal(f[0].say, PACKAGES_MD5);
	packages_free(&p);
}

/* While dpkg works, its last word is in updates/. */
static void
test_journal(void **state)
{
	struct packages_file f[PACKAGES_FILES_MAX];
	struct packages *p;
	char path[256];

	(void)state;
	make_host();
	put("updates/0000", "Package: one\nStatus: install ok unpacked\n"
	    "Version: 1.1\nArchitecture: all\n");
	put("updates/0001", "Package: one\nStatus: install ok installed\n"
	    "Version: 1.2\nArchitecture: all\n");
	put("updates/0002", "Package: new\nStatus: install ok unpacked\n"
	    "Version: 1\nArchitecture: all\n");
	put("info/new.md5sums", EMPTY "  srv/new\n");
	p = read_all(false);
	assert_int_equal(packages_count(p), 4);
	assert_int_equal(packages_find(p, "/srv/a", f), 1);
	assert_string_equal(f[0].package, "one 1.2 all");
	assert_int_equal(packages_find(p, "/srv/new", f), 1);
	packages_free(&p);
	snprintf(path, sizeof(path), "rm -r %s/updates/*", dir);
	assert_int_equal(system(path), 0);
}

static void
test_no_dpkg(void **state)
{
	const struct packages_from from = {.dpkg = "/nonexistent",
	    .lists = ""};
	struct packages *p = NULL;
	struct why why;

	(void)state;
	assert_int_equal(packages_read(&from, &p, &why), ERR_NOENT);
	assert_null(p);
}

static int
setup(void **state)
{
	char path[256];

	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/info", dir);
	if (mkdir(path, 0755) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/updates", dir);
	if (mkdir(path, 0755) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/lists", dir);
	return mkdir(path, 0755);
}

static int
teardown(void **state)
{
	char line[300];

	(void)state;
	snprintf(line, sizeof(line), "rm -r %s", dir);
	return system(line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_our_list),
	    cmocka_unit_test(test_who_says_what),
	    cmocka_unit_test(test_lists_that_others_can_write_do_not_count),
	    cmocka_unit_test(test_journal),
	    cmocka_unit_test(test_no_dpkg),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
