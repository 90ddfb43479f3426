/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packing: appended whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/err.h"
#include "common/wire/agent.pb-c.h"
#include "common/wire/pack.h"
#include "common/wire/unpack.h"

static void
behind_what_is_there(void **state)
{
	Cordon__HeartbeatAck m = CORDON__HEARTBEAT_ACK__INIT, *back;
	struct buf b;

	(void)state;
	m.sequence = 300;
	buf_init(&b, 64);
	assert_int_equal(buf_add_str(&b, "head"), 0);
	assert_int_equal(pack(&m.base, &b), 0);
	assert_memory_equal(b.data, "head", 4);
	back = unpack(&cordon__heartbeat_ack__descriptor, b.data + 4,
	    b.len - 4);
	assert_non_null(back);
	assert_int_equal(back->sequence, 300);
	cordon__heartbeat_ack__free_unpacked(back, NULL);
	buf_done(&b);
}

static void
an_empty_message(void **state)
{
	Cordon__HeartbeatAck m = CORDON__HEARTBEAT_ACK__INIT;
	struct buf b;

	(void)state;
	buf_init(&b, 64);
	assert_int_equal(pack(&m.base, &b), 0);
	assert_int_equal(b.len, 0);
	assert_non_null(b.data);
	buf_done(&b);
}

/* Up to the last byte; one more is refused and leaves the buffer alone. */
static void
within_the_bound(void **state)
{
	Cordon__Refused m = CORDON__REFUSED__INIT;
	size_t size, head;
	struct buf b;

	(void)state;
	m.why = (char *)(uintptr_t)"the collector could not do it";
	size = cordon__refused__get_packed_size(&m);
	for (head = 0; head < 2; head++) {
		buf_init(&b, size);
		assert_int_equal(buf_add(&b, "x", head), 0);
		assert_int_equal(pack(&m.base, &b), head == 0 ? 0 : ERR_LIMIT);
		assert_int_equal(b.len, head == 0 ? size : head);
		buf_done(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(behind_what_is_there),
		cmocka_unit_test(an_empty_message),
		cmocka_unit_test(within_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
