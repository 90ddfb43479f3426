/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gate: every reason to refuse, and what is answered again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/enforcer/order_gate.h"

#define HOST "H-TEST0001"
#define NOW 1700000000000

static struct sign_key *key, *other;
static uint8_t public[SIGN_KEY_LEN];
static uint8_t address[4] = {10, 9, 0, 2};

struct order_case {
	const char *name;
	const char *host;
	uint64_t epoch;
	Cordon__Profile profile;
	Cordon__Mode mode;
	bool forged, late, never, offline;
	enum gate_says says;
	enum verdict verdict;
};

static void
make(const struct order_case *c, struct buf *out)
{
	Cordon__OrderBody b = CORDON__ORDER_BODY__INIT;
	Cordon__Endpoint e = CORDON__ENDPOINT__INIT, *list[] = {&e};
	uint8_t bytes[1024];

	e.address.data = address;
	e.address.len = 4;
	e.prefix_len = 32;
	e.protocol = 6;
	e.port = 443;
	e.direction = CORDON__DIRECTION__DIRECTION_OUT;
	b.version = 1;
	b.host_id = (char *)(uintptr_t)c->host;
	b.epoch = c->epoch;
	b.order_id = (char *)(uintptr_t)"O-TEST0001";
	b.plan_id = (char *)(uintptr_t)"P-TEST0001";
	b.profile = c->profile;
	b.mode = c->mode;
	b.drill_minutes = c->mode == CORDON__MODE__MODE_DRILL_LIVE;
	b.collectors = list;
	b.n_collectors = 1;
	b.issued_at_ms = NOW - 5000;
	b.deliver_before_ms = c->late ? NOW - 1 : 0;
	b.review_by_ms = NOW + 1000;
	b.review_then = CORDON__REVIEW_THEN__REVIEW_REMIND;
	buf_clear(out);
	assert_int_equal(order_sign(c->forged ? other : key, bytes,
	    cordon__order_body__pack(&b, bytes), out), 0);
}

#define STRICT CORDON__PROFILE__PROFILE_STRICT
#define OPEN CORDON__PROFILE__PROFILE_OPEN
#define FULL CORDON__MODE__MODE_ENFORCE
#define DRY CORDON__MODE__MODE_DRILL_DRY
#define LIVE CORDON__MODE__MODE_DRILL_LIVE
static const struct order_case cases[] = {
    {"good", HOST, 11, STRICT, FULL, 0, 0, 0, 0, GATE_TAKE, VERDICT_GOOD},
    {"open", HOST, 11, OPEN, FULL, 0, 0, 0, 0, GATE_TAKE, VERDICT_GOOD},
    {"forged", HOST, 11, STRICT, FULL, 1, 0, 0, 0, GATE_REFUSE, VERDICT_FORGED},
    {"other host", "H-OTHER001", 11, STRICT, FULL, 0, 0, 0, 0, GATE_REFUSE, VERDICT_WRONG_HOST},
    {"same epoch", HOST, 10, STRICT, FULL, 0, 0, 0, 0, GATE_REFUSE, VERDICT_STALE_EPOCH},
    {"old epoch", HOST, 1, OPEN, FULL, 0, 0, 0, 0, GATE_REFUSE, VERDICT_STALE_EPOCH},
    {"late", HOST, 11, STRICT, FULL, 0, 1, 0, 0, GATE_REFUSE, VERDICT_EXPIRED},
    {"late, offline", HOST, 11, STRICT, FULL, 0, 1, 0, 1, GATE_TAKE, VERDICT_GOOD},
    {"old, offline", HOST, 10, OPEN, FULL, 0, 0, 0, 1, GATE_REFUSE, VERDICT_STALE_EPOCH},
    {"forged, offline", HOST, 11, OPEN, FULL, 1, 0, 0, 1, GATE_REFUSE, VERDICT_FORGED},
    {"no profile", HOST, 11, 0, FULL, 0, 0, 0, 0, GATE_REFUSE, VERDICT_MALFORMED},
    {"never", HOST, 11, STRICT, FULL, 0, 0, 1, 0, GATE_REFUSE, VERDICT_GOOD},
    {"never, live drill", HOST, 11, STRICT, LIVE, 0, 0, 1, 0, GATE_REFUSE, VERDICT_GOOD},
    {"never, dry drill", HOST, 11, STRICT, DRY, 0, 0, 1, 0, GATE_TAKE, VERDICT_GOOD},
    {"never, open", HOST, 11, OPEN, FULL, 0, 0, 1, 0, GATE_TAKE, VERDICT_GOOD},
};

static void
table(void **state)
{
	struct order_gate g = {.host_id = HOST, .key = public};
	struct gate_result r;
	struct state s;
	struct buf b;
	struct why why;
	size_t i;

	(void)state;
	buf_init(&b, ORDER_MAX);
	state_init(&s);
	s.epoch = 10;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make(&cases[i], &b);
		g.never_isolate = cases[i].never;
		order_gate_check(&g, &s, b.data, b.len,
		    cases[i].offline ? 0 : NOW, &r, &why);
		if (r.says != cases[i].says || r.verdict != cases[i].verdict)
			fail_msg("%s: says %d, verdict %s", cases[i].name,
			    r.says, verdict_str(r.verdict));
		assert_true(r.says == GATE_TAKE || why.text[0] != '\0');
		if (r.body != NULL)
			cordon__order_body__free_unpacked(r.body, NULL);
	}
	buf_done(&b);
	state_done(&s);
}

/* The same bytes again: as answered, or as in force. */
static void
again(void **state)
{
	struct order_gate g = {.host_id = HOST, .key = public};
	struct gate_result r;
	struct state s;
	struct buf b;
	struct why why;

	(void)state;
	buf_init(&b, ORDER_MAX);
	state_init(&s);
	make(&cases[0], &b);
	s.epoch = 11;
	assert_int_equal(desired_set(&s.current, b.data, b.len, 2), 0);
	order_gate_check(&g, &s, b.data, b.len, NOW, &r, &why);
	assert_int_equal(r.says, GATE_FORCED);
	cordon__order_body__free_unpacked(r.body, NULL);
	memcpy(s.answered, r.digest, DIGEST_LEN);
	assert_int_equal(buf_add(&s.answer, "x", 1), 0);
	order_gate_check(&g, &s, b.data, b.len, NOW, &r, &why);
	assert_int_equal(r.says, GATE_REPEAT);
	cordon__order_body__free_unpacked(r.body, NULL);
	make(&cases[1], &b); /* same epoch, other order */
	order_gate_check(&g, &s, b.data, b.len, NOW, &r, &why);
	assert_int_equal(r.says, GATE_REFUSE);
	cordon__order_body__free_unpacked(r.body, NULL);
	buf_done(&b);
	state_done(&s);
}

/* What was stored is verified like what came in. */
static void
stored(void **state)
{
	struct order_gate g = {.host_id = HOST, .key = public};
	Cordon__OrderBody *body;
	struct state s;
	struct buf b;
	struct why why;
	size_t i;

	(void)state;
	buf_init(&b, ORDER_MAX);
	state_init(&s);
	make(&cases[0], &b);
	assert_int_equal(desired_set(&s.current, b.data, b.len, 2), 0);
	s.epoch = 10; /* the order says 11 */
	assert_null(order_gate_stored(&g, &s, &s.current, &why));
	s.epoch = 11;
	body = order_gate_stored(&g, &s, &s.current, &why);
	assert_non_null(body);
	cordon__order_body__free_unpacked(body, NULL);
	for (i = 0; i < s.current.order.len; i++) {
		s.current.order.data[i] ^= 1;
		assert_null(order_gate_stored(&g, &s, &s.current, &why));
		s.current.order.data[i] ^= 1;
	}
	buf_done(&b);
	state_done(&s);
}

static void
label(void **state)
{
	char id[ID_MAX] = "";
	uint64_t epoch = 0;
	struct buf b;

	(void)state;
	buf_init(&b, ORDER_MAX);
	order_gate_label("\xff\xff", 2, id, &epoch);
	assert_string_equal(id, "");
	make(&cases[2], &b);
	order_gate_label(b.data, b.len, id, &epoch);
	assert_string_equal(id, "O-TEST0001");
	assert_int_equal(epoch, 11);
	buf_done(&b);
}

static int
set_up(void **state)
{
	(void)state;
	if (sign_key_new(&key) != 0 || sign_key_new(&other) != 0)
		return -1;
	sign_key_public(key, public);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	sign_key_free(&key);
	sign_key_free(&other);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(table), cmocka_unit_test(again),
	    cmocka_unit_test(stored), cmocka_unit_test(label),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
