/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unpacking foreign bytes: a bound on memory that honest messages never see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire/agent.pb-c.h"
#include "common/wire/frame.h"
#include "common/wire/unpack.h"

static void
not_that_message(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {
		{"\x0a", 1},		   /* length missing */
		{"\x0a\x05" "ab", 4},	   /* shorter than it says */
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11},
		{"\x0a\xff\xff\xff\xff\x0f", 6}, /* 4 GiB */
		{"\x0b\x0c", 2},	   /* group */
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_null(unpack(&cordon__hello__descriptor, rows[i].bytes,
		    rows[i].len));
}

static void
empty_is_all_defaults(void **state)
{
	Cordon__Hello *h = unpack(&cordon__hello__descriptor, NULL, 0);

	(void)state;
	assert_non_null(h);
	assert_int_equal(h->version, 0);
	assert_string_equal(h->host_id, "");
	cordon__hello__free_unpacked(h, NULL);
}

/* Half a million empty signals in one frame would take 100 MiB. */
static void
no_bombs(void **state)
{
	uint8_t *bytes = malloc(FRAME_MAX);
	size_t i;

	(void)state;
	assert_non_null(bytes);
	for (i = 0; i < FRAME_MAX; i += 2) {
		bytes[i] = 0x0a;
		bytes[i + 1] = 0;
	}
	assert_null(unpack(&cordon__signal_batch__descriptor, bytes,
	    FRAME_MAX));
	free(bytes);
}

/* The most that an honest agent sends, with the smallest fields. */
static void
honest_batches_pass(void **state)
{
	Cordon__SignalBatch batch = CORDON__SIGNAL_BATCH__INIT;
	Cordon__Signal *list[1000], one = CORDON__SIGNAL__INIT;
	Cordon__Pair pair = CORDON__PAIR__INIT, *pairs[8];
	Cordon__Cause cause = CORDON__CAUSE__INIT;
	char a[] = "a", *parents[8];
	uint8_t chain[32] = {1}, *bytes;
	Cordon__SignalBatch *got;
	size_t i, len;

	(void)state;
	pair.key = pair.value = a;
	for (i = 0; i < 8; i++) {
		pairs[i] = &pair;
		parents[i] = a;
	}
	cause.program = cause.command = cause.user = cause.unit = a;
	cause.n_parents = 8;
	cause.parents = parents;
	one.number = 1;
	one.chain = (ProtobufCBinaryData){sizeof(chain), chain};
	one.kind = one.object = one.text = one.cause_id = a;
	one.cause = &cause;
	one.n_evidence = 8;
	one.evidence = pairs;
	for (i = 0; i < 1000; i++)
		list[i] = &one;
	batch.n_signals = 1000;
	batch.signals = list;
	len = cordon__signal_batch__get_packed_size(&batch);
	assert_true(len <= FRAME_MAX);
	bytes = malloc(len);
	assert_non_null(bytes);
	assert_int_equal(cordon__signal_batch__pack(&batch, bytes), len);
	got = unpack(&cordon__signal_batch__descriptor, bytes, len);
	assert_non_null(got);
	assert_int_equal(got->n_signals, 1000);
	assert_string_equal(got->signals[999]->evidence[7]->value, "a");
	cordon__signal_batch__free_unpacked(got, NULL);
	free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(not_that_message),
		cmocka_unit_test(empty_is_all_defaults),
		cmocka_unit_test(no_bombs),
		cmocka_unit_test(honest_batches_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
