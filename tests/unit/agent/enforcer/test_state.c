/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state file: torn, changed, too long; what comes back is what went. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "agent/enforcer/state.h"
#include "common/base/file.h"
#include "tests/unit/folder.h"

static void
fill(struct state *s)
{
	state_init(s);
	s->epoch = 77;
	assert_int_equal(desired_set(&s->current, "order now", 9, 2), 0);
	assert_int_equal(desired_set(&s->previous, "before", 6, 3), 0);
	s->since_ms = 123456789;
	assert_int_equal(state_boot_id(s->boot_id), 0);
	s->confirm_boot_ms = 5;
	s->restore_boot_ms = 6;
	s->tampers = 7;
	memset(s->answered, 8, DIGEST_LEN);
	assert_int_equal(buf_add(&s->answer, "answer", 6), 0);
}

static void
assert_filled(const struct state *s)
{
	assert_int_equal(s->epoch, 77);
	assert_int_equal(s->current.order.len, 9);
	assert_memory_equal(s->current.order.data, "order now", 9);
	assert_int_equal(s->current.profile, 2);
	assert_memory_equal(s->previous.order.data, "before", 6);
	assert_int_equal(s->previous.profile, 3);
	assert_int_equal(s->since_ms, 123456789);
	assert_int_equal(strlen(s->boot_id), STATE_BOOT_ID_LEN);
	assert_int_equal(s->confirm_boot_ms, 5);
	assert_int_equal(s->restore_boot_ms, 6);
	assert_int_equal(s->tampers, 7);
	assert_int_equal(s->answered[31], 8);
	assert_int_equal(s->answer.len, 6);
}

static void
round_trip(void **state)
{
	struct state s, t, u;
	struct stat st;
	char path[4096];
	struct why why;

	(void)state;
	fill(&s);
	state_init(&t);
	state_init(&u);
	assert_int_equal(state_load(dir, &t, &why), ERR_NOENT);
	assert_int_equal(state_save(dir, &s, &why), 0);
	assert_int_equal(file_join(path, sizeof(path), dir, STATE_FILE), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(state_load(dir, &t, &why), 0);
	assert_filled(&t);
	assert_int_equal(state_copy(&u, &t), 0);
	assert_filled(&u);
	state_done(&s);
	state_done(&t);
	state_done(&u);
}

/* Every byte matters, and so does every length. */
static void
damaged(void **state)
{
	struct state s, t;
	struct buf b;
	struct why why;
	size_t i;

	(void)state;
	fill(&s);
	state_init(&t);
	t.epoch = 1;
	buf_init(&b, STATE_MAX);
	assert_int_equal(state_encode(&s, &b), 0);
	for (i = 0; i < b.len; i++) {
		b.data[i] ^= 1;
		assert_int_equal(state_decode(b.data, b.len, &t, &why),
		    ERR_CORRUPT);
		b.data[i] ^= 1;
		assert_int_equal(state_decode(b.data, i, &t, &why),
		    ERR_CORRUPT);
	}
	assert_int_equal(t.epoch, 1); /* untouched */
	assert_int_equal(state_decode(b.data, b.len, &t, &why), 0);
	/* zeros behind it are the spare's, anything else is not */
	for (i = 0; i < 100; i++)
		assert_int_equal(buf_add_u8(&b, 0), 0);
	assert_int_equal(state_decode(b.data, b.len, &t, &why), 0);
	b.data[b.len - 1] = 1;
	assert_int_equal(state_decode(b.data, b.len, &t, &why), ERR_CORRUPT);
	buf_done(&b);
	state_done(&s);
	state_done(&t);
}

/* A right checksum over wrong content. */
static void
resealed(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} cases[] = {
	    {0, 'X'},	/* magic */
	    {16, 0},	/* profile none */
	    {16, 9},	/* profile that does not exist */
	    {17, 0xff}, /* length of the order */
	    {20, 0xff},
	    {20, 8},
	};
	struct state s, t;
	struct buf b;
	struct why why;
	uint8_t was;
	size_t i;

	(void)state;
	fill(&s);
	state_init(&t);
	buf_init(&b, STATE_MAX);
	assert_int_equal(state_encode(&s, &b), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		was = b.data[cases[i].at];
		b.data[cases[i].at] = cases[i].value;
		digest_of(b.data, b.len - DIGEST_LEN,
		    b.data + b.len - DIGEST_LEN);
		assert_int_equal(state_decode(b.data, b.len, &t, &why),
		    ERR_CORRUPT);
		b.data[cases[i].at] = was;
	}
	buf_done(&b);
	state_done(&s);
	state_done(&t);
}

static void
too_long(void **state)
{
	struct state s;
	struct why why;
	char path[4096], *big;

	(void)state;
	big = calloc(1, STATE_MAX + 1);
	assert_non_null(big);
	state_init(&s);
	assert_int_equal(file_join(path, sizeof(path), dir, STATE_FILE), 0);
	assert_int_equal(file_write(path, big, STATE_MAX + 1, 0600, &why), 0);
	assert_int_equal(state_load(dir, &s, &why), ERR_CORRUPT);
	assert_int_equal(desired_set(&s.current, big, ORDER_MAX + 1, 2),
	    ERR_LIMIT);
	assert_int_equal(file_write(path, "", 0, 0600, &why), 0);
	assert_int_equal(state_load(dir, &s, &why), ERR_CORRUPT);
	state_done(&s);
	free(big);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(round_trip), cmocka_unit_test(damaged),
	    cmocka_unit_test(resealed), cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
