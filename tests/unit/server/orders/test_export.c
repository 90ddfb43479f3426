/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Orders carried by hand: the bytes that were signed, and only the newest. */
#include "tests/unit/server/orders/orders_agents.h"

#include "server/orders/export.h"

static struct {
	const char *who, *name;
	struct order_export e;
	int rc;
} c;

static int
export_job(struct db *db, void *arg)
{
	struct actor a = who(c.who);

	(void)arg;
	c.rc = order_export(db, c.name, &a, &c.e, &w.no);
	return keep_refusal(c.rc);
}

static enum refusal
take(const char *by, const char *name)
{
	c.who = by;
	c.name = name;
	buf_done(&c.e.bytes);
	buf_init(&c.e.bytes, ORDER_MAX);
	memset(&w.no, 0, sizeof(w.no));
	store_now(w.store, export_job, NULL);
	return outcome(c.rc);
}

static void
test_by_order_and_by_host(void **state)
{
	const struct sent *s;
	struct host h;

	(void)state;
	add_host("a", "fin", TIER_T2);
	assert_int_equal(take("li", "a"), REFUSAL_NOT_FOUND);
	assert_int_equal(take("li", "O-NONE"), REFUSAL_NOT_FOUND);
	h = order(ACTION_ISOLATE, "a");
	assert_int_equal(take("li", "a"), REFUSAL_NONE);
	s = last_sent("H-a", FRAME_ORDER);
	assert_int_equal(c.e.bytes.len, s->len);
	assert_memory_equal(c.e.bytes.data, s->data, s->len);
	assert_int_equal(audited("order.export"), 1);
	assert_int_equal(take("li", h.desired_order), REFUSAL_NONE);
	assert_string_equal(c.e.host, "a");
	/* an opening one is for those who may plan that */
	order(ACTION_RESTORE, "a");
	assert_int_equal(take("li", h.desired_order), REFUSAL_STATE);
	assert_int_equal(take("li", "a"), REFUSAL_ROLE);
	assert_int_equal(take("wang", "a"), REFUSAL_ROLE);
	assert_int_equal(take("root", "a"), REFUSAL_ROLE);
	assert_int_equal(take("rec", "a"), REFUSAL_NONE);
	assert_int_equal(c.e.profile, PROFILE_OPEN);
	buf_done(&c.e.bytes);
}

/* It waited in vain, went by hand, and the host tells it on its return. */
static void
test_the_record_agrees(void **state)
{
	Cordon__OrderAnswer a = CORDON__ORDER_ANSWER__INIT;
	struct host h;

	(void)state;
	add_host("a", "fin", TIER_T2);
	order(ACTION_ISOLATE, "a");
	sql("UPDATE hosts SET online = 0");
	h = order(ACTION_RESTORE, "a");
	tick();
	tick_clock(2 * DAY_MS);
	tick();
	assert_int_equal(state_of(h.desired_order), ORDER_EXPIRED);
	assert_int_equal(take("rec", "a"), REFUSAL_NONE);
	assert_int_equal(hello("H-a", 2, h.desired_order,
	    CORDON__PROFILE__PROFILE_OPEN, true), 0);
	assert_int_equal(state_of(h.desired_order), ORDER_APPLIED);
	a.order_id = h.desired_order;
	a.epoch = 2;
	a.result = CORDON__ANSWER_RESULT__ANSWER_APPLIED;
	a.verdict = (char *)"good";
	a.offline = true;
	assert_int_equal(say((struct say){.host_id = "H-a", .answer = &a}),
	    0);
	assert_int_equal(host("a").applied, PROFILE_OPEN);
	assert_int_equal(audited("order.by-hand"), 1);
	tick();
	assert_int_equal(audited("order.retry"), 0);
	assert_int_equal(state_of(h.desired_order), ORDER_APPLIED);
	buf_done(&c.e.bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_by_order_and_by_host),
		WORLD_TEST(test_the_record_agrees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
