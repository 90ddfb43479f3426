/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Orders: each verdict, and a table with one row a bound: a change to a good
 * body and the reason it must give.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/digest.h"
#include "common/wire/order.h"

#define NOW INT64_C(1795330152123)
#define MINUTE 60000

static struct sign_key *key;
static uint8_t public[SIGN_KEY_LEN];
static uint8_t v4[4] = {192, 0, 2, 1}, zero4[4], multi4[4] = {239, 1, 1, 1};
static uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
static uint8_t mapped[16] = {[10] = 0xff, 0xff, 192, 0, 2, 1};
static uint8_t multi6[16] = {0xff, 2, [15] = 1}, zero6[16], hash[32];
static char long_text[ORDER_TEXT_MAX + 2];

/* A good order and the parts it is made of, to be spoilt one by one. */
static struct {
	Cordon__OrderBody b;
	Cordon__Endpoint ends[ORDER_ALLOWED_MAX + 1];
	Cordon__Endpoint coll[ORDER_COLLECTORS_MAX + 1];
	Cordon__Endpoint probe[ORDER_PROBES_MAX + 1];
	Cordon__Endpoint *pends[ORDER_ALLOWED_MAX + 1];
	Cordon__Endpoint *pcoll[ORDER_COLLECTORS_MAX + 1];
	Cordon__Endpoint *pprobe[ORDER_PROBES_MAX + 1];
	Cordon__DeadMan deadman;
} o;

static void
endpoint(Cordon__Endpoint *e, uint8_t *address, size_t len)
{
	cordon__endpoint__init(e);
	e->address = (ProtobufCBinaryData){len, address};
	e->prefix_len = (uint32_t)(8 * len);
	e->protocol = 6;
	e->port = 8443;
	e->direction = CORDON__DIRECTION__DIRECTION_OUT;
}

static void
good(void)
{
	static char host[] = "H-1", order[] = "O-1", plan[] = "P-1",
	    text[] = "routine\nwork";
	size_t i;

	cordon__order_body__init(&o.b);
	for (i = 0; i <= ORDER_ALLOWED_MAX; i++) {
		endpoint(&o.ends[i], v4, 4);
		o.pends[i] = &o.ends[i];
	}
	for (i = 0; i <= ORDER_COLLECTORS_MAX; i++) {
		endpoint(&o.coll[i], i % 2 ? v6 : v4, i % 2 ? 16 : 4);
		o.pcoll[i] = &o.coll[i];
	}
	for (i = 0; i <= ORDER_PROBES_MAX; i++) {
		endpoint(&o.probe[i], v6, 16);
		o.probe[i].protocol = 17;
		o.pprobe[i] = &o.probe[i];
	}
	cordon__dead_man__init(&o.deadman);
	o.b.version = 1;
	o.b.host_id = host;
	o.b.epoch = 7;
	o.b.order_id = order;
	o.b.plan_id = plan;
	o.b.profile = CORDON__PROFILE__PROFILE_RECOVERY;
	o.b.n_allowed = 2;
	o.b.allowed = o.pends;
	o.b.n_collectors = 2;
	o.b.collectors = o.pcoll;
	o.b.n_probes = 2;
	o.b.probes = o.pprobe;
	o.b.issued_at_ms = NOW - MINUTE;
	o.b.deliver_before_ms = NOW + MINUTE;
	o.b.review_by_ms = NOW + 60 * MINUTE;
	o.b.review_then = CORDON__REVIEW_THEN__REVIEW_REMIND;
	o.b.confirm_seconds = 60;
	o.b.confirm_hash = (ProtobufCBinaryData){sizeof(hash), hash};
	o.b.deadman = &o.deadman;
	o.b.mode = CORDON__MODE__MODE_ENFORCE;
	o.b.reason = o.b.notice_en = text;
}

/* What one row of the table does to the good order. */
#define ROWS(ROW)                                                            \
	ROW(version_0, o.b.version = 0, "version 0")                         \
	ROW(version_2, o.b.version = 2, "version 2")                         \
	ROW(host_none, o.b.host_id = (char *)"", "host id")                  \
	ROW(host_path, o.b.host_id = (char *)"../H-1", "host id")            \
	ROW(epoch_0, o.b.epoch = 0, "epoch")                                 \
	ROW(order_none, o.b.order_id = (char *)"", "order id")               \
	ROW(plan_none, o.b.plan_id = (char *)"", "plan id")                  \
	ROW(case_bad, o.b.case_id = (char *)"C 1", "case id")                \
	ROW(profile_0, o.b.profile = 0, "profile")                           \
	ROW(profile_5, o.b.profile = 5, "profile")                           \
	ROW(profile_minus, o.b.profile = -1, "profile")                      \
	ROW(strict_allows, o.b.profile = 2, "allowed: 2, must be 0 to 0")    \
	ROW(open_allows, o.b.profile = 1, "allowed: 2, must be 0 to 0")      \
	ROW(allowed_65, o.b.n_allowed = 65, "allowed: 65")                   \
	ROW(collectors_0, o.b.n_collectors = 0, "collectors: 0")             \
	ROW(collectors_17, o.b.n_collectors = 17, "collectors: 17")          \
	ROW(probes_33, o.b.n_probes = 33, "probes: 33")                      \
	ROW(address_0, o.ends[1].address.len = 0, "allowed 2: address")      \
	ROW(address_3, o.ends[1].address.len = 3, "allowed 2: address")      \
	ROW(address_5, o.coll[1].address.len = 5, "collectors 2: address")   \
	ROW(address_mapped, o.coll[1].address.data = mapped, "IPv6 form")    \
	ROW(prefix_0, o.ends[0].prefix_len = 0, "allowed 1: prefix")         \
	ROW(prefix_33, o.ends[0].prefix_len = 33, "allowed 1: prefix")       \
	ROW(prefix_129, o.coll[1].prefix_len = 129, "collectors 2: prefix")  \
	ROW(protocol_0, o.ends[0].protocol = 0, "neither TCP nor UDP")       \
	ROW(protocol_1, o.ends[0].protocol = 1, "neither TCP nor UDP")       \
	ROW(port_0, o.ends[0].port = 0, "port")                              \
	ROW(port_65536, o.probe[1].port = 65536, "probes 2: port")           \
	ROW(direction_0, o.ends[0].direction = 0, "neither out nor in")      \
	ROW(direction_3, o.ends[0].direction = 3, "neither out nor in")      \
	ROW(collector_net, o.coll[0].prefix_len = 24, "collectors 1: a net") \
	ROW(collector_udp, o.coll[0].protocol = 17, "not TCP")               \
	ROW(collector_in, o.coll[0].direction = 2, "not out")                \
	ROW(collector_zero4, o.coll[0].address.data = zero4, "empty")        \
	ROW(collector_zero6, o.coll[1].address.data = zero6, "empty")        \
	ROW(collector_multi4, o.coll[0].address.data = multi4, "unicast")    \
	ROW(collector_multi6, o.coll[1].address.data = multi6, "unicast")    \
	ROW(probe_net, o.probe[0].prefix_len = 64, "probes 1: a network")    \
	ROW(probe_in, o.probe[0].direction = 2, "probes 1: direction")       \
	ROW(issued_0, o.b.issued_at_ms = 0, "time of issue")                 \
	ROW(issued_minus, o.b.issued_at_ms = -1, "time of issue")            \
	ROW(deliver, o.b.deliver_before_ms = NOW - MINUTE, "deliver-before") \
	ROW(deliver_minus, o.b.deliver_before_ms = -1, "deliver-before")     \
	ROW(review_past, o.b.review_by_ms = 5, "review time is not after")   \
	ROW(review_0, o.b.review_by_ms = 0, "review time without")           \
	ROW(review_then_0, o.b.review_then = 0, "the other way round")       \
	ROW(review_then_3, o.b.review_then = 3, "at review is none")         \
	ROW(review_none, (o.b.review_then = 0, o.b.review_by_ms = 0),        \
	    "no review time")                                                \
	ROW(review_open, (o.b.profile = 1, o.b.n_allowed = 0,                \
	    o.b.review_then = 2), "cannot be restored")                      \
	ROW(confirm_3601, o.b.confirm_seconds = 3601, "3600 seconds")        \
	ROW(confirm_max, o.b.confirm_seconds = UINT32_MAX, "3600 seconds")   \
	ROW(confirm_0, o.b.confirm_seconds = 0, "confirm hash")              \
	ROW(confirm_31, o.b.confirm_hash.len = 31, "confirm hash")           \
	ROW(confirm_none, o.b.confirm_hash.len = 0, "confirm hash")          \
	ROW(deadman_3, o.deadman.then = 3, "dead-man does")                  \
	ROW(deadman_when, o.deadman.then = 2, "dead-man without a time")     \
	ROW(mode_0, o.b.mode = 0, "mode")                                    \
	ROW(mode_5, o.b.mode = 5, "mode")                                    \
	ROW(count_0, o.b.mode = 4, "1 to 30 minutes")                        \
	ROW(count_open, (o.b.mode = 4, o.b.drill_minutes = 5,                \
	    o.b.profile = 1, o.b.n_allowed = 0), "never opens")              \
	ROW(later_stay, (o.b.deadman_allowed = o.b.allowed,                  \
	    o.b.n_deadman_allowed = 1), "deadman_allowed")                   \
	ROW(later_open, (o.b.deadman_allowed = o.b.allowed,                  \
	    o.b.n_deadman_allowed = 1, o.deadman.then = 2,                   \
	    o.deadman.after_seconds = 60), "deadman_allowed")                \
	ROW(drill_0, o.b.mode = 3, "1 to 30 minutes")                        \
	ROW(drill_31, (o.b.mode = 3, o.b.drill_minutes = 31), "1 to 30")     \
	ROW(drill_enforce, o.b.drill_minutes = 1, "without a live or")       \
	ROW(drill_dry, (o.b.mode = 2, o.b.drill_minutes = 1), "without a")   \
	ROW(drill_open, (o.b.mode = 3, o.b.drill_minutes = 5,                \
	    o.b.profile = 1, o.b.n_allowed = 0), "never opens")              \
	ROW(reason_long, o.b.reason = long_text, "reason: longer")           \
	ROW(reason_esc, o.b.reason = (char *)"a\x1b[2J", "reason: control")  \
	ROW(en_bidi, o.b.notice_en = (char *)"\xe2\x80\xae", "notice_en")    \
	ROW(zh_utf8, o.b.notice_zh = (char *)"\xc0\x80", "notice_zh")

#define SPOIL(name, change, why)                                             \
	static void spoil_##name(void)                                       \
	{                                                                    \
		change;                                                      \
	}
ROWS(SPOIL)

#define ENTRY(name, change, why) {#name, spoil_##name, why},
static const struct {
	const char *name;
	void (*spoil)(void);
	const char *why;
} bad[] = {ROWS(ENTRY)};

#define N_BAD (sizeof(bad) / sizeof(bad[0]))

/* What stays good when it is changed. */
static void
also_good_strict(void)
{
	o.b.profile = CORDON__PROFILE__PROFILE_STRICT;
	o.b.n_allowed = 0;
	o.b.n_probes = 0;
	o.b.deadman = NULL;
	o.b.confirm_seconds = 0;
	o.b.confirm_hash.len = 0;
	o.b.deliver_before_ms = 0;
	o.b.case_id = (char *)"C-1";
	o.b.review_then = CORDON__REVIEW_THEN__REVIEW_RESTORE;
}

static void
also_good_open(void)
{
	o.b.profile = CORDON__PROFILE__PROFILE_OPEN;
	o.b.n_allowed = 0;
	o.b.review_by_ms = 0;
	o.b.review_then = CORDON__REVIEW_THEN__REVIEW_NONE;
}

static void
also_good_largest(void)
{
	o.b.profile = CORDON__PROFILE__PROFILE_LIMITED;
	o.b.n_allowed = ORDER_ALLOWED_MAX;
	o.b.n_collectors = ORDER_COLLECTORS_MAX;
	o.b.n_probes = ORDER_PROBES_MAX;
	o.b.confirm_seconds = ORDER_CONFIRM_MAX;
	o.b.mode = CORDON__MODE__MODE_DRILL_LIVE;
	o.b.drill_minutes = ORDER_DRILL_MAX;
	o.deadman.after_seconds = UINT32_MAX;
	o.deadman.then = CORDON__DEAD_MAN_THEN__DEADMAN_OPEN;
	o.ends[0].prefix_len = 1;
	o.ends[1].direction = CORDON__DIRECTION__DIRECTION_IN;
	o.b.reason = o.b.notice_en = o.b.notice_zh = long_text + 1;
}

static int
set_up(void **state)
{
	(void)state;
	memset(long_text, 'a', sizeof(long_text) - 1);
	if (sign_key_new(&key) != 0)
		return -1;
	sign_key_public(key, public);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	sign_key_free(&key);
	return 0;
}

static struct order_expect
expected(void)
{
	return (struct order_expect){.host_id = "H-1", .last_epoch = 6,
	    .now_ms = NOW, .key = public};
}

/* The order O as the signer would send it. */
static void
pack(struct buf *out)
{
	size_t n = cordon__order_body__get_packed_size(&o.b);
	uint8_t *body = malloc(n);

	assert_non_null(body);
	cordon__order_body__pack(&o.b, body);
	buf_init(out, ORDER_MAX);
	assert_int_equal(order_sign(key, body, n, out), 0);
	free(body);
}

static enum verdict
verify(const void *data, size_t len, const struct order_expect *e,
    struct why *why)
{
	Cordon__OrderBody *body = NULL;
	enum verdict v;

	why->text[0] = '\0';
	v = order_verify(data, len, e, &body, why);
	assert_int_equal(body != NULL,
	    v == VERDICT_GOOD || v == VERDICT_STALE_EPOCH);
	assert_int_equal(why->text[0] == '\0', v == VERDICT_GOOD);
	if (body != NULL) {
		assert_string_equal(body->host_id, "H-1");
		assert_true(body->epoch == 7);
		cordon__order_body__free_unpacked(body, NULL);
	}
	return v;
}

static void
good_ones_pass(void **state)
{
	static void (*const rows[])(void) = {good, also_good_strict,
	    also_good_open, also_good_largest};
	struct order_expect e = expected();
	struct why why;
	struct buf b;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		good();
		rows[i]();
		assert_int_equal(order_check(&o.b, &why), 0);
		pack(&b);
		assert_int_equal(verify(b.data, b.len, &e, &why),
		    VERDICT_GOOD);
		buf_done(&b);
	}
}

static void
bounds_hold(void **state)
{
	struct order_expect e = expected();
	struct why why;
	struct buf b;
	size_t i;

	(void)state;
	for (i = 0; i < N_BAD; i++) {
		good();
		bad[i].spoil();
		why.text[0] = '\0';
		assert_int_equal(order_check(&o.b, &why), ERR_RANGE);
		if (strstr(why.text, bad[i].why) == NULL)
			fail_msg("%s: %s", bad[i].name, why.text);
		pack(&b);
		assert_int_equal(verify(b.data, b.len, &e, &why),
		    VERDICT_MALFORMED);
		buf_done(&b);
	}
}

static void
verdicts(void **state)
{
	static const struct {
		const char *host;
		uint64_t epoch;
		int64_t now;
		enum verdict v;
	} rows[] = {
		{"H-1", 0, NOW, VERDICT_GOOD},
		{"H-1", 6, NOW + MINUTE, VERDICT_GOOD},
		{"H-1", 6, 1, VERDICT_GOOD},
		{"H-1", 6, NOW + MINUTE + 1, VERDICT_EXPIRED},
		{"H-1", 6, 0, VERDICT_GOOD}, /* offline: no clock */
		{"H-1", 7, NOW, VERDICT_STALE_EPOCH},
		{"H-1", UINT64_MAX, NOW, VERDICT_STALE_EPOCH},
		{"H-1", 7, NOW + MINUTE + 1, VERDICT_STALE_EPOCH},
		{"H-2", 6, NOW, VERDICT_WRONG_HOST},
		{"h-1", 6, NOW, VERDICT_WRONG_HOST},
		{"H-11", 7, NOW + MINUTE + 1, VERDICT_WRONG_HOST},
	};
	struct order_expect e = expected();
	struct why why;
	struct buf b;
	size_t i;

	(void)state;
	good();
	pack(&b);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		e.host_id = rows[i].host;
		e.last_epoch = rows[i].epoch;
		e.now_ms = rows[i].now;
		assert_int_equal(verify(b.data, b.len, &e, &why), rows[i].v);
	}
	buf_done(&b);
	assert_string_equal(verdict_str(VERDICT_STALE_EPOCH), "stale-epoch");
	assert_string_equal(verdict_str((enum verdict)99), "?");
}

/* No changed bit and no missing byte makes an order that is still good. */
static void
every_bit_counts(void **state)
{
	struct order_expect e = expected();
	enum verdict v;
	struct why why;
	struct buf b;
	size_t i;

	(void)state;
	good();
	pack(&b);
	for (i = 0; i < 8 * b.len; i++) {
		b.data[i / 8] ^= (uint8_t)(1 << i % 8);
		v = verify(b.data, b.len, &e, &why);
		assert_true(v == VERDICT_FORGED || v == VERDICT_MALFORMED);
		b.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (i = 0; i < b.len; i++) {
		v = verify(b.data, i, &e, &why);
		assert_true(v == VERDICT_FORGED || v == VERDICT_MALFORMED);
	}
	assert_int_equal(verify(b.data, b.len, &e, &why), VERDICT_GOOD);
	buf_done(&b);
}

static void
other_keys_and_purposes(void **state)
{
	struct order_expect e = expected();
	Cordon__SignedOrder *s;
	struct sign_key *other;
	uint8_t packed[4096];
	struct why why;
	struct buf b;
	size_t n;

	(void)state;
	good();
	pack(&b);
	s = cordon__signed_order__unpack(NULL, b.len, b.data);
	assert_non_null(s);
	/* The audit key's purpose over the same bytes is no order. */
	assert_int_equal(sign_make(key, AUDIT_CONTEXT, s->body.data,
	    s->body.len, s->signature.data), 0);
	n = cordon__signed_order__pack(s, packed);
	assert_int_equal(verify(packed, n, &e, &why), VERDICT_FORGED);
	/* Another key that claims to be ours. */
	assert_int_equal(sign_key_new(&other), 0);
	assert_int_equal(sign_make(other, ORDER_CONTEXT, s->body.data,
	    s->body.len, s->signature.data), 0);
	n = cordon__signed_order__pack(s, packed);
	assert_int_equal(verify(packed, n, &e, &why), VERDICT_FORGED);
	assert_string_equal(why.text, "the signature is not good");
	/* And one that does not. */
	sign_key_public(other, packed);
	sign_key_id(packed, s->key_id.data);
	n = cordon__signed_order__pack(s, packed);
	assert_int_equal(verify(packed, n, &e, &why), VERDICT_FORGED);
	assert_non_null(strstr(why.text, "another key"));
	sign_key_free(&other);
	cordon__signed_order__free_unpacked(s, NULL);
	buf_done(&b);
}

static void
bodies_that_are_none(void **state)
{
	struct order_expect e = expected();
	uint8_t large[ORDER_MAX + 1] = {0};
	struct why why;
	struct buf b;

	(void)state;
	buf_init(&b, 2 * ORDER_MAX);
	assert_int_equal(order_sign(key, large, 0, &b), ERR_LIMIT);
	assert_int_equal(order_sign(key, large, ORDER_MAX, &b), ERR_LIMIT);
	assert_int_equal(order_sign(key, large, sizeof(large), &b), ERR_LIMIT);
	assert_int_equal(b.len, 0);
	assert_int_equal(order_sign(key, "\xff\xff", 2, &b), 0);
	assert_int_equal(verify(b.data, b.len, &e, &why), VERDICT_MALFORMED);
	assert_string_equal(why.text, "its body is not an order");
	assert_int_equal(verify(large, sizeof(large), &e, &why),
	    VERDICT_MALFORMED);
	assert_int_equal(verify("", 0, &e, &why), VERDICT_MALFORMED);
	buf_done(&b);
}

static void
operators_are_bounded(void **state)
{
	Cordon__OperatorSignature op = CORDON__OPERATOR_SIGNATURE__INIT;
	Cordon__OperatorSignature *list[ORDER_OPERATORS_MAX + 1];
	static const struct {
		size_t n, len;
		const char *name;
		enum verdict v;
	} rows[] = {
		{1, 64, "li.wei", VERDICT_GOOD},
		{ORDER_OPERATORS_MAX, 64, "li.wei", VERDICT_GOOD},
		{ORDER_OPERATORS_MAX + 1, 64, "li.wei", VERDICT_MALFORMED},
		{1, 63, "li.wei", VERDICT_MALFORMED},
		{1, 64, "", VERDICT_MALFORMED},
	};
	struct order_expect e = expected();
	Cordon__SignedOrder *s;
	uint8_t sig[64] = {0}, packed[4096];
	struct why why;
	struct buf b;
	size_t i, n;

	(void)state;
	good();
	pack(&b);
	for (i = 0; i <= ORDER_OPERATORS_MAX; i++)
		list[i] = &op;
	s = cordon__signed_order__unpack(NULL, b.len, b.data);
	assert_non_null(s);
	s->operators = list;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		op.operator_ = (char *)(uintptr_t)rows[i].name;
		op.signature = (ProtobufCBinaryData){rows[i].len, sig};
		s->n_operators = rows[i].n;
		n = cordon__signed_order__pack(s, packed);
		assert_int_equal(verify(packed, n, &e, &why), rows[i].v);
	}
	s->operators = NULL;
	s->n_operators = 0;
	cordon__signed_order__free_unpacked(s, NULL);
	buf_done(&b);
}

static void
digest_is_of_the_body(void **state)
{
	uint8_t a[DIGEST_LEN], b[DIGEST_LEN];

	(void)state;
	assert_int_equal(order_digest("abc", 3, a), 0);
	digest_of("abc", 3, b);
	assert_memory_equal(a, b, sizeof(a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_ones_pass),
		cmocka_unit_test(bounds_hold),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(every_bit_counts),
		cmocka_unit_test(other_keys_and_purposes),
		cmocka_unit_test(bodies_that_are_none),
		cmocka_unit_test(operators_are_bounded),
		cmocka_unit_test(digest_is_of_the_body),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
