/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whole numbers out of text; globs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/err.h"
#include "common/base/text.h"

static void
numbers(void **state)
{
	static const struct {
		const char *text;
		int64_t min, max;
		int err;
		int64_t n; /* 7: as it was */
	} rows[] = {
		{"0", 0, 10, 0, 0},
		{"10", 0, 10, 0, 10},
		{"007", 0, 10, 0, 7},
		{"9223372036854775807", 0, INT64_MAX, 0, INT64_MAX},
		{"11", 0, 10, ERR_RANGE, 7},
		{"1", 2, 10, ERR_RANGE, 7},
		{"9223372036854775808", 0, INT64_MAX, ERR_RANGE, 7},
		{"99999999999999999999999", 0, INT64_MAX, ERR_RANGE, 7},
		{"", 0, 10, ERR_SYNTAX, 7},
		{"-1", -5, 10, ERR_SYNTAX, 7},
		{"+1", 0, 10, ERR_SYNTAX, 7},
		{" 1", 0, 10, ERR_SYNTAX, 7},
		{"1 ", 0, 10, ERR_SYNTAX, 7},
		{"1x", 0, 10, ERR_SYNTAX, 7},
		{"0x1", 0, 10, ERR_SYNTAX, 7},
		{"99999999999999999999999x", 0, 10, ERR_SYNTAX, 7},
	};
	int64_t n;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		n = 7;
		assert_int_equal(text_number(rows[i].text, rows[i].min,
		    rows[i].max, &n), rows[i].err);
		assert_int_equal(n, rows[i].n);
	}
}

static void
globs(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool fits;
	} rows[] = {
		{"", "", true}, {"", "a", false}, {"*", "", true},
		{"a", "a", true}, {"a", "ab", false}, {"ab", "a", false},
		{"?", "a", true}, {"?", "", false}, {"??", "a", false},
		{"*", "/any/thing", true}, {"/tmp/*", "/tmp/", true},
		{"/tmp/*", "/tmp/a/b", true}, {"/tmp/*", "/tmp", false},
		{"*.so", "/lib/x.so", true}, {"*.so", "/lib/x.so.1", false},
		{"/home/*/.ssh/*", "/home/li/.ssh/authorized_keys", true},
		{"/home/*/.ssh/*", "/home/.ssh/x", false},
		{"a*b*c", "aXbYbZc", true}, {"a*b*c", "acb", false},
		{"a**b", "ab", true}, {"*a*", "bab", true},
		{"[ab]", "a", false}, {"[ab]", "[ab]", true},
		{"\\*", "\\x", true}, {"ab*", "ab", true},
		{"*ab", "aab", true}, {"*aab", "aaab", true},
	};
	char text[4097], pattern[4097];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(text_glob(rows[i].pattern, rows[i].text),
		    rows[i].fits);
	/* What makes matchers that try every star again never end. */
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (i = 0; i + 2 < sizeof(pattern); i += 2)
		memcpy(pattern + i, "*a", 2);
	strcpy(pattern + i - 2, "*b");
	assert_false(text_glob(pattern, text));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(globs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
