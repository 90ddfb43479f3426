/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Error texts, and reasons that are cut, prefixed and reused. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/err.h"

static void
every_code_has_its_text(void **state)
{
	int code, other;

	(void)state;
	for (code = ERR_CONFIG; code <= ERR_OK; code++) {
		assert_non_null(err_str(code));
		assert_string_not_equal(err_str(code), "unknown error");
		for (other = ERR_CONFIG; other < code; other++)
			assert_string_not_equal(err_str(code), err_str(other));
	}
	assert_string_equal(err_str(ERR_CONFIG - 1), "unknown error");
	assert_string_equal(err_str(1), "unknown error");
	assert_string_equal(err_str(INT_MIN), "unknown error");
	assert_string_equal(err_str(INT_MAX), "unknown error");
}

static void
reasons(void **state)
{
	struct why why;

	(void)state;
	assert_int_equal(why_set(NULL, ERR_IO, "nobody asks"), ERR_IO);
	why_prefix(NULL, "nobody asks");
	assert_int_equal(why_set(&why, ERR_IO, "a %d", 1), ERR_IO);
	assert_string_equal(why.text, "a 1");
	why_prefix(&why, "%s:%d: ", "file", 7);
	assert_string_equal(why.text, "file:7: a 1");
	why_set(&why, ERR_IO, "again: %s", why.text);
	assert_string_equal(why.text, "again: file:7: a 1");
	errno = ENOENT;
	assert_int_equal(why_sys(&why, ERR_NOENT, "open %s", "x"), ERR_NOENT);
	assert_string_equal(why.text, "open x: No such file or directory");
	assert_int_equal(errno, ENOENT);
}

static void
cut_between_characters(void **state)
{
	char text[WHY_MAX + 10];
	struct why why;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	why_set(&why, 0, "%s", text);
	assert_int_equal(strlen(why.text), WHY_MAX - 1);
	/* A character of three bytes across the end: not half of it. */
	memcpy(text + WHY_MAX - 2, "\xe4\xb8\xad", 3);
	why_set(&why, 0, "%s", text);
	assert_int_equal(strlen(why.text), WHY_MAX - 2);
	memset(text, 'a', sizeof(text) - 1);
	why_set(&why, 0, "%s", text);
	why_prefix(&why, "p: ");
	assert_int_equal(strlen(why.text), WHY_MAX - 1);
	assert_memory_equal(why.text, "p: aaa", 6);
	why_prefix(&why, "%s", text);
	assert_int_equal(strlen(why.text), WHY_MAX - 1);
	errno = EIO;
	why_sys(&why, 0, "%s", text);
	assert_int_equal(strlen(why.text), WHY_MAX - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_its_text),
		cmocka_unit_test(reasons),
		cmocka_unit_test(cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
