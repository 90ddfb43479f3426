/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The baseline: written, found again, changed, committed; and every kind of
 * damage refused.
 */
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

#include "agent/sensors/baseline.h"
#include "common/base/buf.h"
#include "common/base/file.h"

static char dir[] = "/tmp/cordon-baseline-XXXXXX";
static char path[64];

static const char *const names[][2] = {
	{"/", "etc"}, {"/etc", "a"}, {"/etc", "b"}, {"/etc", "ssh"},
	{"/etc-x", "between"}, {"/etc/ssh", "config"}, {"/etc/ssh", "key"},
	{"/var", "z"},
};
#define N (sizeof(names) / sizeof(names[0]))

static int
make_dir(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/baseline", dir);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static void
write_sample(void)
{
	struct entry e[N];
	struct rec rec[N];
	struct why why;
	size_t i;

	memset(e, 0, sizeof(e));
	for (i = 0; i < N; i++) {
		e[i].size = i;
		e[i].mode = S_IFREG | 0644;
		rec[i] = (struct rec){names[i][0], names[i][1], &e[i]};
	}
	assert_int_equal(baseline_write(path, rec, N, &why), 0);
}

static void
read_file(struct buf *b)
{
	struct why why;

	buf_init(b, 65536);
	assert_int_equal(file_read(path, b, &why), 0);
}

static struct baseline *
open_sample(void)
{
	struct baseline *b = NULL;
	struct why why;

	assert_int_equal(baseline_open(path, &b, &why), 0);
	return b;
}

static void
test_find(void **state)
{
	static const struct {
		const char *path;
		int size; /* -1: not there */
	} rows[] = {
		{"/etc", 0}, {"/etc/a", 1}, {"/etc/ssh", 3},
		{"/etc-x/between", 4}, {"/etc/ssh/key", 6}, {"/var/z", 7},
		{"/etc/c", -1}, {"/", -1}, {"/etc/ssh/", -1},
		{"/var/z/a", -1}, {"etc/a", -1}, {"/zzz", -1},
	};
	struct baseline *b;
	struct entry e;
	size_t i;

	(void)state;
	write_sample();
	b = open_sample();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool has = baseline_get(b, rows[i].path, &e);

		if (has != (rows[i].size >= 0) ||
		    (has && e.size != (uint64_t)rows[i].size))
			fail_msg("%s", rows[i].path);
	}
	assert_int_equal(baseline_count(b), N);
	baseline_free(&b);
}

static int
count_fn(void *arg, const char *p, const struct entry *e)
{
	(void)p;
	(void)e;
	(*(size_t *)arg)++;
	return 0;
}

static size_t
count_below(const struct baseline *b, const char *top)
{
	size_t n = 0;

	assert_int_equal(baseline_each(b, top, count_fn, &n), 0);
	return n;
}

static void
test_each(void **state)
{
	static const struct {
		const char *top;
		size_t n;
	} rows[] = {{"/etc", 6}, {"/etc/ssh", 3}, {"/etc-x", 1}, {"/", N},
	    {"/var/z", 1}, {"/et", 0}, {"/nothing", 0}};
	struct baseline *b;
	size_t i;

	(void)state;
	write_sample();
	b = open_sample();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (count_below(b, rows[i].top) != rows[i].n)
			fail_msg("%s: %zu", rows[i].top,
			    count_below(b, rows[i].top));
	baseline_free(&b);
}

static void
test_change_and_commit(void **state)
{
	struct baseline *b;
	struct entry e = {.size = 99, .mode = S_IFREG};
	struct why why;
	struct rec rec;
	size_t i;
	char name[32];

	(void)state;
	write_sample();
	b = open_sample();
	assert_int_equal(baseline_put(b, "/etc/a", NULL), 0);
	assert_int_equal(baseline_put(b, "/etc/b", &e), 0);
	assert_int_equal(baseline_put(b, "/new", &e), 0);
	assert_int_equal(baseline_put(b, "/never/was", NULL), 0);
	for (i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "/var/n%zu", i);
		assert_int_equal(baseline_put(b, name, &e), 0);
	}
	assert_int_equal(baseline_count(b), N + 500);
	assert_int_equal(count_below(b, "/var"), 501);
	assert_int_equal(baseline_commit(&b, path, &why), 0);
	assert_int_equal(baseline_pending(b), 0);
	assert_int_equal(baseline_filed(b), N + 500);
	assert_false(baseline_get(b, "/etc/a", &e));
	assert_true(baseline_get(b, "/etc/b", &e) && e.size == 99);
	assert_true(baseline_get(b, "/new", &e));
	assert_true(baseline_get(b, "/var/n499", &e));
	baseline_at(b, baseline_filed(b) - 1, &rec);
	assert_string_equal(rec.dir, "/var");
	baseline_free(&b);
}

/* One byte changed anywhere: never accepted. */
static void
test_every_byte_counts(void **state)
{
	struct baseline *b = NULL;
	struct buf text;
	struct why why;
	size_t i;

	(void)state;
	write_sample();
	read_file(&text);
	for (i = 0; i < text.len; i++) {
		text.data[i] ^= 0x41;
		if (baseline_from(text.data, text.len, &b, &why) !=
		    ERR_CORRUPT)
			fail_msg("byte %zu", i);
		text.data[i] ^= 0x41;
	}
	for (i = 0; i < text.len; i++)
		assert_int_equal(baseline_from(text.data, i, &b, &why),
		    ERR_CORRUPT);
	assert_int_equal(baseline_from(text.data, text.len, &b, &why), 0);
	baseline_free(&b);
	buf_done(&text);
}

/* The digest fits, the content does not: an attacker can make that. */
static void
test_bad_content_with_good_digest(void **state)
{
	static const struct {
		const char *what;
		size_t at; /* bytes from the start */
		uint32_t value;
	} rows[] = {
		{"folders", 8, 1}, {"entries", 12, 4000000},
		{"names", 16, 7}, {"first name", 32 + 84, 0xfffffff0},
		{"order of names", 32 + 88 + 84, 30},
		{"folder path", 32 + 88 * N, 0x7fffffff},
		{"folder first", 32 + 88 * N + 4, 1},
		{"folder count", 32 + 88 * N + 8, 0},
		{"folder count large", 32 + 88 * N + 8, 0xffffffff},
	};
	struct baseline *b = NULL;
	struct buf text;
	struct why why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_sample();
		read_file(&text);
		memcpy(text.data + rows[i].at, &rows[i].value, 4);
		digest_of(text.data, text.len - DIGEST_LEN,
		    text.data + text.len - DIGEST_LEN);
		if (baseline_from(text.data, text.len, &b, &why) !=
		    ERR_CORRUPT)
			fail_msg("%s", rows[i].what);
		buf_done(&text);
	}
}

static void
test_missing_and_empty(void **state)
{
	struct baseline *b = NULL;
	struct why why;

	(void)state;
	unlink(path);
	assert_int_equal(baseline_open(path, &b, &why), ERR_NOENT);
	assert_int_equal(file_write(path, "", 0, 0600, &why), 0);
	assert_int_equal(baseline_open(path, &b, &why), ERR_CORRUPT);
	assert_int_equal(baseline_write(path, NULL, 0, &why), 0);
	b = open_sample();
	assert_int_equal(baseline_count(b), 0);
	assert_int_equal(count_below(b, "/"), 0);
	baseline_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_change_and_commit),
		cmocka_unit_test(test_every_byte_counts),
		cmocka_unit_test(test_bad_content_with_good_digest),
		cmocka_unit_test(test_missing_and_empty),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
