/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mass changes: what is raised, after how many files, and what never is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/sensors/burst.h"

static struct burst *b;
static struct burst_count count;
static int64_t now;

static int
setup(void **state)
{
	(void)state;
	b = burst_new();
	now = 1000000;
	return b == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	burst_free(&b);
	return 0;
}

/* A process with parent, program and tree. */
static enum burst_verdict
by(uint64_t pid, uint64_t parent, uint64_t program, struct burst_file f)
{
	const struct burst_key key[] = {
	    {pid, BURST_PROCESS},
	    {parent, BURST_ANCESTOR},
	    {program, BURST_PROGRAM},
	    {1, BURST_TREE},
	};

	return burst_add(b, key, 4, &f, now, &count);
}

static struct burst_file
file(enum burst_what what, enum harm harm, uint64_t path)
{
	return (struct burst_file){.what = what, .harm = harm,
	    .document = true, .path = path, .name = path, .dir = path % 7};
}

static void
test_in_place(void **state)
{
	uint64_t i;

	(void)state;
	for (i = 1; i < BURST_LOST; i++)
		assert_int_equal(by(10, 20, 30, file(BURST_WRITTEN,
		    HARM_TYPE, i)), BURST_QUIET);
	assert_int_equal(by(10, 20, 30, file(BURST_WRITTEN, HARM_TYPE, i)),
	    BURST_RAISE);
	assert_int_equal(count.by, BURST_PROCESS);
	assert_int_equal(burst_lost(&count), BURST_LOST);
	/* Told once, then when it has grown fourfold. */
	for (i++; i < 4 * BURST_LOST; i++)
		assert_int_equal(by(10, 20, 30, file(BURST_WRITTEN,
		    HARM_TYPE, i)), BURST_GOING);
	assert_int_equal(by(10, 20, 30, file(BURST_WRITTEN, HARM_TYPE, i)),
	    BURST_MORE);
	assert_int_equal(burst_lost(&count), 4 * BURST_LOST);
}

/* One file a quarter of an hour: counts are of files, not of seconds. */
static void
test_patience_does_not_help(void **state)
{
	uint64_t i;

	(void)state;
	for (i = 1; i < BURST_LOST; i++, now += 15 * 60 * 1000)
		assert_int_equal(by(10, 20, 30, file(BURST_WRITTEN,
		    HARM_TYPE, i)), BURST_QUIET);
	assert_int_equal(by(10, 20, 30, file(BURST_WRITTEN, HARM_TYPE, i)),
	    BURST_RAISE);
}

static void
test_one_file_counts_once(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 100; i++)
		assert_int_equal(by(10, 20, 30, file(BURST_WRITTEN,
		    HARM_TYPE, 1 + (uint64_t)i % 5)), BURST_QUIET);
	assert_int_equal(count.files, 0);
}

static void
test_split_over_processes(void **state)
{
	uint64_t i;

	(void)state;
	/* of one parent */
	for (i = 1; i < BURST_LOST; i++)
		assert_int_equal(by(100 + i, 20, 1000 + i, file(
		    BURST_WRITTEN, HARM_TYPE, i)), BURST_QUIET);
	assert_int_equal(by(100 + i, 20, 1000 + i, file(BURST_WRITTEN,
	    HARM_TYPE, i)), BURST_RAISE);
	assert_int_equal(count.by, BURST_ANCESTOR);
	/* of one program, each with another parent */
	for (i = 1; i < BURST_LOST; i++)
		assert_int_equal(by(200 + i, 300 + i, 31, file(
		    BURST_WRITTEN, HARM_TYPE, 100 + i)), BURST_QUIET);
	assert_int_equal(by(200 + i, 300 + i, 31, file(BURST_WRITTEN,
	    HARM_TYPE, 100 + i)), BURST_RAISE);
	assert_int_equal(count.by, BURST_PROGRAM);
}

static void
test_split_over_everything(void **state)
{
	uint64_t i;

	(void)state;
	for (i = 1; i < BURST_LOST_TREE; i++)
		assert_int_equal(by(100 + i, 200 + i, 300 + i, file(
		    BURST_WRITTEN, HARM_TYPE, i)), BURST_QUIET);
	assert_int_equal(by(100 + i, 200 + i, 300 + i, file(BURST_WRITTEN,
	    HARM_TYPE, i)), BURST_RAISE);
	assert_int_equal(count.by, BURST_TREE);
}

/* All processes of one incident are one incident; another is another. */
static void
test_one_incident(void **state)
{
	const struct burst_key nobody = {1, BURST_TREE};
	struct burst_file f;
	uint64_t i, raised = 0;
	uint32_t first;

	(void)state;
	for (i = 1; i <= 40; i++)
		raised += by(100 + i, 20, 30, file(BURST_WRITTEN, HARM_TYPE,
		    i)) == BURST_RAISE;
	assert_int_equal(raised, 1);
	first = count.incident;
	/* those that nobody can name belong to it */
	for (i = 50; i <= 90; i++) {
		f = file(BURST_WRITTEN, HARM_TYPE, i);
		raised += burst_add(b, &nobody, 1, &f, now, &count) ==
		    BURST_RAISE;
	}
	assert_int_equal(raised, 1);
	for (i = 200; i <= 240; i++)
		raised += by(11, 21, 31, file(BURST_WRITTEN, HARM_TYPE, i)) ==
		    BURST_RAISE;
	assert_int_equal(raised, 2);
	assert_int_not_equal(count.incident, first);
}

static void
test_copy_and_delete(void **state)
{
	enum burst_verdict v = BURST_QUIET;
	uint64_t i;

	(void)state;
	for (i = 1; i <= BURST_LOST && v == BURST_QUIET; i++) {
		v = by(10, 20, 30, file(BURST_NEW, HARM_NOISE, 1000 + i));
		assert_int_equal(v, BURST_QUIET);
		v = by(10, 20, 30, file(BURST_GONE, HARM_NONE, i));
	}
	assert_int_equal(v, BURST_RAISE);
	assert_int_equal(count.noise, BURST_LOST);
	assert_int_equal(count.deleted, BURST_LOST);
}

/* A new ending for all, or the same note everywhere, makes it sooner. */
static void
test_churn_and_notes_help(void **state)
{
	struct burst_file f;
	uint64_t i;

	(void)state;
	for (i = 1; i <= BURST_LOST_HELPED; i++) {
		f = file(BURST_MOVED, HARM_TYPE, i);
		f.ending = 77;
		assert_int_equal(by(10, 20, 30, f), i < BURST_LOST_HELPED ?
		    BURST_QUIET : BURST_RAISE);
	}
	for (i = 1; i <= BURST_HELP; i++) {
		f = file(BURST_NEW, HARM_NONE, 100 + i);
		f.name = 5;
		assert_int_equal(by(11, 21, 31, f), BURST_QUIET);
	}
	assert_int_equal(by(11, 21, 31, file(BURST_WRITTEN, HARM_TYPE, 201)),
	    BURST_QUIET);
	assert_int_equal(by(11, 21, 31, file(BURST_WRITTEN, HARM_TYPE, 202)),
	    BURST_QUIET);
	assert_int_equal(by(11, 21, 31, file(BURST_WRITTEN, HARM_TYPE, 203)),
	    BURST_RAISE);
	assert_int_equal(count.notes, BURST_HELP);
}

/* Numbers without harm are no matter, however great. */
static void
test_benign(void **state)
{
	struct burst_file f;
	uint64_t i;

	(void)state;
	for (i = 1; i <= 20000; i++) {
		f = file(BURST_GONE, HARM_NONE, i); /* rm -r */
		assert_int_equal(by(10, 20, 30, f), BURST_QUIET);
		f = file(BURST_WRITTEN, HARM_NONE, 30000 + i); /* checkout */
		assert_int_equal(by(10, 20, 30, f), BURST_QUIET);
		f = file(BURST_MOVED, HARM_NONE, 60000 + i); /* .jpeg .jpg */
		f.ending = 9;
		assert_int_equal(by(10, 20, 30, f), BURST_QUIET);
		f = file(BURST_NEW, HARM_NONE, 90000 + i); /* README */
		f.name = 4;
		assert_int_equal(by(10, 20, 30, f), BURST_QUIET);
	}
	/* new noise where nothing is lost: a backup of its own kind */
	for (i = 1; i <= 1000; i++) {
		f = file(BURST_NEW, HARM_NOISE, i);
		assert_int_equal(by(11, 21, 31, f), BURST_QUIET);
		f = file(BURST_GONE, HARM_NONE, i);
		f.document = false;
		assert_int_equal(by(11, 21, 31, f), BURST_QUIET);
	}
}

/* Other programs in between do not push the harm out of the table. */
static void
test_table_is_bounded(void **state)
{
	enum burst_verdict v = BURST_QUIET;
	uint64_t i, k;

	(void)state;
	for (i = 1; i <= BURST_LOST; i++) {
		for (k = 0; k < 20; k++)
			by(1000 + i * 20 + k, 5000 + i * 20 + k, 9000 + i *
			    20 + k, file(BURST_WRITTEN, HARM_NONE, k));
		v = by(10, 20, 30, file(BURST_WRITTEN, HARM_TYPE, i));
	}
	assert_int_equal(v, BURST_RAISE);
}

static void
test_over_and_anew(void **state)
{
	uint64_t i, raised = 0;

	(void)state;
	for (i = 1; i <= BURST_LOST; i++)
		by(10, 20, 30, file(BURST_WRITTEN, HARM_TYPE, i));
	now += BURST_FORGET_MS + 1;
	for (i = 1; i <= BURST_LOST; i++)
		raised += by(10, 20, 30, file(BURST_WRITTEN, HARM_TYPE,
		    100 + i)) == BURST_RAISE;
	assert_int_equal(raised, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_in_place),
	    T(test_patience_does_not_help),
	    T(test_one_file_counts_once),
	    T(test_split_over_processes),
	    T(test_split_over_everything),
	    T(test_one_incident),
	    T(test_copy_and_delete),
	    T(test_churn_and_notes_help),
	    T(test_benign),
	    T(test_table_is_bounded),
	    T(test_over_and_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
