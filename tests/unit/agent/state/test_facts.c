/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sets of facts: order, doubles, differences, long texts, bytes on disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/facts.h"

static struct facts *
made(const char *const *pair)
{
	struct facts *f = facts_new();

	assert_non_null(f);
	for (; pair[0] != NULL; pair += 2)
		assert_int_equal(facts_add(f, pair[0], pair[1]), 0);
	assert_int_equal(facts_seal(f), 0);
	return f;
}

static void
note(void *arg, const struct fact_change *c)
{
	static const char signs[] = "+-*?";
	char *out = arg;

	sprintf(out + strlen(out), "%c%s:%s:%s ", signs[c->how], c->key,
	    c->was != NULL ? c->was : "", c->is != NULL ? c->is : "");
}

static void
test_sorted_and_joined(void **state)
{
	static const char *const pairs[] = {"b", "2", "a", "y", "c", "",
	    "a", "x", "a", "y", "c", "", NULL};
	struct facts *f = made(pairs);

	(void)state;
	assert_int_equal(facts_count(f), 3);
	assert_string_equal(facts_key(f, 0), "a");
	assert_string_equal(facts_value(f, 0), "x; y");
	assert_string_equal(facts_get(f, "b"), "2");
	assert_string_equal(facts_get(f, "c"), "");
	assert_null(facts_get(f, "bb"));
	assert_null(facts_get(f, ""));
	assert_int_equal(facts_add(f, "d", ""), ERR_BADSTATE);
	facts_free(&f);
	assert_null(f);
}

static void
test_differences(void **state)
{
	static const char *const before[] = {"a", "1", "b", "2", "d", "4",
	    NULL};
	static const char *const after[] = {"b", "3", "c", "x", "d", "4",
	    NULL};
	static const char *const none[] = {NULL};
	struct facts *was = made(before), *is = made(after),
	    *empty = made(none);
	char out[256] = "";

	(void)state;
	facts_diff(was, is, note, out);
	assert_string_equal(out, "-a:1: *b:2:3 +c::x ");
	out[0] = '\0';
	facts_diff(was, was, note, out);
	assert_string_equal(out, "");
	facts_diff(NULL, is, note, out);
	assert_string_equal(out, "?b::3 ?c::x ?d::4 ");
	out[0] = '\0';
	facts_diff(empty, is, note, out);
	assert_string_equal(out, "+b::3 +c::x +d::4 ");
	out[0] = '\0';
	facts_diff(is, empty, note, out);
	assert_string_equal(out, "-b:3: -c:x: -d:4: ");
	facts_free(&was);
	facts_free(&is);
	facts_free(&empty);
}

/* A change behind the cut is a change. */
static void
test_long_texts(void **state)
{
	char *text = malloc(9001);
	struct facts *one = facts_new(), *two = facts_new();
	char out[16384] = "";

	(void)state;
	memset(text, 'x', 9000);
	text[9000] = '\0';
	assert_int_equal(facts_add(one, "k", text), 0);
	text[8999] = 'y';
	assert_int_equal(facts_add(two, "k", text), 0);
	assert_int_equal(facts_seal(one), 0);
	assert_int_equal(facts_seal(two), 0);
	assert_int_equal(strlen(facts_value(one, 0)), FACT_VALUE_MAX - 1);
	facts_diff(one, two, note, out);
	assert_memory_equal(out, "*k:xxx", 6);
	facts_free(&one);
	facts_free(&two);
	one = facts_new();
	assert_int_equal(facts_addf(one, text, "%s", text), 0);
	assert_int_equal(facts_addf(one, "empty", "%s", ""), 0);
	assert_int_equal(facts_seal(one), 0);
	assert_int_equal(strlen(facts_key(one, 1)), FACT_KEY_MAX - 1);
	assert_non_null(strstr(facts_value(one, 1), "...sha256="));
	assert_string_equal(facts_get(one, "empty"), "");
	facts_free(&one);
	free(text);
}

static void
test_limits(void **state)
{
	struct facts *f = facts_new();
	char key[16];
	int i;

	(void)state;
	for (i = 0; i < FACTS_MAX; i++) {
		snprintf(key, sizeof(key), "%d", i);
		assert_int_equal(facts_add(f, key, "v"), 0);
	}
	assert_int_equal(facts_add(f, "more", ""), ERR_LIMIT);
	assert_int_equal(facts_seal(f), 0);
	assert_int_equal(facts_count(f), FACTS_MAX);
	facts_free(&f);
}

static void
test_missed_is_inherited(void **state)
{
	static const char *const before[] = {"key /a 1", "A", "key /b 1",
	    "B", "x", "1", NULL};
	struct facts *was = made(before), *is = facts_new();
	char out[256] = "";

	(void)state;
	assert_int_equal(facts_add(is, "key /b 1", "C"), 0);
	assert_int_equal(facts_miss(is, "key /a "), 0);
	assert_true(facts_missed(is));
	assert_string_equal(facts_first_missed(is), "key /a ");
	assert_null(facts_first_missed(was));
	assert_int_equal(facts_inherit(is, was), 0);
	assert_int_equal(facts_seal(is), 0);
	facts_diff(was, is, note, out);
	assert_string_equal(out, "*key /b 1:B:C -x:1: ");
	facts_free(&was);
	facts_free(&is);
}

static void
test_bytes(void **state)
{
	static const char *const pairs[] = {"a", "1", "b", "", "c\n", "\xff",
	    NULL};
	struct facts *f = made(pairs), *back = NULL;
	char out[64] = "";
	struct buf b;
	size_t i;

	(void)state;
	buf_init(&b, 4096);
	assert_int_equal(facts_pack(f, &b), 0);
	assert_int_equal(facts_unpack(b.data, b.len, &back), 0);
	facts_diff(f, back, note, out);
	assert_string_equal(out, "");
	assert_int_equal(facts_count(back), 3);
	facts_free(&back);
	/* No byte of it may be another one, none missing. */
	for (i = 0; i < b.len; i++) {
		b.data[i] ^= 1;
		assert_int_equal(facts_unpack(b.data, b.len, &back),
		    ERR_CORRUPT);
		assert_int_equal(facts_unpack(b.data, i, &back),
		    ERR_CORRUPT);
		b.data[i] ^= 1;
	}
	assert_null(back);
	buf_done(&b);
	facts_free(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sorted_and_joined),
	    cmocka_unit_test(test_differences),
	    cmocka_unit_test(test_long_texts),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_missed_is_inherited),
	    cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
