/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Times as text, both ways; spans; the fake clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/err.h"

#define FAR INT64_C(-424242)

static void
formats(void **state)
{
	static const struct {
		int64_t ms;
		const char *utc, *shanghai;
	} rows[] = {
		{0, "1970-01-01T00:00:00.000Z",
		    "1970-01-01T08:00:00.000+08:00"},
		{1795330152123, "2026-11-22T06:49:12.123Z",
		    "2026-11-22T14:49:12.123+08:00"},
		{-1, "1969-12-31T23:59:59.999Z",
		    "1970-01-01T07:59:59.999+08:00"},
		{INT64_MAX, "@9223372036854775807", "@9223372036854775807"},
		{INT64_MIN, "@-9223372036854775808", "@-9223372036854775808"},
	};
	char out[CLOCK_TEXT_MAX];
	size_t i;

	(void)state;
	setenv("TZ", "Asia/Shanghai", 1);
	tzset();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_string_equal(clock_format(out, rows[i].ms, true),
		    rows[i].utc);
		assert_string_equal(clock_format(out, rows[i].ms, false),
		    rows[i].shanghai);
	}
}

static void
west_of_greenwich(void **state)
{
	char out[CLOCK_TEXT_MAX];

	(void)state;
	setenv("TZ", "XXX+03:30", 1);
	tzset();
	assert_string_equal(clock_format(out, 0, false),
	    "1969-12-31T20:30:00.000-03:30");
}

static void
parses(void **state)
{
	static const struct {
		const char *text;
		int rc;
		int64_t ms;
	} rows[] = {
		{"1970-01-01T00:00:00Z", 0, 0},
		{"2026-11-22T14:49:12.123+08:00", 0, 1795330152123},
		{"2026-11-22t06:49:12.1239z", 0, 1795330152123},
		{"2026-11-22T06:49:12.5Z", 0, 1795330152500},
		{"1970-01-01T00:00:00-00:30", 0, 1800000},
		{"2024-02-29T00:00:00Z", 0, 1709164800000},
		{"1998-12-31T23:59:60Z", 0, 915148800000},
		{"", ERR_SYNTAX, 0},
		{"2026-11-22", ERR_SYNTAX, 0},
		{"2026-11-22T06:49:12", ERR_SYNTAX, 0},
		{"2026-11-22 06:49:12Z", ERR_SYNTAX, 0},
		{"2026-11-22T06:49:12.Z", ERR_SYNTAX, 0},
		{"2026-11-22T06:49:12Zx", ERR_SYNTAX, 0},
		{"2026-11-22T06:49:12+0800", ERR_SYNTAX, 0},
		{"2026-11-22T06:49:12+08:00 ", ERR_SYNTAX, 0},
		{"+026-11-22T06:49:12Z", ERR_SYNTAX, 0},
		{"2026-1-22T06:49:12Z", ERR_SYNTAX, 0},
		{"2026-13-22T06:49:12Z", ERR_RANGE, 0},
		{"2026-00-22T06:49:12Z", ERR_RANGE, 0},
		{"2026-11-31T06:49:12Z", ERR_RANGE, 0},
		{"2026-11-00T06:49:12Z", ERR_RANGE, 0},
		{"2026-02-29T06:49:12Z", ERR_RANGE, 0},
		{"2026-11-22T24:49:12Z", ERR_RANGE, 0},
		{"2026-11-22T06:60:12Z", ERR_RANGE, 0},
		{"2026-11-22T06:49:61Z", ERR_RANGE, 0},
		{"2026-11-22T06:49:12+24:00", ERR_RANGE, 0},
		{"2026-11-22T06:49:12+08:60", ERR_RANGE, 0},
		{"1969-12-31T23:59:59Z", ERR_RANGE, 0},
	};
	int64_t ms;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ms = FAR;
		assert_int_equal(clock_parse(rows[i].text, &ms), rows[i].rc);
		assert_true(ms == (rows[i].rc == 0 ? rows[i].ms : FAR));
	}
}

static void
spans(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds; /* 0: ERR_SYNTAX */
	} rows[] = {
		{"90s", 90}, {"15m", 900}, {"1h", 3600}, {"7d", 604800},
		{"3650d", 315360000}, {"3651d", 0}, {"0s", 0}, {"", 0},
		{"s", 0}, {"15", 0}, {"-1s", 0}, {"+1s", 0}, {" 1s", 0},
		{"1s ", 0}, {"1w", 0}, {"1h30m", 0}, {"1.5h", 0},
		{"99999999999999999999s", 0},
	};
	int64_t s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		s = FAR;
		assert_int_equal(clock_parse_span(rows[i].text, &s),
		    rows[i].seconds > 0 ? 0 : ERR_SYNTAX);
		assert_true(s == (rows[i].seconds > 0 ? rows[i].seconds : FAR));
	}
}

static void
spans_for_a_person(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} rows[] = {
		{0, "0 s"}, {12, "12 s"}, {180, "3 min"}, {7199, "119 min"},
		{7200, "2 h"}, {432000, "5 d"},
	};
	char out[16];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(clock_format_span(out, sizeof(out),
		    rows[i].seconds), rows[i].text);
}

static void
fake_and_real(void **state)
{
	struct clock_fake fake = {.wall_ms = 5000, .boot_ms = 70};
	int64_t before;

	(void)state;
	clock_use_fake(&fake);
	assert_true(clock_wall_ms() == 5000);
	assert_true(clock_boot_ms() == 70);
	assert_true(clock_boot_us() == 70000);
	fake.boot_ms = 71;
	assert_true(clock_boot_ms() == 71);
	clock_use_fake(NULL);
	before = clock_boot_us();
	assert_true(before > 70000);
	assert_true(clock_boot_us() >= before);
	assert_true(clock_wall_ms() > INT64_C(1700000000000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats),
		cmocka_unit_test(west_of_greenwich),
		cmocka_unit_test(parses),
		cmocka_unit_test(spans),
		cmocka_unit_test(spans_for_a_person),
		cmocka_unit_test(fake_and_real),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
