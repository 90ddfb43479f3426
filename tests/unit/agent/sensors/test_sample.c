/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What bytes look like, what names promise, and when a document is harmed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/sensors/before.h"
#include "agent/sensors/sample.h"

static uint64_t state = 88172645463325252u;

/* xorshift64: noise that is the same in every run. */
static uint8_t
noise_byte(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint8_t)(state >> 24);
}

static void
noise(uint8_t *at, size_t len)
{
	while (len-- > 0)
		*at++ = noise_byte();
}

static void
words(uint8_t *at, size_t len)
{
	static const char text[] = "the balance of account 4711 is due on "
	    "Monday; ";
	size_t i;

	for (i = 0; i < len; i++)
		at[i] = (uint8_t)text[i % (sizeof(text) - 1)];
}

enum fill { NOISE, WORDS, ZEROS, RECORDS };

static void
fill(uint8_t *at, size_t len, enum fill with)
{
	size_t i;

	if (with == NOISE)
		noise(at, len);
	else if (with == WORDS)
		words(at, len);
	else if (with == ZEROS)
		memset(at, 0, len);
	else
		for (i = 0; i < len; i++)
			at[i] = i % 12 < 7 ? 0 : (uint8_t)(i / 12);
}

/* A file of SIZE bytes with HEAD and then BODY in its blocks. */
static struct sample
make(uint64_t size, const char *head, size_t headlen, enum fill first,
    enum fill body)
{
	struct sample s = {.size = size};

	s.len[0] = size < SAMPLE_BLOCK ? (size_t)size : SAMPLE_BLOCK;
	fill(s.data[0], s.len[0], first);
	memcpy(s.data[0], head, headlen < s.len[0] ? headlen : s.len[0]);
	if (size > SAMPLE_BLOCK)
		s.len[2] = SAMPLE_BLOCK;
	if (size > 3 * SAMPLE_BLOCK)
		s.len[1] = SAMPLE_BLOCK;
	fill(s.data[1], s.len[1], body);
	fill(s.data[2], s.len[2], body);
	return s;
}

static void
test_promise(void **unused)
{
	static const struct {
		const char *name;
		bool inner;
		enum promise want;
	} rows[] = {
	    {"a.pdf", false, PROMISE_TYPED},
	    {"A.PDF", false, PROMISE_TYPED},
	    {"a.csv", false, PROMISE_TEXT},
	    {"a", false, PROMISE_NONE},
	    {"", false, PROMISE_NONE},
	    {".pdf", false, PROMISE_NONE},
	    {"a.", false, PROMISE_NONE},
	    {"a.docx.locked", false, PROMISE_NONE},
	    {"a.docx.locked", true, PROMISE_TYPED},
	    {"a.b.c.locked", true, PROMISE_TEXT},
	    {"a.docx.x.y", true, PROMISE_NONE},
	    {".docx.locked", true, PROMISE_NONE},
	};
	size_t i;

	(void)unused;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(promise_of(rows[i].name, rows[i].inner),
		    rows[i].want);
}

static void
test_entropy(void **unused)
{
	uint8_t data[SAMPLE_BLOCK];

	(void)unused;
	memset(data, 7, sizeof(data));
	assert_int_equal(sample_entropy(data, sizeof(data)), 0);
	memset(data, 8, sizeof(data) / 2);
	assert_int_equal(sample_entropy(data, sizeof(data)), 100);
	noise(data, sizeof(data));
	assert_in_range(sample_entropy(data, sizeof(data)), 790, 800);
	assert_true(sample_random(data, sizeof(data)));
	assert_true(sample_random(data, 300));
	assert_false(sample_random(data, 255));
	words(data, sizeof(data));
	assert_in_range(sample_entropy(data, sizeof(data)), 300, 500);
	assert_false(sample_random(data, sizeof(data)));
	assert_int_equal(sample_entropy(data, 0), 0);
}

/* Noise is called noise, in all lengths that can be told. */
static void
test_noise_is_found(void **unused)
{
	uint8_t data[SAMPLE_BLOCK];
	unsigned int i, found = 0;

	(void)unused;
	for (i = 0; i < 2000; i++) {
		noise(data, sizeof(data));
		found += sample_random(data, 256 + i % 3840);
	}
	assert_int_equal(found, 2000);
}

static void
test_look(void **unused)
{
	struct sample s;

	(void)unused;
	s = make(0, "", 0, ZEROS, ZEROS);
	assert_int_equal(look_of(&s), LOOK_EMPTY);
	s = make(9000, "", 0, ZEROS, ZEROS);
	assert_int_equal(look_of(&s), LOOK_EMPTY);
	s = make(5, "hello", 5, WORDS, WORDS);
	assert_int_equal(look_of(&s), LOOK_UNKNOWN);
	s = make(50000, "", 0, WORDS, WORDS);
	assert_int_equal(look_of(&s), LOOK_TEXT);
	s = make(50000, "", 0, WORDS, NOISE);
	assert_int_equal(look_of(&s), LOOK_RANDOM);
	s = make(50000, "PK\3\4", 4, NOISE, NOISE);
	assert_int_equal(look_of(&s), LOOK_TYPED);
	s = make(50000, "", 0, NOISE, NOISE);
	assert_int_equal(look_of(&s), LOOK_RANDOM);
	s = make(50000, "", 0, RECORDS, RECORDS);
	assert_int_equal(look_of(&s), LOOK_PLAIN);
}

static void
test_harm(void **unused)
{
	static const char pdf[] = "%PDF-1.7\n";
	static const struct {
		const char *name;
		enum look before;
		uint64_t size;
		const char *head;
		size_t headlen;
		enum fill first, body;
		enum harm want;
	} rows[] = {
	    /* the name promised something */
	    {"a.pdf", LOOK_UNKNOWN, 9000, "", 0, NOISE, NOISE, HARM_TYPE},
	    {"a.pdf", LOOK_UNKNOWN, 9000, pdf, 9, WORDS, WORDS, HARM_NONE},
	    {"a.csv", LOOK_UNKNOWN, 9000, "", 0, NOISE, NOISE, HARM_TYPE},
	    {"a.csv", LOOK_UNKNOWN, 99000, "", 0, WORDS, NOISE, HARM_TYPE},
	    {"a.csv", LOOK_UNKNOWN, 9000, "", 0, WORDS, WORDS, HARM_NONE},
	    {"a.csv.locked", LOOK_UNKNOWN, 9000, "", 0, NOISE, NOISE,
		HARM_TYPE},
	    /* ... behind a mark that is no text */
	    {"a.csv", LOOK_UNKNOWN, 9000, "\x89PNG", 4, NOISE, NOISE,
		HARM_TYPE},
	    /* the end of the file says more than its beginning */
	    {"a.zip", LOOK_UNKNOWN, 9000, "PK\3\4", 4, NOISE, NOISE,
		HARM_TYPE},
	    {"a.pdf", LOOK_TYPED, 99000, pdf, 9, NOISE, NOISE, HARM_TYPE},
	    /* the file itself was something, whatever its name */
	    {"ledger", LOOK_PLAIN, 9000, "", 0, NOISE, NOISE, HARM_TYPE},
	    {"ledger", LOOK_TEXT, 9000, "", 0, NOISE, NOISE, HARM_TYPE},
	    {"ledger", LOOK_UNKNOWN, 9000, "", 0, NOISE, NOISE, HARM_NOISE},
	    /* what was noise stays noise: a key file, a restic pack */
	    {"a.csv", LOOK_RANDOM, 9000, "", 0, NOISE, NOISE, HARM_NONE},
	    /* wiped */
	    {"a.pdf", LOOK_TYPED, 0, "", 0, ZEROS, ZEROS, HARM_EMPTY},
	    {"a.pdf", LOOK_TYPED, 9000, "", 0, ZEROS, ZEROS, HARM_EMPTY},
	    {"a.log", LOOK_TEXT, 0, "", 0, ZEROS, ZEROS, HARM_NONE},
	    /* packed by its own program: a known mark */
	    {"a.docx", LOOK_TYPED, 9000, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
		8, NOISE, NOISE, HARM_NONE},
	    {"a.gz", LOOK_TYPED, 9000, "\x1f\x8b\x08", 3, NOISE, NOISE,
		HARM_NONE},
	    {"a.dat", LOOK_UNKNOWN, 9000, "\x28\xb5\x2f\xfd", 4, NOISE,
		NOISE, HARM_NONE},
	    /* little files */
	    {"a.txt", LOOK_TEXT, 200, "", 0, NOISE, NOISE, HARM_TYPE},
	    {"a.txt", LOOK_TEXT, 200, "", 0, WORDS, WORDS, HARM_NONE},
	    {"a.txt", LOOK_TEXT, 5, "\1\2\3\4\5", 5, WORDS, WORDS,
		HARM_NONE},
	};
	struct sample s;
	size_t i;

	(void)unused;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		s = make(rows[i].size, rows[i].head, rows[i].headlen,
		    rows[i].first, rows[i].body);
		if (harm_of(rows[i].name, rows[i].before, look_of(&s), &s) !=
		    rows[i].want)
			fail_msg("row %zu: %s", i, rows[i].name);
	}
}

static void
test_before(void **unused)
{
	struct before *b = before_new();
	uint64_t a = before_hash("/a"), c = before_hash("/c"), i;

	(void)unused;
	assert_non_null(b);
	assert_int_equal(before_look(b, a), LOOK_UNKNOWN);
	before_set(b, a, LOOK_TEXT);
	before_moved(b, a, c);
	assert_int_equal(before_look(b, a), LOOK_UNKNOWN);
	assert_int_equal(before_look(b, c), LOOK_TEXT);
	assert_false(before_is_new(b, c, 100));
	before_made(b, a, 100);
	assert_true(before_is_new(b, a, 5000)); /* still being written */
	before_set(b, a, LOOK_TEXT);
	assert_true(before_is_new(b, a, 110));
	assert_false(before_is_new(b, a, 100 + BEFORE_NEW_S));
	before_gone(b, a);
	before_gone(b, a);
	assert_int_equal(before_count(b), 1);
	before_gone(b, c);
	for (i = 1; i <= 2 * BEFORE_MAX; i++)
		before_set(b, i * UINT64_C(11400714819323198485), LOOK_TEXT);
	assert_true(before_full(b));
	assert_true(before_count(b) <= BEFORE_MAX);
	before_free(&b);
	assert_null(b);
	before_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_promise),
	    cmocka_unit_test(test_entropy),
	    cmocka_unit_test(test_noise_is_found),
	    cmocka_unit_test(test_look),
	    cmocka_unit_test(test_harm),
	    cmocka_unit_test(test_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
