/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes typed by a person: every slip is found, in its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/typed.h"

static uint8_t data[3000];

static void
fill(void)
{
	uint32_t x = 7;
	size_t i;

	for (i = 0; i < sizeof(data); i++) {
		x = x * 1664525 + 1013904223;
		data[i] = (uint8_t)(x >> 24);
	}
}

static void
every_length_both_ways(void **state)
{
	struct buf text, out;
	struct why why;
	size_t len;
	int form;

	(void)state;
	fill();
	for (len = 1; len < 120; len++)
		for (form = TYPED_READ; form <= TYPED_SCAN; form++) {
			buf_init(&text, 16384);
			buf_init(&out, 4096);
			assert_int_equal(typed_encode(data, len,
			    (enum typed_form)form, &text), 0);
			assert_true(typed_is_text(text.data, text.len));
			assert_int_equal(typed_decode(text.data, text.len,
			    &out, &why), 0);
			assert_int_equal(out.len, len);
			assert_memory_equal(out.data, data, len);
			buf_done(&text);
			buf_done(&out);
		}
	assert_false(typed_is_text(data, sizeof(data)));
	buf_init(&text, 100);
	assert_int_equal(typed_encode(data, 0, TYPED_READ, &text), ERR_RANGE);
	buf_done(&text);
}

/* The form is a contract: an older tool reads what a newer one wrote. */
static void
the_form_stands(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 4096);
	assert_int_equal(typed_encode("release H-7F3A9K2M, epoch 17", 28,
	    TYPED_READ, &text), 0);
	assert_string_equal(buf_str(&text),
	    "01 E9JPR SB1ED JJ0J1 D6X33 6G9S9 CS4TB 10CNR 6YRV8 30W\n"
	    "02 40RKE 84J\nEND 2 N29VAW\n");
	buf_done(&text);
}

static void
as_people_type(void **state)
{
	static const char typed[] =
	    "# order of fin-ws-0231 / 2 lines\r\n\n"
	    "1 e9jprsbledjjoji-d6x33 6g9s9 CS4TB iOCNR 6yrv8 3Ow\r\n"
	    "  002 40RKE84J  /end 2 n29vaw";
	struct buf out;
	struct why why;

	(void)state;
	buf_init(&out, 4096);
	if (typed_decode(typed, strlen(typed), &out, &why) != 0)
		fail_msg("%s", why.text);
	assert_int_equal(out.len, 28);
	assert_memory_equal(out.data, "release H-7F3A9K2M, epoch 17", 28);
	buf_done(&out);
}

/* Each character of each line changed, left out, doubled, swapped. */
static void
every_slip_names_its_line(void **state)
{
	struct buf text, out;
	char copy[1024], want[16];
	const char *from, *at;
	struct why why;
	size_t n, i, tried = 0;

	(void)state;
	fill();
	buf_init(&text, 4096);
	assert_int_equal(typed_encode(data, 60, TYPED_READ, &text), 0);
	from = buf_str(&text);
	n = strlen(from);
	assert_true(n + 2 < sizeof(copy));
	for (i = 0; i < n; i++) {
		unsigned int line = 1;

		for (at = from; at < from + i; at++)
			line += *at == '\n';
		if (strchr(" \n", from[i]) != NULL || line > 3)
			continue;
		snprintf(want, sizeof(want), "line %u", line);
		strcpy(copy, from);
		copy[i] = copy[i] == 'Z' ? 'Y' : copy[i] == '9' ? '8' :
		    (char)(copy[i] == 'Y' ? 'Z' : 'Z');
		buf_init(&out, 4096);
		assert_int_equal(typed_decode(copy, n, &out, &why),
		    ERR_SYNTAX);
		assert_non_null(strstr(why.text, want));
		buf_done(&out);
		memmove(copy + i, from + i + 1, n - i);
		buf_init(&out, 4096);
		/* "1" is as good as "01" */
		if (i > 0 && from[i - 1] != '\n')
			assert_int_equal(typed_decode(copy, n - 1, &out,
			    &why), ERR_SYNTAX);
		buf_done(&out);
		if (i + 1 < n && from[i] != from[i + 1] &&
		    strchr(" \n", from[i + 1]) == NULL) {
			strcpy(copy, from);
			copy[i] = from[i + 1];
			copy[i + 1] = from[i];
			buf_init(&out, 4096);
			assert_int_equal(typed_decode(copy, n, &out, &why),
			    ERR_SYNTAX);
			buf_done(&out);
		}
		tried++;
	}
	assert_true(tried > 100);
	buf_done(&text);
}

/* A line that was wrong is typed again, the good ones are kept. */
static void
a_line_again(void **state)
{
	struct typed t;
	struct buf text, out;
	struct why why;
	char *line, *rest, bad[128];

	(void)state;
	fill();
	buf_init(&text, 4096);
	buf_init(&out, 4096);
	typed_encode(data, 60, TYPED_READ, &text);
	rest = buf_str(&text) != NULL ? (char *)text.data : NULL;
	typed_init(&t, &out);
	while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
		snprintf(bad, sizeof(bad), "%s9", line);
		assert_int_equal(typed_line(&t, bad, strlen(bad), &why),
		    ERR_SYNTAX);
		assert_int_equal(typed_line(&t, "# a remark / of mine", 20,
		    &why), 0);
		assert_false(t.ended);
		assert_int_equal(typed_line(&t, line, strlen(line), &why), 0);
	}
	assert_true(t.ended);
	assert_int_equal(out.len, 60);
	assert_memory_equal(out.data, data, 60);
	assert_int_equal(typed_line(&t, "04 0000", 7, &why), ERR_SYNTAX);
	buf_done(&text);
	buf_done(&out);
}

static void
wrong_as_a_whole(void **state)
{
	static const char *const bad[] = {"", "\n\n", "END 0 000000",
	    "# nothing\n", "hello", "01", "01 ", "01 0", "2 00000 000",
	    "01-", "99999999999 00", "01 UUUUU UUU", "01 \xff\xff 000"};
	struct buf out;
	struct why why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		buf_init(&out, 4096);
		why.text[0] = '\0';
		assert_int_equal(typed_decode(bad[i], strlen(bad[i]), &out,
		    &why), ERR_SYNTAX);
		assert_string_not_equal(why.text, "");
		buf_done(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_both_ways),
		cmocka_unit_test(the_form_stands),
		cmocka_unit_test(as_people_type),
		cmocka_unit_test(every_slip_names_its_line),
		cmocka_unit_test(a_line_again),
		cmocka_unit_test(wrong_as_a_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
