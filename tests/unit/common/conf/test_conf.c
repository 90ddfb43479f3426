/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Configuration: every type, and a table of bad files with their answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "common/conf/conf.h"

struct settings {
	char *text;
	char *bare;
	int64_t number, span, size;
	bool flag;
	struct conf_list list;
	int rules; /* seen by `other` */
};

static int
no_slash(const char *value, struct why *why)
{
	if (strchr(value, '/') != NULL)
		return why_set(why, ERR_RANGE, "'/' in it; write a name");
	return 0;
}

#define AT(f) offsetof(struct settings, f)
static const struct conf_key table[] = {
	{"a", "text", CONF_STRING, AT(text), "standard", 0, 0, false, no_slash},
	{"a", "number", CONF_INT, AT(number), "5", -3, 10, false, NULL},
	{"a", "flag", CONF_BOOL, AT(flag), "yes", 0, 0, false, NULL},
	{"b", "bare", CONF_STRING, AT(bare), NULL, 0, 0, false, NULL},
	{"b", "span", CONF_SPAN, AT(span), "1h", 60, 7200, false, NULL},
	{"b", "size", CONF_SIZE, AT(size), "4K", 0, 0, false, NULL},
	{"b", "list", CONF_LIST, AT(list), "/etc", 0, 0, false, NULL},
	{NULL, NULL, 0, 0, NULL, 0, 0, false, NULL},
};

static char path[] = "/tmp/cordon-test-conf-XXXXXX";

static int
set_up(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd >= 0 ? close(fd) : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

static int
rule(void *settings, const char *section, const char *key, const char *value,
    int line, struct why *why)
{
	struct settings *s = settings;

	(void)line;
	if (strncmp(section, "rule ", 5) != 0 || strcmp(key, "when") != 0)
		return ERR_NOENT;
	if (strcmp(value, "never") == 0)
		return why_set(why, ERR_RANGE, "never is not a time");
	s->rules++;
	return 0;
}

static int
load(const char *text, size_t len, struct settings *s, conf_other_fn *other,
    struct why *why)
{
	memset(s, 0, sizeof(*s));
	why->text[0] = '\0';
	assert_int_equal(file_write(path, text, len, 0600, NULL), 0);
	return conf_load(path, table, s, other, why);
}

static void
defaults(void **state)
{
	struct settings s = {0}, f;
	struct why why;

	(void)state;
	assert_int_equal(conf_defaults(table, &s, &why), 0);
	assert_int_equal(load("", 0, &f, NULL, &why), 0);
	assert_string_equal(s.text, "standard");
	assert_string_equal(f.text, "standard");
	assert_null(f.bare);
	assert_true(f.number == 5 && f.span == 3600 && f.size == 4096);
	assert_true(f.flag);
	assert_int_equal(f.list.n, 1);
	assert_string_equal(f.list.item[0], "/etc");
	conf_free(table, &s);
	conf_free(table, &f);
	assert_null(s.text);
	assert_int_equal(s.list.n, 0);
	conf_free(table, &s);
}

static void
a_full_file(void **state)
{
	static const char text[] =
	    "\xef\xbb\xbf# comment\r\n"
	    "; another\r\n"
	    "\r\n"
	    "[a] ; about a\n"
	    "text = \xe6\x96\x87 and more ; a comment\n"
	    "  number=-3\n"
	    "flag = off\n"
	    "[b]\n"
	    "\tbare\t=\t#x = y\n"
	    "span = 90s\n"
	    "list = one\n"
	    "size = 2G\n"
	    "list = two\n"
	    "[rule first]\n"
	    "when = always\n"
	    "[a]\n"
	    "[b]\n"
	    "list = three";
	struct settings s;
	struct why why;

	(void)state;
	assert_int_equal(load(text, sizeof(text) - 1, &s, rule, &why), 0);
	assert_string_equal(s.text, "\xe6\x96\x87 and more");
	assert_string_equal(s.bare, "#x = y");
	assert_true(s.number == -3 && s.span == 90);
	assert_true(s.size == INT64_C(2147483648));
	assert_false(s.flag);
	assert_int_equal(s.list.n, 3);
	assert_string_equal(s.list.item[0], "one");
	assert_string_equal(s.list.item[2], "three");
	assert_int_equal(s.rules, 1);
	conf_free(table, &s);
}

static void
bad_files(void **state)
{
	static const struct {
		const char *text, *why; /* behind "PATH" */
	} rows[] = {
		{"x = 1\n", ":1: [] x: key outside of a section"},
		{"[a]\nnumber = 11\n", ":2: [a] number: 11 is out of bounds; "
		    "write -3 to 10"},
		{"[a]\nnumber = -4\n", ":2: [a] number: -4 is out of"},
		{"[a]\nnumber = 5x\n", ":2: [a] number: not a whole number"},
		{"[a]\nnumber = 0x5\n", ":2: [a] number: not a whole"},
		{"[a]\nnumber = +5\n", ":2: [a] number: not a whole"},
		{"[a]\nnumber = 99999999999999999999\n", ":2: [a] number: not"},
		{"[a]\nnumber =\n", ":2: [a] number: no value"},
		{"[a]\nnumber = ; 5\n", ":2: [a] number: no value"},
		{"[a]\ntext = \n", ":2: [a] text: no value"},
		{"[a]\ntext = a/b\n", ":2: [a] text: '/' in it; write a name"},
		{"[a]\nflag = 1\n", ":2: [a] flag: write yes or no"},
		{"[a]\nflag = YES\n", ":2: [a] flag: write yes or no"},
		{"[b]\nspan = 90\n", ":2: [b] span: not a span of time"},
		{"[b]\nspan = 30s\n", ":2: [b] span: 30 is out of bounds; write "
		    "60 to 7200 seconds"},
		{"[b]\nsize = 4k\n", ":2: [b] size: not a size"},
		{"[b]\nsize = -1\n", ":2: [b] size: not a size"},
		{"[b]\nsize = 4KK\n", ":2: [b] size: not a size"},
		{"[b]\nsize = 9223372036854775807G\n", ":2: [b] size: not a"},
		{"[b]\nlist = \n", ":2: [b] list: no value"},
		{"[a]\n\nnumbr = 5\n", ":3: [a] numbr: unknown key; this "
		    "section has: text number flag"},
		{"[c]\nx = 5\n", ":2: [c] x: unknown section; there are: a b"},
		{"[a]\nnumber = 5\n#\nnumber = 5\n", ":4: [a] number: given a "
		    "second time; line 2 has it already"},
		{"[a\nnumber = 5\n", ":1: section without ']'"},
		{"[]\n", ":1: section without a name"},
		{"[a] number = 5\n", ":1: text behind the section's ']'"},
		{"[aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeee]\n",
		    ":1: name of the section is longer than 48 bytes"},
		{"[a]\nnumber\n", ":2: neither [section] nor key = value"},
		{"[a]\nnumber = 5\n  6\n", ":3: neither [section] nor key"},
		{"[a]\nwhat\nnumber = x\n", ":2: neither [section] nor key"},
		{"[a]\nnumber = x\nwhat\n", ":2: [a] number: not a whole"},
		{"[a]\nwhat\n[b\n", ":2: neither [section] nor key"},
		{"[a]\ntext = a\x1b[2J\n", ":2: control characters"},
		{"[a]\ntext = \xff\n", ":2: control characters or not UTF-8"},
		{"[a]\ntext = a\rb\n", ":2: control characters"},
		{"[a]\n = 5\n", ":2: [a] : unknown key"},
	};
	char want[WHY_MAX];
	struct settings s;
	struct why why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(load(rows[i].text, strlen(rows[i].text), &s,
		    NULL, &why), ERR_CONFIG);
		snprintf(want, sizeof(want), "%s%s", path, rows[i].why);
		if (strncmp(why.text, want, strlen(want)) != 0)
			fail_msg("want: %s\n got: %s", want, why.text);
		assert_null(s.text);
		assert_null(s.bare);
		assert_null(s.list.item);
	}
}

static void
nul_bytes(void **state)
{
	static const char text[] = "[a]\nnumber = 5\0\n";
	struct settings s;
	struct why why;

	(void)state;
	assert_int_equal(load(text, sizeof(text) - 1, &s, NULL, &why),
	    ERR_CONFIG);
	assert_non_null(strstr(why.text, ":2: a NUL byte in the line"));
	assert_int_equal(load("\0", 1, &s, NULL, &why), ERR_CONFIG);
	assert_non_null(strstr(why.text, ":1: a NUL byte in the line"));
}

static void
long_lines(void **state)
{
	char text[CONF_LINE_MAX + 16];
	struct settings s;
	struct why why;
	size_t n;

	(void)state;
	for (n = CONF_LINE_MAX - 1; n <= CONF_LINE_MAX + 1; n++) {
		memset(text, 'x', sizeof(text));
		memcpy(text, "[b]\nbare=", 9);
		text[4 + n] = '\n';
		if (n > CONF_LINE_MAX) {
			assert_int_equal(load(text, 4 + n + 1, &s, NULL, &why),
			    ERR_CONFIG);
			assert_non_null(strstr(why.text,
			    ":2: line is too long; at most 1024 bytes"));
			continue;
		}
		assert_int_equal(load(text, 4 + n + 1, &s, NULL, &why), 0);
		assert_int_equal(strlen(s.bare), n - 5);
		conf_free(table, &s);
	}
}

static void
long_lists_and_files(void **state)
{
	struct settings s;
	struct why why;
	struct buf b;
	int i;

	(void)state;
	buf_init(&b, 4 << 20);
	assert_int_equal(buf_add_str(&b, "[b]\n"), 0);
	for (i = 0; i < CONF_LIST_MAX; i++)
		assert_int_equal(buf_printf(&b, "list = %d\n", i), 0);
	assert_int_equal(load((char *)b.data, b.len, &s, NULL, &why), 0);
	assert_int_equal(s.list.n, CONF_LIST_MAX);
	assert_string_equal(s.list.item[255], "255");
	conf_free(table, &s);
	assert_int_equal(buf_add_str(&b, "list = x\n"), 0);
	assert_int_equal(load((char *)b.data, b.len, &s, NULL, &why),
	    ERR_CONFIG);
	assert_non_null(strstr(why.text, ":258: [b] list: more than 256"));
	while (b.len <= 1 << 20)
		assert_int_equal(buf_add_str(&b, "# nothing\n"), 0);
	assert_int_equal(load((char *)b.data, b.len, &s, NULL, &why),
	    ERR_LIMIT);
	buf_done(&b);
	assert_int_equal(conf_load("/nonexistent", table, &s, NULL, &why),
	    ERR_NOENT);
	assert_null(s.text);
}

static void
free_sections(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"[rule x]\nwhen = never\n",
		    ":2: [rule x] when: never is not a time"},
		{"[rule x]\nthen = x\n", ":2: [rule x] then: unknown section "
		    "or key"},
		{"[a]\nwhen = x\n", ":2: [a] when: unknown key; this section"},
	};
	struct settings s;
	struct why why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(load(rows[i].text, strlen(rows[i].text), &s,
		    rule, &why), ERR_CONFIG);
		assert_non_null(strstr(why.text, rows[i].why));
	}
}

static void
must_and_wrong_tables(void **state)
{
	static const struct conf_key must[] = {
		{"a", "text", CONF_STRING, AT(text), NULL, 0, 0, true, NULL},
		{NULL, NULL, 0, 0, NULL, 0, 0, false, NULL},
	};
	static const struct conf_key wrong[] = {
		{"a", "text", CONF_STRING, AT(text), "x", 0, 0, false, NULL},
		{"a", "number", CONF_INT, AT(number), "x", 0, 0, false, NULL},
		{NULL, NULL, 0, 0, NULL, 0, 0, false, NULL},
	};
	struct settings s = {0};
	struct why why;

	(void)state;
	assert_int_equal(file_write(path, "[a]\n", 4, 0600, NULL), 0);
	assert_int_equal(conf_load(path, must, &s, NULL, &why), ERR_CONFIG);
	assert_non_null(strstr(why.text, ": [a] text: must be given"));
	assert_int_equal(file_write(path, "[a]\ntext=y\n", 11, 0600, NULL),
	    0);
	assert_int_equal(conf_load(path, must, &s, NULL, &why), 0);
	assert_string_equal(s.text, "y");
	conf_free(must, &s);
	assert_int_equal(conf_defaults(wrong, &s, &why), ERR_SYNTAX);
	assert_string_equal(why.text,
	    "[a] number: default: not a whole number");
	assert_null(s.text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(a_full_file),
		cmocka_unit_test(bad_files),
		cmocka_unit_test(nul_bytes),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(long_lists_and_files),
		cmocka_unit_test(free_sections),
		cmocka_unit_test(must_and_wrong_tables),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
