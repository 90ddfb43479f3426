/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Canaries: names that sort, documents, and folders that are links. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/tool/canary_place.h"
#include "common/base/file.h"

static char top[64];

static const char *
at(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	return path;
}

static int
setup(void **state)
{
	(void)state;
	strcpy(top, "/tmp/ccan-XXXXXX");
	return mkdtemp(top) == NULL;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", top);
	return system(command);
}

static void
test_names_sort(void **state)
{
	static const char *const names[] = {"", "a", "0", "00 a", "Z",
	    "zz-top", "\xe4\xb8\xad\xe6\x96\x87", "!x", "0000 b"};
	char name[CANARY_NAME_MAX];
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (k = 0; k < 50; k++) {
			canary_name(name, "csv", names[i], NULL);
			assert_true(names[i][0] == '\0' ||
			    strcmp(name, names[i]) < 0);
			assert_string_equal(strrchr(name, '.'), ".csv");
			canary_name(name, "csv", "", names[i]);
			assert_true(strcmp(name, names[i]) > 0);
		}
}

static void
test_bodies(void **state)
{
	static const struct {
		const char *ending, *head;
	} rows[] = {{"pdf", "%PDF-1.4\n"}, {"docx", "PK\3\4"},
	    {"csv", "date,"}, {"xml", "<?xml"}, {"txt", ""}, {"md", ""},
	    {"log", ""}};
	struct buf a, b;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_init(&a, CANARY_BODY_MAX);
		buf_init(&b, CANARY_BODY_MAX);
		assert_true(canary_can(rows[i].ending));
		assert_int_equal(canary_body(rows[i].ending, &a), 0);
		assert_int_equal(canary_body(rows[i].ending, &b), 0);
		assert_in_range(a.len, 3000, CANARY_BODY_MAX);
		assert_memory_equal(a.data, rows[i].head,
		    strlen(rows[i].head));
		assert_false(a.len == b.len &&
		    memcmp(a.data, b.data, a.len) == 0);
		buf_done(&a);
		buf_done(&b);
	}
	assert_false(canary_can("exe"));
}

static void
put(const char *name)
{
	assert_int_equal(file_write(at(name), "x", 1, 0640, NULL), 0);
}

static void
test_places(void **state)
{
	struct place p[4];

	(void)state;
	assert_int_equal(mkdir(at("b"), 0755), 0);
	assert_int_equal(mkdir(at("a"), 0755), 0);
	assert_int_equal(mkdir(at("a/deep"), 0755), 0);
	assert_int_equal(mkdir(at(".hidden"), 0755), 0);
	assert_int_equal(symlink("/etc", at("c")), 0);
	put("one.csv");
	put("two.csv");
	put("x.pdf");
	put("a/n.pdf");
	/* by breadth, then name; no link, nothing hidden */
	assert_int_equal(place_find(top, 3, p), 4);
	assert_string_equal(p[0].path, top);
	assert_string_equal(p[1].path, at("a"));
	assert_string_equal(p[2].path, at("b"));
	assert_string_equal(p[3].path, at("a/deep"));
	assert_string_equal(p[0].ending, "csv");
	assert_string_equal(p[1].ending, "pdf");
	assert_string_equal(p[2].ending, "");
	assert_string_equal(p[0].first, "a");
	assert_string_equal(p[0].last, "x.pdf");
	assert_int_equal(p[0].mode, 0640);
	assert_int_equal(place_find(top, 1, p), 2);
	assert_int_equal(place_find(at("not there"), 3, p), 0);
	assert_int_equal(place_find(at("c"), 3, p), 0);
}

static void
test_make_check_remove(void **state)
{
	struct canary_file f;
	struct place p[1];
	struct buf body;
	struct stat st;
	struct why why;

	(void)state;
	put("one.csv");
	buf_init(&body, CANARY_BODY_MAX);
	assert_int_equal(place_find(top, 0, p), 1);
	assert_int_equal(place_plan(&p[0], false, &f, &body), 0);
	assert_int_equal(place_check(&f), ERR_NOENT);
	assert_int_equal(place_make(&p[0], &f, &body, &why), 0);
	assert_int_equal(place_check(&f), 0);
	assert_int_equal(stat(f.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	/* never over something that is there */
	assert_int_not_equal(place_make(&p[0], &f, &body, &why), 0);
	assert_int_equal(place_remove(&f), 0);
	assert_int_equal(place_remove(&f), ERR_NOENT);
	/* what is no longer ours is left */
	assert_int_equal(place_make(&p[0], &f, &body, &why), 0);
	assert_int_equal(truncate(f.path, 10), 0);
	assert_int_equal(place_remove(&f), ERR_CRYPTO);
	assert_int_equal(unlink(f.path), 0);
	assert_int_equal(symlink("/etc/passwd", f.path), 0);
	assert_int_equal(place_remove(&f), ERR_CRYPTO);
	assert_int_equal(place_make(&p[0], &f, &body, &why), ERR_IO);
	buf_done(&body);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names_sort),
	    cmocka_unit_test(test_bodies),
	    T(test_places),
	    T(test_make_check_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
