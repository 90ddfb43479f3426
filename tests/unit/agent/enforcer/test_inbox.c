/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages from a network process that may have been taken over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/enforcer/answer.h"
#include "agent/enforcer/guard.h"
#include "agent/enforcer/inbox.h"
#include "common/proc/link.h"

static void
refuses(void **state)
{
	static const struct {
		char which; /* order, confirm, foreign-ask */
		const char *data;
		size_t len;
	} cases[] = {
	    {'o', "", 0}, {'o', "\x0a", 1}, {'o', "\x0a\x05xx", 4},
	    {'o', "\x0a\x00", 2}, {'o', "\xff\xff\xff\xff", 4},
	    {'c', "", 0}, {'c', "\x0a\x03O-1", 5},
	    {'c', "\x0a\x03O-1\x12\x00", 7},
	    {'c', "\x0a\x03../\x12\x01x", 8},
	    {'c', "\x0a\x00\x12\x01x", 5},
	    {'f', "", 0}, {'f', "\x0a\x04R 01", 6},
	    {'f', "\x0a\x03R\n1", 5}, {'f', "\x08\x01", 2},
	};
	const uint8_t *d;
	struct why why;
	void *m;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		d = (const uint8_t *)cases[i].data;
		why.text[0] = '\0';
		m = cases[i].which == 'o' ?
		    (void *)inbox_order(d, cases[i].len, &why) :
		    cases[i].which == 'c' ?
		    (void *)inbox_confirm(d, cases[i].len, &why) :
		    (void *)inbox_foreign_ask(d, cases[i].len, &why);
		if (m != NULL)
			fail_msg("case %zu was taken", i);
		assert_true(why.text[0] != '\0');
	}
}

/* The guard: less trusted than we are; its lists and texts are bounded. */
static void
guard_states(void **state)
{
	Cordon__GuardState m = CORDON__GUARD_STATE__INIT, *s;
	Cordon__GuardDevice d = CORDON__GUARD_DEVICE__INIT;
	Cordon__GuardDevice *at[RULESET_DEVICES_MAX + 1];
	static uint8_t bytes[LINK_PAYLOAD_MAX];
	char text[200] = "";
	struct why why;
	size_t i, len;

	(void)state;
	assert_null(guard_state_unpack((const uint8_t *)"\xff", 1, &why));
	for (i = 0; i <= RULESET_DEVICES_MAX; i++)
		at[i] = &d;
	d.name = (char *)(uintptr_t)"eth0";
	m.devices = at;
	m.n_devices = RULESET_DEVICES_MAX;
	len = cordon__guard_state__pack(&m, bytes);
	s = guard_state_unpack(bytes, len, &why);
	assert_non_null(s);
	assert_string_equal(s->devices[3]->name, "eth0");
	cordon__guard_state__free_unpacked(s, NULL);
	m.n_devices++;
	len = cordon__guard_state__pack(&m, bytes);
	assert_null(guard_state_unpack(bytes, len, &why));
	m.n_devices = 1;
	memset(text, 'x', sizeof(text) - 1);
	d.lost = text;
	len = cordon__guard_state__pack(&m, bytes);
	assert_null(guard_state_unpack(bytes, len, &why));
}

static void
takes(void **state)
{
	Cordon__ForeignAsk *f;
	Cordon__Confirm *c;
	Cordon__OrderIn *o;
	struct why why;

	(void)state;
	o = inbox_order((const uint8_t *)"\x0a\x01x", 3, &why);
	assert_non_null(o);
	cordon__order_in__free_unpacked(o, NULL);
	c = inbox_confirm((const uint8_t *)"\x0a\x03O-1\x12\x01x", 8, &why);
	assert_non_null(c);
	cordon__confirm__free_unpacked(c, NULL);
	f = inbox_foreign_ask((const uint8_t *)"\x0a\x03R-1", 5, &why);
	assert_non_null(f);
	cordon__foreign_ask__free_unpacked(f, NULL);
}

static void
answers(void **state)
{
	struct answer a, b;
	struct buf bytes;
	int v;

	(void)state;
	for (v = VERDICT_GOOD; v <= VERDICT_MALFORMED; v++) {
		answer_init(&a, NULL);
		snprintf(a.order_id, sizeof(a.order_id), "O-1");
		a.epoch = 5;
		a.result = CORDON__ANSWER_RESULT__ANSWER_REVERTED;
		a.verdict = (enum verdict)v;
		why_set(&a.why, 0, "because");
		a.took_us = 7;
		memset(a.digest, 9, DIGEST_LEN);
		snprintf(a.foreign, sizeof(a.foreign), "gone");
		buf_init(&bytes, 4096);
		assert_int_equal(answer_pack(&a, &bytes), 0);
		assert_int_equal(answer_unpack(bytes.data, bytes.len, &b), 0);
		assert_string_equal(b.order_id, "O-1");
		assert_int_equal(b.verdict, v);
		assert_int_equal(b.result, a.result);
		assert_string_equal(b.why.text, "because");
		assert_string_equal(b.foreign, "gone");
		assert_memory_equal(a.digest, b.digest, DIGEST_LEN);
		assert_int_equal(answer_unpack(bytes.data, 3, &b),
		    ERR_CORRUPT);
		buf_done(&bytes);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refuses), cmocka_unit_test(guard_states),
	    cmocka_unit_test(takes),
	    cmocka_unit_test(answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
