/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of signal kinds: each row whole, each group in one piece. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/kinds.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"

/* "group.name-of-it0" */
static bool
good_id(const char *id)
{
	size_t n = strspn(id, LOWER);

	if (n == 0 || id[n] != '.' || strlen(id) > KIND_ID_MAX)
		return false;
	id += n + 1;
	return *id != '\0' && *id != '-' && id[strlen(id) - 1] != '-' &&
	    id[strspn(id, LOWER "0123456789-")] == '\0';
}

/* "", T1234 or T1234.001 */
static bool
good_technique(const char *t)
{
	size_t i, n = strlen(t);

	if (n == 0)
		return true;
	if ((n != 5 && n != 9) || t[0] != 'T' || (n == 9 && t[5] != '.'))
		return false;
	for (i = 1; i < n; i++)
		if (i != 5 && !isdigit((unsigned char)t[i]))
			return false;
	return true;
}

/* One short line that ends without a stop; Chinese if ZH. */
static bool
good_text(const char *t, bool zh)
{
	bool foreign = false;
	size_t i, n;

	if (t == NULL || (n = strlen(t)) == 0 || n > KIND_TEXT_MAX)
		return false;
	for (i = 0; i < n; i++) {
		if ((unsigned char)t[i] < 0x20 || t[i] == 0x7f)
			return false;
		if ((unsigned char)t[i] >= 0x80)
			foreign = true;
	}
	return foreign == zh && t[0] != ' ' && t[n - 1] != ' ' &&
	    t[n - 1] != '.' && (n < 3 || strcmp(t + n - 3, "。") != 0);
}

static void
the_judges_judge(void **state)
{
	(void)state;
	assert_true(good_id("account.uid0"));
	assert_false(good_id("account"));
	assert_false(good_id("account."));
	assert_false(good_id("Account.x"));
	assert_false(good_id("account.x_y"));
	assert_true(good_technique("T1059.004"));
	assert_false(good_technique("T1059.04"));
	assert_false(good_technique("1059"));
	assert_false(good_technique("T1059x004"));
	assert_true(good_text("a file", false));
	assert_false(good_text("a file", true));
	assert_false(good_text("a file.", false));
	assert_false(good_text("文件。", true));
}

static void
each_row_is_whole(void **state)
{
	const struct signal_kind *k;

	(void)state;
	for (k = signal_kind_table(); k->id != NULL; k++)
		if (!good_id(k->id) || k->severity < SEV_INFO ||
		    k->severity > SEV_CRITICAL ||
		    !good_technique(k->technique) ||
		    !good_text(k->en, false) || !good_text(k->zh, true) ||
		    !good_text(k->do_en, false) || !good_text(k->do_zh, true))
			fail_msg("%s", k->id);
	assert_true(k - signal_kind_table() > 100);
}

static void
no_id_twice(void **state)
{
	const struct signal_kind *k;

	(void)state;
	for (k = signal_kind_table(); k->id != NULL; k++)
		if (signal_kind_find(k->id) != k)
			fail_msg("%s", k->id);
	assert_null(signal_kind_find("files"));
	assert_null(signal_kind_find(""));
}

static bool
is_of(const struct signal_kind *k, const struct signal_group *g)
{
	size_t n = strlen(g->prefix);

	return k->id != NULL && strncmp(k->id, g->prefix, n) == 0 &&
	    k->id[n] == '.';
}

/* Walking groups and kinds side by side uses both up. */
static void
groups_in_one_piece(void **state)
{
	const struct signal_kind *k = signal_kind_table();
	const struct signal_group *g;

	(void)state;
	for (g = signal_group_table(); g->prefix != NULL; g++) {
		if (!is_of(k, g))
			fail_msg("%s where %s begins", k->id, g->prefix);
		assert_true(good_text(g->en, false));
		assert_true(good_text(g->zh, true));
		while (is_of(k, g))
			k++;
	}
	if (k->id != NULL)
		fail_msg("%s is of no group", k->id);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_judges_judge),
		cmocka_unit_test(each_row_is_whole),
		cmocka_unit_test(no_id_twice),
		cmocka_unit_test(groups_in_one_piece),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
