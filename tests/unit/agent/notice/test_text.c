/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The wording of a notice, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/notice/people.h"
#include "agent/notice/text.h"
#include "common/wire/order.h"
#include "common/wire/pack.h"

static Cordon__Notice
notice(Cordon__Profile profile)
{
	Cordon__Notice n = CORDON__NOTICE__INIT;

	n.profile = profile;
	n.order_id = (char *)(uintptr_t)"O-7K2Q9";
	n.since_ms = INT64_C(1767225600000);
	n.text_en = (char *)(uintptr_t)"Call 1234.";
	n.text_zh = (char *)(uintptr_t)"请拨打1234。";
	return n;
}

static void
expect_text(const Cordon__Notice *n, const char *want)
{
	struct buf b;

	buf_init(&b, NOTICE_TEXT_MAX);
	assert_int_equal(notice_text(n, &b), 0);
	assert_string_equal(buf_str(&b), want);
	buf_done(&b);
}

static void
test_says_what_is(void **state)
{
	Cordon__Notice n = notice(CORDON__PROFILE__PROFILE_STRICT);

	(void)state;
	assert_true(notice_stays(&n));
	expect_text(&n, "This computer is cut off from the network.\n"
	    "Call 1234.\n本机已与网络隔离。\n请拨打1234。\n"
	    "Cordon O-7K2Q9 2026-01-01T00:00:00.000Z\n");
	n.drill = true;
	n.text_en = n.text_zh = (char *)(uintptr_t)"";
	expect_text(&n, "DRILL: This computer is cut off from the network.\n"
	    "【演练】本机已与网络隔离。\n"
	    "Cordon O-7K2Q9 2026-01-01T00:00:00.000Z\n");
}

static void
test_a_release_does_not_repeat_the_order(void **state)
{
	Cordon__Notice n = notice(CORDON__PROFILE__PROFILE_OPEN);

	(void)state;
	assert_false(notice_stays(&n));
	expect_text(&n, "This computer is no longer cut off from the "
	    "network.\n本机的网络隔离已解除。\n"
	    "Cordon O-7K2Q9 2026-01-01T00:00:00.000Z\n");
	n.order_id = (char *)(uintptr_t)"";
	expect_text(&n, "This computer is no longer cut off from the "
	    "network.\n本机的网络隔离已解除。\n");
}

static void
test_every_profile_has_a_title(void **state)
{
	char seen[5][512] = {""};
	struct buf b;
	int p, q;

	(void)state;
	for (p = CORDON__PROFILE__PROFILE_OPEN;
	     p <= CORDON__PROFILE__PROFILE_LIMITED; p++) {
		Cordon__Notice n = notice((Cordon__Profile)p);

		buf_init(&b, NOTICE_TEXT_MAX);
		assert_int_equal(notice_title(&n, &b), 0);
		snprintf(seen[p], sizeof(seen[p]), "%s", buf_str(&b));
		buf_done(&b);
		assert_null(strchr(seen[p], '\n'));
		assert_non_null(strstr(seen[p], " / 本机"));
		for (q = 1; q < p; q++)
			assert_string_not_equal(seen[p], seen[q]);
	}
}

static void
test_forms(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 64);
	assert_int_equal(notice_issue("a\\n \\\\\n", &b), 0);
	assert_string_equal(buf_str(&b), "a\\\\n \\\\\\\\\n");
	buf_clear(&b);
	assert_int_equal(notice_terminal("one\ntwo\n", &b), 0);
	assert_string_equal(buf_str(&b), "\a\r\none\r\ntwo\r\n");
	buf_done(&b);
}

/* A Notice as bytes; is it taken? */
static bool
taken(const Cordon__Notice *n)
{
	Cordon__Notice *got;
	struct why why;
	struct buf b;

	buf_init(&b, 2 * NOTICE_MAX);
	assert_int_equal(pack(&n->base, &b), 0);
	got = notice_unpack(b.data, b.len, &why);
	buf_done(&b);
	if (got == NULL)
		return false;
	cordon__notice__free_unpacked(got, NULL);
	return true;
}

static void
test_refuses(void **state)
{
	static char longest[ORDER_TEXT_MAX + 2];
	Cordon__Notice n = notice(CORDON__PROFILE__PROFILE_STRICT);
	static const char *const texts[] = {"\033[2J", "a\rb", "\xff",
	    "\xe2\x80\xae" "reversed"};
	struct why why;
	size_t i;

	(void)state;
	assert_true(taken(&n));
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		n.text_en = (char *)(uintptr_t)texts[i];
		/* protobuf-c itself may refuse what is no UTF-8 */
		assert_false(taken(&n));
	}
	memset(longest, 'x', sizeof(longest) - 1);
	n.text_en = longest;
	assert_false(taken(&n));
	longest[ORDER_TEXT_MAX] = '\0';
	n.text_zh = longest;
	assert_true(taken(&n));
	n.order_id = (char *)(uintptr_t)"a b";
	assert_false(taken(&n));
	n = notice(CORDON__PROFILE__PROFILE_NONE);
	assert_false(taken(&n));
	n.profile = (Cordon__Profile)5;
	assert_false(taken(&n));
	assert_null(notice_unpack((const uint8_t *)"\x08", 1, &why));
	assert_non_null(strstr(why.text, "not that message"));
}

static void
test_names_of_terminals(void **state)
{
	static const struct {
		const char *line;
		bool good;
	} rows[] = {
		{"pts/0", true}, {"pts/127", true}, {"tty1", true},
		{"ttyS0", true}, {"ttyUSB0", true}, {"ttyAMA0", true},
		{"", false}, {":0", false}, {"pts/", false}, {"tty", false},
		{"pts/../x", false}, {"pts/1/x", false}, {"../pts/1", false},
		{"/dev/pts/1", false}, {"tty1 ", false}, {"console", false},
		{"pts/00000000000000000000", false}, {"sda1", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(people_terminal(rows[i].line,
		    strlen(rows[i].line)), rows[i].good);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_says_what_is),
		cmocka_unit_test(test_a_release_does_not_repeat_the_order),
		cmocka_unit_test(test_every_profile_has_a_title),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_names_of_terminals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
