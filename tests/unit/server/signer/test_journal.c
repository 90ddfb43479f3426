/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The signer's ceiling: counted by host and hour, kept over a restart. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/signer/journal.h"

#define NOW 1763800000000
#define MIN 60000

static char dir[64], path[96];

static int
setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/test-journal.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/" JOURNAL_FILE, dir);
	return 0;
}

static int
teardown(void **state)
{
	char cmd[96];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static struct journal *
opened(int64_t limit, int64_t now)
{
	struct journal *j = NULL;
	struct why why;

	if (journal_open(dir, limit, now, &j, &why) != 0)
		fail_msg("%s", why.text);
	return j;
}

static void
distinct_hosts_are_counted(void **state)
{
	struct journal *j = opened(2, NOW);
	struct why why;

	(void)state;
	assert_int_equal(journal_host(j, JOURNAL_CUT, "H-1", NOW, &why), 0);
	assert_int_equal(journal_host(j, JOURNAL_CUT, "H-2", NOW, &why), 0);
	assert_int_equal(journal_host(j, JOURNAL_CUT, "H-3", NOW, &why),
	    ERR_PERM);
	assert_non_null(strstr(why.text, "budget"));
	/* The same host again costs nothing, opening is counted apart. */
	assert_int_equal(journal_host(j, JOURNAL_CUT, "H-1", NOW + 30 * MIN,
	    &why), 0);
	assert_int_equal(journal_host(j, JOURNAL_OPEN, "H-3", NOW, &why), 0);
	assert_int_equal(journal_host(j, JOURNAL_OPEN, "H-1", NOW, &why), 0);
	assert_int_equal(journal_host(j, JOURNAL_OPEN, "H-2", NOW, &why),
	    ERR_PERM);
	/* After an hour H-2 is forgotten, H-1 was ordered later. */
	assert_int_equal(journal_host(j, JOURNAL_CUT, "H-3", NOW + 60 * MIN,
	    &why), 0);
	assert_int_equal(journal_host(j, JOURNAL_CUT, "H-4", NOW + 60 * MIN,
	    &why), ERR_PERM);
	journal_close(&j);
}

static void
a_restart_forgets_nothing(void **state)
{
	struct journal *j = opened(2, NOW);
	struct why why;

	(void)state;
	assert_int_equal(journal_host(j, JOURNAL_CUT, "H-1", NOW, &why), 0);
	assert_int_equal(journal_host(j, JOURNAL_CUT, "H-2", NOW, &why), 0);
	assert_int_equal(journal_head(j, 17, NOW, &why), 0);
	journal_close(&j);
	j = opened(2, NOW + MIN);
	assert_int_equal(journal_count(j, JOURNAL_CUT, NOW + MIN), 2);
	assert_int_equal(journal_host(j, JOURNAL_CUT, "H-3", NOW + MIN, &why),
	    ERR_PERM);
	assert_int_equal(journal_head(j, 16, NOW + MIN, &why), ERR_PERM);
	assert_int_equal(journal_end(j, 16, NOW + MIN, &why), ERR_PERM);
	assert_int_equal(journal_head(j, 17, NOW + MIN, &why), 0);
	journal_close(&j);
	/* A lower limit than what was used: used up, not an error. */
	j = opened(1, NOW + MIN);
	assert_int_equal(journal_host(j, JOURNAL_CUT, "H-3", NOW + MIN, &why),
	    ERR_PERM);
	journal_close(&j);
	j = opened(2, NOW + 61 * MIN);
	assert_int_equal(journal_count(j, JOURNAL_CUT, NOW + 61 * MIN), 0);
	journal_close(&j);
}

static void
heads_only_go_forward(void **state)
{
	struct journal *j = opened(0, NOW);
	struct why why;

	(void)state;
	assert_int_equal(journal_head(j, 10, NOW, &why), 0);
	assert_int_equal(journal_head(j, 10, NOW, &why), 0);
	assert_int_equal(journal_head(j, 9, NOW, &why), ERR_PERM);
	/* An export that began before that head may still end ... */
	assert_int_equal(journal_end(j, 9, NOW + 1, &why), 0);
	assert_int_equal(journal_head(j, 20, NOW + 70000, &why), 0);
	assert_int_equal(journal_head(j, 30, NOW + 140000, &why), 0);
	/* ... but not one that is older than what stood a minute ago. */
	assert_int_equal(journal_end(j, 9, NOW + 140000, &why), ERR_PERM);
	assert_int_equal(journal_end(j, 30, NOW + 140000, &why), 0);
	assert_int_equal(journal_end(j, 29, NOW + 300000, &why), ERR_PERM);
	assert_int_equal(journal_end(j, 30, NOW + 300000, &why), 0);
	assert_int_equal(journal_end(j, 31, NOW + 300000, &why), 0);
	journal_close(&j);
}

static void
no_limit_counts_nothing(void **state)
{
	struct journal *j = opened(0, NOW);
	struct why why;
	char id[16];
	int i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		snprintf(id, sizeof(id), "H-%d", i);
		assert_int_equal(journal_host(j, JOURNAL_CUT, id, NOW, &why),
		    0);
	}
	/* But a malformed id never reaches the file. */
	assert_int_equal(journal_host(j, JOURNAL_CUT, "H-1\nhead 9", NOW,
	    &why), ERR_RANGE);
	journal_close(&j);
}

static void
a_clock_that_was_ahead_heals(void **state)
{
	struct journal *j = opened(1, NOW + 1000 * MIN);
	struct why why;

	(void)state;
	assert_int_equal(journal_host(j, JOURNAL_CUT, "H-1",
	    NOW + 1000 * MIN, &why), 0);
	assert_int_equal(journal_host(j, JOURNAL_CUT, "H-2", NOW, &why),
	    ERR_PERM);
	assert_int_equal(journal_host(j, JOURNAL_CUT, "H-2", NOW + 60 * MIN,
	    &why), 0);
	journal_close(&j);
}

static void
write_file(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
files_are_read_strictly(void **state)
{
	static const struct {
		const char *text;
		int code;
		int64_t cut;
	} row[] = {
		{ "", 0, 0 },
		{ "head 5\ncut H-1 1763800000000\n", 0, 1 },
		{ "cut H-1 1763800000000\ncut H-1 1763800000001\n", 0, 1 },
		{ "head 5\ncut H-1 17638", 0, 0 }, /* torn: power cut */
		{ "head 5\ncut H-1 1\nopen H-1 1\n", 0, 0 }, /* old */
		{ "head x\n", ERR_CORRUPT, 0 },
		{ "head 5 6\n", ERR_CORRUPT, 0 },
		{ "cut H-1\n", ERR_CORRUPT, 0 },
		{ "cut H/1 5\n", ERR_CORRUPT, 0 },
		{ "cut H-1 5 6\n", ERR_CORRUPT, 0 },
		{ "cut H-1 -5\n", ERR_CORRUPT, 0 },
		{ "give H-1 5\n", ERR_CORRUPT, 0 },
		{ "\n", ERR_CORRUPT, 0 },
	};
	struct journal *j;
	struct why why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		write_file(row[i].text);
		j = NULL;
		if (journal_open(dir, 5, NOW, &j, &why) != row[i].code)
			fail_msg("row %zu: %s", i, why.text);
		if (row[i].code != 0) {
			assert_non_null(strstr(why.text, JOURNAL_FILE ":1"));
			continue;
		}
		assert_int_equal(journal_count(j, JOURNAL_CUT, NOW),
		    row[i].cut);
		journal_close(&j);
	}
}

static void
it_does_not_grow_for_ever(void **state)
{
	struct journal *j = opened(1, NOW);
	struct why why;
	struct stat st;
	int i;

	(void)state;
	for (i = 0; i < 60000; i++)
		assert_int_equal(journal_host(j, JOURNAL_CUT, "H-1", NOW + i,
		    &why), 0);
	journal_close(&j);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size < 1100 * 1024);
	j = opened(1, NOW);
	assert_int_equal(journal_count(j, JOURNAL_CUT, NOW), 1);
	journal_close(&j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(distinct_hosts_are_counted,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(a_restart_forgets_nothing,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(heads_only_go_forward, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(no_limit_counts_nothing,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(a_clock_that_was_ahead_heals,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(files_are_read_strictly,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(it_does_not_grow_for_ever,
		    setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
