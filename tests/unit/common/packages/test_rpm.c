/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RPM headers, good ones and made to mislead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "common/packages/rpm.h"

#define SHA \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* -- making one ------------------------------------------------------------ */

static uint8_t index_of[64 * 16], data[4096], whole[8192];
static size_t tags, used;

static void
put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static void
tag(uint32_t nr, uint32_t type, uint32_t count, const void *bytes, size_t n)
{
	uint8_t *e = index_of + 16 * tags++;

	put32(e, nr);
	put32(e + 4, type);
	put32(e + 8, (uint32_t)used);
	put32(e + 12, count);
	memcpy(data + used, bytes, n);
	used += n;
}

static size_t
header(void)
{
	put32(whole, (uint32_t)tags);
	put32(whole + 4, (uint32_t)used);
	memcpy(whole + 8, index_of, 16 * tags);
	memcpy(whole + 8 + 16 * tags, data, used);
	return 8 + 16 * tags + used;
}

static void
named(void)
{
	tags = used = 0;
	tag(1000, 6, 1, "bash", 5);
	tag(1001, 6, 1, "5.1.8", 6);
	tag(1002, 6, 1, "9.el9", 6);
	tag(1003, 4, 1, "\0\0\0\2", 4);
	tag(1022, 6, 1, "x86_64", 7);
}

/* Three files: a program, a configuration, a link. */
static void
with_files(void)
{
	static const char sums[] = SHA "\0" SHA "\0";

	named();
	tag(1117, 8, 3, "bash\0bashrc\0sh", 15);
	tag(1118, 8, 2, "/usr/bin/\0/etc/", 16);
	tag(1116, 4, 3, "\0\0\0\0\0\0\0\1\0\0\0\0", 12);
	tag(1030, 3, 3, "\x81\xed\x81\xa4\xa1\xff", 6);
	tag(1037, 4, 3, "\0\0\0\0\0\0\0\1\0\0\0\0", 12);
	tag(1035, 8, 3, sums, sizeof(sums));
	tag(1036, 8, 3, "\0\0bash", 7);
	tag(1039, 8, 3, "root\0root\0root", 15);
	tag(1040, 8, 3, "root\0wheel\0root", 16);
	tag(5011, 4, 1, "\0\0\0\10", 4);
	tag(1029, 1, 3, "\0\0\0", 3);
}

/* -- tests ----------------------------------------------------------------- */

static void
test_good(void **state)
{
	struct rpm_package p;
	struct rpm_header h;
	struct rpm_files f;
	struct rpm_file file;
	size_t n, len;

	(void)state;
	with_files();
	len = header();
	assert_int_equal(rpm_header_open(whole, len, &h, &n), 0);
	assert_int_equal(n, len);
	assert_int_equal(rpm_package(&h, &p), 0);
	assert_true(slice_is(p.name, "bash"));
	assert_true(slice_is(p.version, "2:5.1.8-9.el9"));
	assert_true(slice_is(p.arch, "x86_64"));
	assert_int_equal(rpm_files_open(&h, &f), 0);
	assert_int_equal(f.n, 3);
	assert_true(rpm_files_next(&f, &file));
	assert_true(slice_is(file.dir, "/usr/bin/"));
	assert_true(slice_is(file.base, "bash"));
	assert_int_equal(file.mode, 0100755);
	assert_int_equal(file.digest_len, 32);
	assert_int_equal(file.digest[0], 0xaa);
	assert_true(file.there);
	assert_true(rpm_files_next(&f, &file));
	assert_true(slice_is(file.dir, "/etc/"));
	assert_int_equal(file.flags, RPM_FILE_CONFIG);
	assert_true(slice_is(file.group, "wheel"));
	assert_true(rpm_files_next(&f, &file));
	assert_int_equal(file.mode, 0120777);
	assert_true(slice_is(file.target, "bash"));
	assert_int_equal(file.digest_len, 0);
	assert_false(rpm_files_next(&f, &file));
	rpm_files_done(&f);
}

/* No byte of it may be cut off, and none changed is followed outside. */
static void
test_cut_and_changed(void **state)
{
	struct rpm_package p;
	struct rpm_header h;
	struct rpm_files f;
	struct rpm_file file;
	uint8_t copy[sizeof(whole)];
	size_t n, len, i;
	int bit;

	(void)state;
	with_files();
	len = header();
	for (i = 0; i < len; i++)
		assert_int_not_equal(rpm_header_open(whole, i, &h, &n), 0);
	for (i = 0; i < len; i++)
		for (bit = 0; bit < 8; bit++) {
			memcpy(copy, whole, len);
			copy[i] ^= (uint8_t)(1 << bit);
			if (rpm_header_open(copy, len, &h, &n) != 0)
				continue;
			(void)rpm_package(&h, &p);
			if (rpm_files_open(&h, &f) != 0)
				continue;
			while (rpm_files_next(&f, &file))
				assert_true(file.dir.at >= (char *)copy &&
				    file.dir.at + file.dir.len <
				    (char *)copy + len);
			rpm_files_done(&f);
		}
}

static void
test_lists_that_do_not_fit(void **state)
{
	static const struct {
		uint32_t nr, type, count;
		const char *bytes;
		size_t n;
	} t[] = {
		{1116, 4, 2, "\0\0\0\0\0\0\0\0", 8}, /* fewer */
		{1030, 3, 1, "\x81\xed", 2},
		{1116, 4, 0xffffffff, "\0\0\0\0", 4},
		{1118, 8, 2, "usr/bin/\0/etc/", 15}, /* not absolute */
		{1118, 8, 2, "/usr/bin\0/etc/", 15},
		{1118, 8, 9, "/usr/bin/", 10}, /* fewer than it says */
		{1118, 8, 1, "/usr", 4},	/* has no end */
	};
	struct rpm_header h;
	struct rpm_files f;
	size_t n, i, k;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		with_files();
		for (k = 0; k < tags; k++) /* take the good one out */
			if (index_of[16 * k + 2] == (t[i].nr >> 8) &&
			    index_of[16 * k + 3] == (t[i].nr & 0xff))
				put32(index_of + 16 * k, 1);
		tag(t[i].nr, t[i].type, t[i].count, t[i].bytes, t[i].n);
		assert_int_equal(rpm_header_open(whole, header(), &h, &n),
		    0);
		assert_int_not_equal(rpm_files_open(&h, &f), 0);
	}
}

static void
test_names(void **state)
{
	static const char *const bad[] = {"", "a b", "a/b", "a\nb"};
	struct rpm_package p;
	struct rpm_header h;
	size_t n, i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		tags = used = 0;
		tag(1000, 6, 1, bad[i], strlen(bad[i]) + 1);
		tag(1001, 6, 1, "1", 2);
		tag(1002, 6, 1, "1", 2);
		assert_int_equal(rpm_header_open(whole, header(), &h, &n),
		    0);
		assert_int_equal(rpm_package(&h, &p), ERR_SYNTAX);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_cut_and_changed),
		cmocka_unit_test(test_lists_that_do_not_fit),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
