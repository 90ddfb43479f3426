/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Log lines are one line each; foreign text is quoted and cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/err.h"
#include "common/base/log.h"

static char got[8192];

/* What standard error got while RUN ran. */
static const char *
caught(void (*run)(void))
{
	FILE *f = tmpfile();
	int old = dup(STDERR_FILENO);
	ssize_t n;

	assert_non_null(f);
	fflush(stderr);
	assert_true(dup2(fileno(f), STDERR_FILENO) >= 0);
	run();
	assert_true(dup2(old, STDERR_FILENO) >= 0);
	n = pread(fileno(f), got, sizeof(got) - 1, 0);
	assert_true(n >= 0);
	got[n] = '\0';
	close(old);
	fclose(f);
	return got;
}

static void
some_lines(void)
{
	log_error("e %d", 1);
	log_warn("w\n<3>forged: \x1b[31m");
	log_info("i");
	log_debug("d");
}

static void
long_line(void)
{
	log_error("%05000d", 1);
}

static void
levels(void **state)
{
	enum log_level level = LOG_LEVEL_DEBUG;

	(void)state;
	unsetenv("JOURNAL_STREAM");
	log_init("me", LOG_LEVEL_WARN);
	assert_string_equal(caught(some_lines),
	    "me: error: e 1\nme: warn: w?<3>forged: ?[31m\n");
	assert_int_equal(log_level_parse("error", &level), 0);
	log_set_level(level);
	assert_string_equal(caught(some_lines), "me: error: e 1\n");
	setenv("JOURNAL_STREAM", "8:9", 1);
	log_init("me", LOG_LEVEL_INFO);
	assert_string_equal(caught(some_lines),
	    "<3>me: e 1\n<4>me: w?<3>forged: ?[31m\n<6>me: i\n");
	assert_int_equal(log_level_parse("Error", &level), ERR_SYNTAX);
	assert_int_equal(log_level_parse("", &level), ERR_SYNTAX);
	assert_int_equal(level, LOG_LEVEL_ERROR);
}

static void
long_lines_end(void **state)
{
	size_t n;

	(void)state;
	n = strlen(caught(long_line));
	assert_true(n > 1000 && n <= 2048);
	assert_ptr_equal(strchr(got, '\n'), got + n - 1);
}

static void
quotes(void **state)
{
	static const struct {
		const char *in;
		size_t len, size;
		const char *out;
	} rows[] = {
		{"plain \"text\"", 12, 64, "plain \"text\""},
		{"\xe4\xb8\xad\xe6\x96\x87", 6, 64, "\xe4\xb8\xad\xe6\x96\x87"},
		{"a\nb\0c\x7f", 6, 64, "a\\x0ab\\x00c\\x7f"},
		{"\xc0\xaf", 2, 64, "\\xc0\\xaf"},	     /* overlong '/' */
		{"\xe0\x80\xaf", 3, 64, "\\xe0\\x80\\xaf"},  /* overlong */
		{"\xf0\x80\x80\xaf", 4, 64, "\\xf0\\x80\\x80\\xaf"},
		{"\xed\xa0\x80", 3, 64, "\\xed\\xa0\\x80"},  /* surrogate */
		{"\xf4\x90\x80\x80", 4, 64, "\\xf4\\x90\\x80\\x80"},
		{"\xc2\x9b", 2, 64, "\\xc2\\x9b"},	     /* C1: CSI */
		{"\xe2\x80\xae", 3, 64, "\\xe2\\x80\\xae"},  /* U+202E */
		{"\xe2\x81\xa6", 3, 64, "\\xe2\\x81\\xa6"},  /* U+2066 */
		{"\xe2\x80\xa8", 3, 64, "\\xe2\\x80\\xa8"},  /* U+2028 */
		{"\xe4\xb8", 2, 64, "\\xe4\\xb8"},	     /* cut off */
		{"\xff\xfe", 2, 64, "\\xff\\xfe"},
		{"\xf0\x9f\x94\x92", 4, 64, "\xf0\x9f\x94\x92"},
		{"abcdef", 6, 7, "abcdef"},
		{"abcdefg", 7, 7, "abc..."},
		{"ab\xe4\xb8\xad\xe6\x96\x87", 8, 8, "ab..."},
		{"ab\n", 3, 6, "ab..."},
		{"abcd", 4, 3, ".."},
		{"abcd", 4, 1, ""},
		{"", 0, 1, ""},
	};
	char out[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(out, 'X', sizeof(out));
		assert_ptr_equal(log_quote(out, rows[i].size, rows[i].in,
		    rows[i].len), out);
		assert_string_equal(out, rows[i].out);
	}
	out[0] = 'X';
	log_quote(out, 0, "abc", 3);
	assert_int_equal(out[0], 'X');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels),
		cmocka_unit_test(long_lines_end),
		cmocka_unit_test(quotes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
