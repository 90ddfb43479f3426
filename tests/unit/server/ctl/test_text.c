/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Both languages say everything, with the same arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/text.h"
#include "server/ctl/out.h"

/* Bit N for each %N. */
static unsigned int
arguments(const char *s)
{
	unsigned int bits = 0;

	for (; *s != '\0'; s++)
		if (*s == '%' && s[1] >= '1' && s[1] <= '9')
			bits |= 1u << (s[1] - '0');
	return bits;
}

static void
test_complete(void **state)
{
	/* the same words in both on purpose: commands, tags, results */
	int id, same = 0;

	(void)state;
	for (id = 0; id < T_N; id++) {
		const char *en = text_of((enum text)id, LANG_EN);
		const char *zh = text_of((enum text)id, LANG_ZH);
		size_t i;

		if (en == NULL || zh == NULL || *en == '\0' || *zh == '\0')
			fail_msg("sentence %d is missing", id);
		for (i = 0; en[i] != '\0'; i++)
			if ((unsigned char)en[i] >= 0x80)
				fail_msg("\"%s\" is not English", en);
		if (!text_printable(zh, strlen(zh), false))
			fail_msg("\"%s\" is not UTF-8", zh);
		if (id != T_REFUSED_ZH && arguments(en) != arguments(zh))
			fail_msg("\"%s\" and \"%s\" differ in arguments", en,
			    zh);
		if (strcmp(en, zh) == 0) {
			/* then it must be a command or a bare pattern */
			if (strncmp(en, "cordonctl ", 10) != 0 &&
			    en[0] != '%' && strncmp(en, "never", 5) != 0 &&
			    strncmp(en, "drill", 5) != 0)
				fail_msg("\"%s\" is not translated", en);
			same++;
		}
	}
	assert_true(same < T_N / 5);
}

static void
test_fill(void **state)
{
	const char *args[] = { "A", "%1", "" };
	char out[16];

	(void)state;
	assert_string_equal(text_fill(out, sizeof(out), "%2-%1", args, 2),
	    "%1-A");
	assert_string_equal(text_fill(out, sizeof(out), "100 % %4 %", args,
	    3), "100 % %4 %");
	assert_string_equal(text_fill(out, 4, "%1bcdef", args, 1), "Abc");
	assert_string_equal(text_fill(out, 1, "abc", args, 1), "");
	assert_string_equal(text_fill(out, sizeof(out), "a%3b", args, 3),
	    "ab");
}

static void
test_lang(void **state)
{
	(void)state;
	assert_int_equal(text_lang("zh_CN.UTF-8"), LANG_ZH);
	assert_int_equal(text_lang("zh"), LANG_ZH);
	assert_int_equal(text_lang("zh-Hans"), LANG_ZH);
	assert_int_equal(text_lang("en_US.UTF-8"), LANG_EN);
	assert_int_equal(text_lang("zha_CN"), LANG_EN);
	assert_int_equal(text_lang("C"), LANG_EN);
	assert_int_equal(text_lang(NULL), LANG_EN);
	assert_non_null(text_code_zh("gate"));
	assert_null(text_code_zh("nonsense"));
}

static void
test_width(void **state)
{
	(void)state;
	assert_int_equal(out_width(""), 0);
	assert_int_equal(out_width("abc"), 3);
	assert_int_equal(out_width("隔离"), 4);
	assert_int_equal(out_width("✓ ok"), 4);
	assert_int_equal(out_width("\033[32m✓\033[0m"), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_lang),
		cmocka_unit_test(test_width),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
