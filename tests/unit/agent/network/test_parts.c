/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The small parts: check runs, the bounded queue, counting losses, the feed's
 * sense of numbers, segments of a network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/network/collectors.h"
#include "agent/network/ifaces.h"
#include "agent/network/line.h"
#include "agent/network/lost.h"
#include "agent/network/network.h"
#include "agent/network/outbox.h"
#include "agent/network/runs.h"
#include "agent/network/segment.h"
#include "agent/network/usage.h"
#include "common/base/file.h"
#include "common/wire/frame.h"

static struct why why;

/* -- runs */

struct unknown {
	char text[512];
	int last;
};

static void
on_unknown(void *arg, const char *run, const char *check, bool last,
    const char *reason)
{
	struct unknown *u = arg;
	size_t at = strlen(u->text);

	(void)reason;
	snprintf(u->text + at, sizeof(u->text) - at, "%s/%s ", run, check);
	u->last += last;
}

static int
begin(struct runs *rs, const char *id, size_t n, const char **checks)
{
	Cordon__CheckRun ask = CORDON__CHECK_RUN__INIT;
	struct run *run;

	ask.run_id = (char *)(uintptr_t)id;
	ask.n_checks = n;
	ask.checks = (char **)(uintptr_t)checks;
	return runs_begin(rs, &ask, 1000, &run, &why);
}

static const struct {
	const char *id;
	size_t n;
	const char *check;
	int want;
} bad_runs[] = {
	{"", 1, "G01", ERR_RANGE},
	{"R 1", 1, "G01", ERR_RANGE},
	{"R-0000000000000000000000000000000000", 1, "G01", ERR_RANGE},
	{"R-00000001", 0, "G01", ERR_RANGE},
	{"R-00000001", 1, "", ERR_RANGE},
	{"R-00000001", 1, "G0\n1", ERR_RANGE},
	{"R-00000001", 1, "../../../etc/passwd", ERR_RANGE},
	{"R-00000001", 1, "G01G01G01G01G01G", ERR_RANGE},
	{"R-00000001", 1, "G01", 0},
	{"R-00000001", 1, "G01", ERR_EXIST},
};

static void
test_runs_bounds(void **state)
{
	struct runs rs = {0};
	const char *checks[1];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad_runs) / sizeof(bad_runs[0]); i++) {
		checks[0] = bad_runs[i].check;
		if (begin(&rs, bad_runs[i].id, bad_runs[i].n, checks) !=
		    bad_runs[i].want)
			fail_msg("row %zu", i);
	}
}

static void
test_runs_many(void **state)
{
	const char *checks[] = {"G01"};
	struct runs rs = {0};
	char id[32];
	bool last;
	int i;

	(void)state;
	for (i = 0; i < RUNS_MAX; i++) {
		snprintf(id, sizeof(id), "R-%08d", i);
		assert_int_equal(begin(&rs, id, 1, checks), 0);
	}
	assert_int_equal(begin(&rs, "R-NEW", 1, checks), ERR_LIMIT);
	assert_int_equal(runs_close(&rs, "R-00000003", "G01", RUN_SENSORS,
	    &last), 0);
	assert_true(last);
	assert_int_equal(begin(&rs, "R-NEW", 1, checks), 0);
}

static void
test_runs_late(void **state)
{
	const char *checks[] = {"G01", "G15", "G06"};
	struct unknown u = {.last = 0};
	struct runs rs = {0};
	bool last;

	(void)state;
	assert_int_equal(begin(&rs, "R-00000001", 3, checks), 0);
	assert_int_equal(runs_close(&rs, "R-00000001", "G01", RUN_SENSORS,
	    &last), 0);
	assert_false(last);
	runs_expire(&rs, 1000 + RUN_TIMEOUT_MS - 1, on_unknown, &u);
	assert_string_equal(u.text, "");
	runs_expire(&rs, 1000 + RUN_TIMEOUT_MS, on_unknown, &u);
	assert_string_equal(u.text, "R-00000001/G15 R-00000001/G06 ");
	assert_int_equal(u.last, 1);
	assert_int_equal(runs_close(&rs, "R-00000001", "G06", RUN_SENSORS,
	    &last), ERR_NOENT);
	assert_int_equal(runs_close(&rs, "", "G06", RUN_SENSORS, &last),
	    ERR_NOENT);
}

/* -- outbox */

static void
test_outbox(void **state)
{
	const struct outbox_item *i;
	struct outbox o;

	(void)state;
	outbox_init(&o, 3, 10);
	assert_int_equal(outbox_put(&o, 1, NULL, "aaaa", 4), 0);
	assert_int_equal(outbox_put(&o, 2, "O-1", "bb", 2), 0);
	assert_int_equal(outbox_put(&o, 2, "O-2", "cccc", 4), 0);
	/* Full by number, and by bytes. */
	assert_int_equal(outbox_put(&o, 1, NULL, "", 0), ERR_LIMIT);
	assert_int_equal(outbox_put(&o, 2, "O-1", "ddd", 3), ERR_LIMIT);
	assert_int_equal(outbox_put(&o, 2, "O-1", "ee", 2), 0);
	/* The same key of another kind is another thing. */
	assert_int_equal(outbox_put(&o, 3, "O-1", "", 0), ERR_LIMIT);
	i = outbox_first(&o);
	assert_int_equal(i->kind, 1);
	outbox_drop_first(&o);
	assert_memory_equal(outbox_first(&o)->data, "cccc", 4);
	outbox_drop_first(&o);
	assert_memory_equal(outbox_first(&o)->data, "ee", 2);
	outbox_drop_first(&o);
	assert_null(outbox_first(&o));
	outbox_drop_first(&o);
	assert_int_equal(o.bytes, 0);
	assert_int_equal(o.n, 0);
	outbox_done(&o);
}

/* -- lost */

static void
test_lost(void **state)
{
	struct lost l = {0}, back;
	char text[1400];
	struct reader r;
	struct buf b;
	size_t cut;
	uint64_t i;

	(void)state;
	lost_remove(&l, 5, 4, 1);
	assert_int_equal(lost_total(&l), 0);
	lost_remove(&l, 5, 5, 100);
	lost_remove(&l, 6, 9, 200);
	lost_remove(&l, 20, 20, 300);
	lost_refuse(&l, 2, 400);
	lost_refuse(&l, 99, 500);
	assert_string_equal(lost_numbers(&l, text, sizeof(text)), "5-9,20");
	assert_int_equal(l.removed, 6);
	assert_int_equal(lost_refused(&l), 2);
	assert_int_equal(l.since_ms, 100);
	assert_int_equal(l.until_ms, 500);
	/* More ranges than are kept: merged, the count stays exact. */
	for (i = 0; i < 100; i++)
		lost_remove(&l, 100 + i * 2, 100 + i * 2, 600);
	assert_int_equal(l.removed, 106);
	assert_int_equal(l.nranges, LOST_RANGES);
	assert_int_equal(l.ranges[LOST_RANGES - 1].last, 298);
	/* A cut text is still text. */
	assert_int_equal(strlen(lost_numbers(&l, text, 8)), 7);

	buf_init(&b, 4096);
	assert_int_equal(lost_encode(&l, &b), 0);
	reader_init(&r, b.data, b.len);
	assert_int_equal(lost_decode(&r, &back), 0);
	assert_memory_equal(&l, &back, sizeof(l));
	for (cut = 0; cut < b.len; cut++) {
		reader_init(&r, b.data, cut);
		assert_int_equal(lost_decode(&r, &back), ERR_CORRUPT);
	}
	buf_done(&b);
}

/* -- names of segments */

static const struct {
	const char *name;
	bool good;
	uint64_t first;
} names[] = {
	{"00000000000000000001.seg", true, 1},
	{"00000000000000012345.seg", true, 12345},
	{"04611686018427387903.seg", true, 4611686018427387903u},
	{"04611686018427387904.seg", false, 0},
	{"18446744073709551599.seg", false, 0},
	{"99999999999999999999.seg", false, 0},
	{"00000000000000000000.seg", false, 0},
	{"0000000000000000001.seg", false, 0},
	{"000000000000000000001.seg", false, 0},
	{"00000000000000000001.tmp", false, 0},
	{"00000000000000000001.seg.tmp", false, 0},
	{"0000000000000000000x.seg", false, 0},
	{"-0000000000000000001.seg", false, 0},
	{"", false, 0},
	{"state", false, 0},
};

static void
test_segment_names(void **state)
{
	char back[SEGMENT_NAME_MAX];
	uint64_t first;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (segment_name_parse(names[i].name, &first) !=
		    names[i].good)
			fail_msg("%s", names[i].name);
		if (!names[i].good)
			continue;
		assert_int_equal(first, names[i].first);
		segment_name(back, first);
		assert_string_equal(back, names[i].name);
	}
}

/* -- segments of a network */

static const struct {
	uint8_t own[4], prefix, other[4];
	bool near;
} nets[] = {
	{{10, 1, 2, 3}, 24, {10, 1, 2, 200}, true},
	{{10, 1, 2, 3}, 24, {10, 1, 3, 3}, false},
	{{10, 1, 2, 3}, 23, {10, 1, 3, 3}, true},
	{{10, 1, 2, 3}, 32, {10, 1, 2, 3}, true},
	{{10, 1, 2, 3}, 32, {10, 1, 2, 2}, false},
	{{10, 1, 2, 3}, 0, {192, 168, 0, 1}, true},
	{{10, 1, 2, 3}, 30, {10, 1, 2, 4}, false},
};

static void
test_on_segment(void **state)
{
	struct iface_addr a = {.ip_len = 4};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(nets) / sizeof(nets[0]); i++) {
		memcpy(a.ip, nets[i].own, 4);
		a.prefix_len = nets[i].prefix;
		if (iface_on_segment(&a, nets[i].other) != nets[i].near)
			fail_msg("row %zu", i);
	}
}

/* -- the table of frames */

static void
test_rows(void **state)
{
	static const enum line_state states[] = {LINE_DOWN, LINE_CONNECTING,
	    LINE_HELLO, LINE_LIVE};
	const struct line_row *row;
	unsigned int kind, allowed = 0;
	size_t i;

	(void)state;
	for (kind = 0; kind < FRAME_KIND_MAX + 10; kind++)
		for (i = 0; i < 4; i++)
			if (line_check(network_rows(), states[i],
			    (uint16_t)kind, &row) == NULL) {
				assert_true(states[i] >= LINE_HELLO);
				assert_int_equal(row->kind, kind);
				allowed++;
			}
	/* Seventeen kinds; six of them only live, two only before. */
	assert_int_equal(allowed, 2 * 17 - 6 - 2);
}

/* -- the list of collectors */

static void
test_collectors_file(void **state)
{
	char dir[] = "/tmp/cordon-parts-XXXXXX", path[64];
	Cordon__Endpoint e[2], *list[2] = {&e[0], &e[1]};
	uint8_t ip[4] = {10, 0, 0, 1};
	struct addr got[LINE_ADDRS_MAX];
	struct collectors c = {got, 0, LINE_ADDRS_MAX};
	size_t i;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/%s", dir, COLLECTORS_FILE);
	for (i = 0; i < 2; i++) {
		cordon__endpoint__init(&e[i]);
		e[i].address.data = ip;
		e[i].address.len = 4;
		e[i].prefix_len = 32;
		e[i].protocol = 6;
		e[i].port = 8443 + (uint32_t)i;
		e[i].direction = CORDON__DIRECTION__DIRECTION_OUT;
	}
	collectors_load(&c, dir);
	assert_int_equal(c.n, 0);
	assert_int_equal(collectors_save(dir, list, 2, &why), 0);
	collectors_add(&c, list, 1);
	collectors_load(&c, dir);
	assert_int_equal(c.n, 2); /* one of them was there */
	assert_int_equal(got[1].port, 8444);
	e[0].port = 0;
	assert_int_equal(collectors_save(dir, list, 2, &why), ERR_RANGE);
	assert_int_equal(file_write(path, "\xff\xff", 2, 0600, &why), 0);
	c.n = 0;
	collectors_load(&c, dir);
	assert_int_equal(c.n, 0);
	assert_int_equal(file_remove(path, &why), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void
test_usage(void **state)
{
	struct usage own, all;

	(void)state;
	usage_own(&own);
	assert_true(own.rss_kib > 100);
	if (usage_all(&all))
		assert_true(all.rss_kib >= own.rss_kib);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs_bounds),
		cmocka_unit_test(test_runs_many),
		cmocka_unit_test(test_runs_late),
		cmocka_unit_test(test_outbox),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_segment_names),
		cmocka_unit_test(test_on_segment),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_collectors_file),
		cmocka_unit_test(test_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
