/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames: what goes in comes out; what is wrong is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire/frame.h"

static void
every_kind_both_ways(void **state)
{
	uint8_t *payload = calloc(1, FRAME_MAX);
	struct frame f;
	struct buf b;
	size_t used, max;
	uint16_t kind;

	(void)state;
	assert_non_null(payload);
	for (kind = FRAME_HELLO; kind < FRAME_KIND_MAX; kind++) {
		if ((kind > FRAME_REFUSED && kind < FRAME_RENEW_FIRST) ||
		    (kind > FRAME_RENEW_FIRST && kind < FRAME_TREES))
			continue; /* numbers that are not given yet */
		max = frame_max(kind);
		assert_true(max > 0 && max <= FRAME_MAX);
		assert_string_not_equal(frame_name(kind), "?");
		buf_init(&b, 2 * (FRAME_MAX + FRAME_HEADER));
		assert_int_equal(frame_encode(&b, kind, payload, max), 0);
		assert_int_equal(frame_encode(&b, kind, NULL, 0), 0);
		assert_int_equal(frame_encode(&b, kind, payload, max + 1),
		    ERR_RANGE);
		assert_int_equal(b.len, max + 2 * FRAME_HEADER);
		assert_int_equal(frame_decode(b.data, b.len, &f, &used, NULL),
		    0);
		assert_int_equal(f.kind, kind);
		assert_int_equal(f.len, max);
		assert_int_equal(used, max + FRAME_HEADER);
		assert_memory_equal(f.payload, payload, max);
		assert_int_equal(frame_decode(b.data + used, b.len - used, &f,
		    &used, NULL), 0);
		assert_int_equal(f.len, 0);
		assert_int_equal(used, FRAME_HEADER);
		buf_done(&b);
	}
	free(payload);
}

static void
kinds_that_do_not_exist(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(frame_max(0), 0);
	assert_int_equal(frame_max(FRAME_KIND_MAX), 0);
	assert_int_equal(frame_max(UINT16_MAX), 0);
	assert_string_equal(frame_name(0), "?");
	assert_string_equal(frame_name(UINT16_MAX), "?");
	assert_int_equal(frame_encode(&b, 0, "", 0), ERR_RANGE);
	assert_int_equal(frame_encode(&b, UINT16_MAX, "", 0), ERR_RANGE);
	assert_int_equal(b.len, 0);
	buf_done(&b);
}

static void
full_buffer_is_left_alone(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 12);
	assert_int_equal(buf_add(&b, "ab", 2), 0);
	assert_int_equal(frame_encode(&b, FRAME_ORDER, "123", 3), ERR_LIMIT);
	assert_int_equal(b.len, 2);
	assert_int_equal(frame_encode(&b, FRAME_ORDER, "12", 2), 0);
	buf_done(&b);
}

static void
bytes_that_are_wrong(void **state)
{
	static const struct {
		uint8_t bytes[9];
		size_t len;
		int rc;
		const char *why;
	} rows[] = {
		{{0}, 0, ERR_AGAIN, ""},
		{{0, 0, 0, 1, 0, 7, 0}, 7, ERR_AGAIN, ""},
		{{0, 0, 0, 1, 0, 7, 0, 0}, 8, ERR_AGAIN, ""},
		{{0, 0, 0, 1, 0, 7, 0, 0, 42}, 9, 0, ""},
		{{0, 0, 0, 0, 0, 0, 0, 0}, 8, ERR_PROTO,
		    "frame of unknown kind 0"},
		{{0, 0, 0, 0, 0, 60, 0, 0}, 8, ERR_PROTO,
		    "frame of unknown kind 60"},
		{{0, 0, 0, 0, 7, 0, 0, 0}, 8, ERR_PROTO,
		    "frame of unknown kind 1792"},
		{{0, 0, 0, 1, 0, 7, 0, 1, 42}, 9, ERR_PROTO,
		    "order frame with flags 0x0001"},
		{{0, 0, 0, 1, 0, 7, 128, 0}, 8, ERR_PROTO,
		    "order frame with flags 0x8000"},
		{{0, 0, 0, 65, 0, 4, 0, 0}, 8, ERR_PROTO,
		    "heartbeat-ack frame of 65 bytes, at most 64 are allowed"},
		{{255, 255, 255, 255, 0, 5, 0, 0}, 8, ERR_PROTO,
		    "signals frame of 4294967295 bytes, at most 1048576 are "
		    "allowed"},
		{{22, 3, 1, 2, 0, 1, 0, 1}, 8, ERR_PROTO, /* TLS hello */
		    "hello frame with flags 0x0001"},
	};
	struct frame f = {.kind = 999};
	struct why why;
	size_t i, used = 999;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		why.text[0] = '\0';
		assert_int_equal(frame_decode(rows[i].bytes, rows[i].len, &f,
		    &used, &why), rows[i].rc);
		assert_string_equal(why.text, rows[i].why);
		if (rows[i].rc == 0)
			assert_int_equal(used, 9);
		else
			assert_int_equal(used, i < 3 ? 999 : 9);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_both_ways),
		cmocka_unit_test(kinds_that_do_not_exist),
		cmocka_unit_test(full_buffer_is_left_alone),
		cmocka_unit_test(bytes_that_are_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
