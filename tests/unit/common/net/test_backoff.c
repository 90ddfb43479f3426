/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Back-off: within its bounds, growing, and not the same for everyone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/net/backoff.h"

static void
test_bounds(void **state)
{
	uint32_t limit = 100, ms;
	struct backoff b;
	int i;

	(void)state;
	backoff_init(&b, 100, 5000);
	for (i = 0; i < 40; i++) {
		assert_int_equal(b.next_ms, limit);
		ms = backoff_next(&b);
		assert_true(ms >= 50 && ms <= limit);
		limit = limit > 2500 ? 5000 : limit * 2;
	}
	assert_int_equal(b.next_ms, 5000);
	backoff_reset(&b);
	assert_int_equal(b.next_ms, 100);
}

static void
test_jitter(void **state)
{
	struct backoff b;
	uint32_t first;
	bool differ = false;
	int i;

	(void)state;
	backoff_init(&b, 60000, 60000);
	first = backoff_next(&b);
	for (i = 0; i < 8; i++)
		differ |= backoff_next(&b) != first;
	assert_true(differ);
}

static void
test_odd_bounds(void **state)
{
	struct backoff b;
	int i;

	(void)state;
	backoff_init(&b, 0, 0); /* not a busy loop, not a division by 0 */
	for (i = 0; i < 8; i++)
		assert_true(backoff_next(&b) <= 1);
	backoff_init(&b, 500, 10); /* the other way round: MIN wins */
	assert_true(backoff_next(&b) >= 250);
	assert_int_equal(b.max_ms, 500);
	backoff_init(&b, UINT32_MAX, UINT32_MAX);
	for (i = 0; i < 8; i++)
		assert_true(backoff_next(&b) >= UINT32_MAX / 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_odd_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
