/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Collectors that move: hosts that are cut off hear of it by an order. */
#include "tests/unit/server/orders/orders_agents.h"

#include "server/orders/pins.h"

static struct host
isolated(const char *name)
{
	struct host h;

	add_host(name, "fin", TIER_T2);
	h = order(ACTION_ISOLATE, name);
	sql("UPDATE hosts SET stage = %d WHERE name = '%s'", STAGE_CONTAINED,
	    name);
	answer(h.host_id, h.desired_order, h.desired_epoch,
	    CORDON__ANSWER_RESULT__ANSWER_APPLIED);
	return host(name);
}

static void
add_collector(void)
{
	static const uint8_t ip[16] = {0x20, 1, 0xd, 0xb8, [15] = 3};

	memcpy(w.set.collectors[1].ip, ip, 16);
	w.set.collectors[1].ip_len = 16;
	w.set.collectors[1].port = 8443;
	w.set.ncollectors = 2;
}

static void
test_new_list(void **state)
{
	char pins[PINS_TEXT_MAX];
	Cordon__OrderBody *b;
	int64_t review;
	struct host h, now;

	(void)state;
	assert_string_equal(pins_text(&w.set, pins), "10.1.2.3:8443");
	h = isolated("a");
	add_host("open", "fin", TIER_T2);
	review = sql_int("SELECT review_by FROM hosts WHERE name = 'a'");
	tick();
	assert_int_equal(audited("order.endpoints"), 0);
	tick_clock(HOUR_MS);
	w.set.budget_hosts_hour = 1; /* and a stop: neither is asked */
	sql("INSERT INTO meta (key, value) VALUES ('stop', 'chen')");
	add_collector();
	tick();
	now = host("a");
	assert_string_not_equal(now.desired_order, h.desired_order);
	assert_int_equal(now.desired, PROFILE_STRICT);
	assert_int_equal(now.stage, STAGE_CONTAINED);
	assert_int_equal(audited("order.endpoints"), 1);
	b = last_order("H-a");
	assert_int_equal(b->n_collectors, 2);
	assert_int_equal(b->profile, CORDON__PROFILE__PROFILE_STRICT);
	cordon__order_body__free_unpacked(b, NULL);
	/* the review stays where it was, to the second */
	assert_true(sql_int("SELECT review_by FROM hosts WHERE name = 'a'") -
	    review < 1000);
	assert_string_equal(host("open").desired_order, "");
	tick_clock(1000);
	tick();
	tick();
	assert_int_equal(audited("order.endpoints"), 1);
	/* a collector that starts again has nothing to do */
	assert_string_equal(sql_text("SELECT value FROM meta WHERE key = "
	    "'orders.pins'"), "10.1.2.3:8443 [2001:db8::3]:8443");
}

static void
test_away_and_signer(void **state)
{
	(void)state;
	isolated("a");
	isolated("b");
	tick();
	sql("UPDATE hosts SET online = 0 WHERE name = 'a'");
	w.signer_away = true;
	add_collector();
	tick();
	assert_int_equal(audited("order.endpoints"), 0);
	w.signer_away = false;
	tick();
	assert_int_equal(audited("order.endpoints"), 0); /* not at once */
	tick_clock(MIN_MS);
	tick();
	assert_int_equal(audited("order.endpoints"), 1);
	tick_clock(1000);
	tick();
	tick_clock(10000);
	sql("UPDATE hosts SET online = 1");
	tick();
	assert_int_equal(audited("order.endpoints"), 2);
	tick_clock(1000);
	tick();
	assert_int_equal(sql_int("SELECT count(*) FROM meta WHERE key = "
	    "'orders.pins'"), 1);
}

/* What the settings say a silent host does is in what it signed for. */
static void
test_deadman(void **state)
{
	Cordon__OrderBody *b;

	(void)state;
	w.set.deadman[TIER_T2] = (struct orders_deadman){86400,
	    PROFILE_RECOVERY};
	w.set.deadman[TIER_T3] = (struct orders_deadman){7200, PROFILE_OPEN};
	isolated("a");
	b = last_order("H-a");
	assert_int_equal(b->deadman->after_seconds, 86400);
	assert_int_equal(b->deadman->then,
	    CORDON__DEAD_MAN_THEN__DEADMAN_RECOVERY);
	assert_int_equal(b->n_allowed, 0);
	assert_int_equal(b->n_deadman_allowed, 1);
	assert_int_equal(b->deadman_allowed[0]->port, 873);
	cordon__order_body__free_unpacked(b, NULL);
	order(ACTION_RECOVER, "a");
	b = last_order("H-a");
	assert_int_equal(b->deadman->then,
	    CORDON__DEAD_MAN_THEN__DEADMAN_STAY);
	assert_int_equal(b->n_deadman_allowed, 0);
	cordon__order_body__free_unpacked(b, NULL);
	order(ACTION_RESTORE, "a");
	b = last_order("H-a");
	assert_int_equal(b->deadman->after_seconds, 0);
	cordon__order_body__free_unpacked(b, NULL);
	add_host("t3", "fin", TIER_T3);
	order(ACTION_ISOLATE, "t3");
	b = last_order("H-t3");
	assert_int_equal(b->deadman->after_seconds, 7200);
	assert_int_equal(b->deadman->then,
	    CORDON__DEAD_MAN_THEN__DEADMAN_OPEN);
	cordon__order_body__free_unpacked(b, NULL);
	add_host("t1", "fin", TIER_T1);
	order(ACTION_ISOLATE, "t1");
	b = last_order("H-t1");
	assert_int_equal(b->deadman->then,
	    CORDON__DEAD_MAN_THEN__DEADMAN_STAY);
	cordon__order_body__free_unpacked(b, NULL);
}

/* It went to recovery by itself; heard again, it is cut off anew. */
static void
test_deadman_came(void **state)
{
	struct host h;

	(void)state;
	h = isolated("a");
	sql("UPDATE orders SET secret = NULL, state = %d", ORDER_PROVEN);
	tick();
	tick_clock(2 * DAY_MS);
	assert_int_equal(hello("H-a", 1, h.desired_order,
	    CORDON__PROFILE__PROFILE_RECOVERY, true), 0);
	assert_int_equal(audited("order.failed"), 1);
	assert_non_null(strstr(sql_text("SELECT line FROM audit WHERE line "
	    "LIKE '%%order.failed%%'"), "from profile strict to recovery"));
	tick_clock(11000);
	tick();
	assert_int_equal(audited("order.retry"), 1);
	assert_int_equal(host("a").desired, PROFILE_STRICT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_new_list),
		WORLD_TEST(test_away_and_signer),
		WORLD_TEST(test_deadman),
		WORLD_TEST(test_deadman_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
