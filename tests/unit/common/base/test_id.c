/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ids, names, hexadecimal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/err.h"
#include "common/base/id.h"

static const char long_31[] = "A-34567890123456789012345678901";
static const char long_32[] = "A-345678901234567890123456789012";
static const char long_63[] = "a23456789.123456789.123456789.123456789."
			      "123456789.123456789.123";
static const char long_64[] = "a23456789.123456789.123456789.123456789."
			      "123456789.123456789.1234";

static void
new_ids(void **state)
{
	char a[ID_MAX], b[ID_MAX];

	(void)state;
	id_new(a, "P", 8);
	id_new(b, "P", 8);
	assert_int_equal(strlen(a), 10);
	assert_memory_equal(a, "P-", 2);
	assert_int_equal(strspn(a + 2, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"), 8);
	assert_string_not_equal(a, b);
	assert_true(id_valid(a));
	id_new(a, "HOST", 26);
	assert_int_equal(strlen(a), 31);
	assert_true(id_valid(a));
}

static void
valid(void **state)
{
	static const struct {
		const char *text;
		bool id, name;
	} rows[] = {
		{"P-7F3A9K2M", true, true},
		{"H-a", true, true},
		{"web01", true, true},
		{"web_01.example", false, true},
		{"a", false, true},
		{"ab", false, true},
		{"", false, false},
		{"-rf", false, false},
		{"..", false, false},
		{".hidden", false, false},
		{"a/b", false, false},
		{"a b c", false, false},
		{"abc\n", false, false},
		{"caf\xc3\xa9", false, false},
		{"a%sb", false, false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(id_valid(rows[i].text), rows[i].id);
		assert_int_equal(name_valid(rows[i].text), rows[i].name);
	}
	assert_true(id_valid(long_31));
	assert_false(id_valid(long_32));
	assert_true(name_valid(long_63));
	assert_false(name_valid(long_64));
	assert_false(id_valid(NULL));
	assert_false(name_valid(NULL));
}

static void
hex(void **state)
{
	static const char *const bad[] = {"", "00ff1", "00ff1g", "00ff101",
	    "0x00ff", " 0ff10", "00ff1 "};
	uint8_t in[3] = {0x00, 0xff, 0x1a}, out[3];
	char text[7];
	size_t i;

	(void)state;
	assert_string_equal(hex_encode(text, in, 3), "00ff1a");
	assert_int_equal(hex_decode(out, 3, "00Ff1A"), 0);
	assert_memory_equal(in, out, 3);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(out, 7, sizeof(out));
		assert_int_equal(hex_decode(out, 3, bad[i]), ERR_SYNTAX);
		assert_int_equal(out[0] + out[1] + out[2], 21);
	}
	assert_true(bytes_equal("abc", "abd", 2));
	assert_false(bytes_equal("abc", "abd", 3));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_ids),
		cmocka_unit_test(valid),
		cmocka_unit_test(hex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
