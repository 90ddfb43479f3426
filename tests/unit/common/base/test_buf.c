/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bounded buffers and the reader: bounds hold, nothing changes on failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/buf.h"
#include "common/base/err.h"

static void
numbers_are_big_endian(void **state)
{
	static const uint8_t want[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
	    13, 14, 15};
	struct reader r;
	struct buf b;

	(void)state;
	buf_init(&b, 15);
	assert_int_equal(buf_add_u8(&b, 0x01), 0);
	assert_int_equal(buf_add_u16(&b, 0x0203), 0);
	assert_int_equal(buf_add_u32(&b, 0x04050607), 0);
	assert_int_equal(buf_add_u64(&b, 0x08090a0b0c0d0e0f), 0);
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.data, want, sizeof(want));
	reader_init(&r, b.data, b.len);
	assert_int_equal(reader_u8(&r), 0x01);
	assert_int_equal(reader_u16(&r), 0x0203);
	assert_int_equal(reader_u32(&r), 0x04050607);
	assert_true(reader_u64(&r) == 0x08090a0b0c0d0e0f);
	assert_false(r.bad);
	assert_int_equal(r.left, 0);
	buf_done(&b);
}

static void
maximum_is_never_passed(void **state)
{
	struct buf b;
	uint8_t *at;

	(void)state;
	buf_init(&b, 4);
	assert_int_equal(buf_add(&b, "abc", 3), 0);
	assert_int_equal(buf_add(&b, "de", 2), ERR_LIMIT);
	assert_int_equal(buf_add_u16(&b, 1), ERR_LIMIT);
	assert_int_equal(buf_printf(&b, "%d", 12), ERR_LIMIT);
	assert_int_equal(buf_reserve(&b, 2, &at), ERR_LIMIT);
	assert_int_equal(buf_reserve(&b, SIZE_MAX, &at), ERR_LIMIT);
	assert_string_equal(buf_str(&b), "abc");
	assert_int_equal(buf_printf(&b, "%d", 1), 0);
	assert_int_equal(b.len, 4);
	assert_string_equal(buf_str(&b), "abc1");
	buf_done(&b);
	buf_init(&b, SIZE_MAX);
	assert_int_equal(buf_reserve(&b, SIZE_MAX, &at), ERR_LIMIT);
	buf_done(&b);
}

static void
grows_and_consumes(void **state)
{
	struct buf b;
	uint8_t *at;
	int i;

	(void)state;
	buf_init(&b, 100000);
	for (i = 0; i < 10000; i++)
		assert_int_equal(buf_printf(&b, "%04d,", i), 0);
	assert_int_equal(b.len, 50000);
	assert_memory_equal(b.data + 5 * 1234, "1234,", 5);
	buf_consume(&b, 5 * 9999);
	assert_string_equal(buf_str(&b), "9999,");
	assert_int_equal(buf_reserve(&b, 3, &at), 0);
	memcpy(at, "xyz", 3);
	buf_grow(&b, 2);
	assert_string_equal(buf_str(&b), "9999,xy");
	buf_consume(&b, 7);
	assert_int_equal(b.len, 0);
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(buf_add_str(&b, "again"), 0);
	buf_clear(&b);
	assert_int_equal(b.len, 0);
	buf_done_wipe(&b);
	assert_null(b.data);
	buf_done(&b); /* twice is fine */
}

static void
reader_stays_bad(void **state)
{
	static const uint8_t three[] = {1, 2, 3};
	struct reader r;

	(void)state;
	reader_init(&r, three, sizeof(three));
	assert_int_equal(reader_u16(&r), 0x0102);
	assert_int_equal(reader_u16(&r), 0);
	assert_true(r.bad);
	assert_int_equal(reader_u8(&r), 0); /* though one byte is left */
	assert_null(reader_bytes(&r, 0));
	reader_init(&r, three, sizeof(three));
	assert_ptr_equal(reader_bytes(&r, 3), three);
	assert_null(reader_bytes(&r, 1));
	reader_init(&r, three, sizeof(three));
	assert_null(reader_bytes(&r, SIZE_MAX));
	reader_init(&r, NULL, 0);
	assert_int_equal(reader_u64(&r), 0);
	assert_true(r.bad);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_big_endian),
		cmocka_unit_test(maximum_is_never_passed),
		cmocka_unit_test(grows_and_consumes),
		cmocka_unit_test(reader_stays_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
