/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whole numbers out of text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
