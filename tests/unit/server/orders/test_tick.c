/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the clock does: late, failed, retried, reminded, witnessed. */
#include "tests/unit/server/orders/orders_agents.h"

#include "server/orders/own.h"
#include "server/orders/witness.h"

static struct host
isolate(const char *name)
{
	assert_int_equal(make("li", ACTION_ISOLATE, name), REFUSAL_NONE);
	assert_int_equal(apply("li"), REFUSAL_NONE);
	sql("UPDATE hosts SET stage = %d WHERE name = '%s'", STAGE_CONTAINED,
	    name);
	return host(name);
}

static void
prove_now(const char *name)
{
	struct host h = host(name);
	Cordon__Proof p = proof_of(&h);

	assert_int_equal(prove(&h, &p), 0);
}

/* A tick a second, as the collector does. */
static void
run(int seconds)
{
	int i;

	for (i = 0; i < seconds; i++) {
		tick_clock(1000);
		tick();
	}
}

static void
test_late_is_said_once(void **state)
{
	(void)state;
	add_host("a", "fin", TIER_T2);
	tick();
	isolate("a");
	run(59);
	assert_int_equal(audited("order.late"), 0);
	run(1);
	assert_int_equal(audited("order.late"), 1);
	run(120);
	assert_int_equal(audited("order.late"), 1);
}

/* The collector was down over the minute: said at its first tick. */
static void
test_late_after_a_gap(void **state)
{
	(void)state;
	add_host("a", "fin", TIER_T2);
	isolate("a");
	tick();
	tick_clock(3 * MIN_MS);
	tick();
	tick();
	assert_int_equal(audited("order.late"), 1);
}

static void
test_proven_is_never_late(void **state)
{
	struct host h;

	(void)state;
	add_host("a", "fin", TIER_T2);
	h = isolate("a");
	tick();
	answer("H-a", h.desired_order, 1,
	    CORDON__ANSWER_RESULT__ANSWER_APPLIED);
	prove_now("a");
	run(400);
	assert_int_equal(audited("order.late"), 0);
	assert_int_equal(audited("order.unproven"), 0);
	assert_int_equal(audited("order.retry"), 0);
	assert_int_equal(state_of(h.desired_order), ORDER_PROVEN);
}

static void
test_unproven_is_retried_three_times(void **state)
{
	struct host h;
	int64_t desired_at;

	(void)state;
	add_host("a", "fin", TIER_T2);
	h = isolate("a");
	desired_at = h.desired_at;
	tick();
	run(299);
	assert_int_equal(audited("order.unproven"), 0);
	run(1);
	assert_int_equal(audited("order.unproven"), 1);
	assert_int_equal(state_of(h.desired_order), ORDER_FAILED);
	/* four orders in all, each given five minutes, then a person */
	run(4 * 320);
	assert_int_equal(audited("order.retry"), 3);
	assert_int_equal(audited("order.unproven"), 4);
	assert_int_equal(sql_int("SELECT COUNT(*) FROM orders"), 4);
	h = host("a");
	assert_int_equal(h.desired_epoch, 4);
	assert_int_equal(sql_int("SELECT tries FROM orders WHERE order_id = "
	    "'%s'", h.desired_order), 3);
	assert_int_equal(state_of(h.desired_order), ORDER_FAILED);
	/* the screen counts from the first order on */
	assert_int_equal(h.desired_at, desired_at);
	assert_int_equal(audited("order.late"), 1);
	/* the plan shows the order that is in force now */
	assert_string_equal(sql_text("SELECT order_id FROM plan_hosts"),
	    h.desired_order);
	assert_non_null(strstr(sql_text("SELECT line FROM audit WHERE line "
	    "LIKE '%%order.unproven%%' ORDER BY number DESC"),
	    "a person must act"));
}

static void
test_failed_is_retried_after_a_pause(void **state)
{
	struct host h;
	int i;

	(void)state;
	add_host("a", "fin", TIER_T2);
	isolate("a");
	tick();
	for (i = 1; i <= 4; i++) {
		h = host("a");
		assert_int_equal(h.desired_epoch, i);
		answer("H-a", h.desired_order, h.desired_epoch, i % 2 == 1 ?
		    CORDON__ANSWER_RESULT__ANSWER_FAILED :
		    CORDON__ANSWER_RESULT__ANSWER_REVERTED);
		run(9);
		assert_int_equal(host("a").desired_epoch, i);
		run(2);
	}
	assert_int_equal(host("a").desired_epoch, 4);
	assert_int_equal(audited("order.retry"), 3);
}

static void
test_what_is_not_retried(void **state)
{
	struct host h;

	(void)state;
	add_host("a", "fin", TIER_T2);
	/* refused by the host's own ceiling: a person decides */
	h = isolate("a");
	answer("H-a", h.desired_order, 1,
	    CORDON__ANSWER_RESULT__ANSWER_REFUSED);
	run(30);
	assert_int_equal(host("a").desired_epoch, 1);
	/* the stop switch is on */
	h = isolate("a");
	answer("H-a", h.desired_order, 2,
	    CORDON__ANSWER_RESULT__ANSWER_FAILED);
	sql("INSERT INTO meta (key, value) VALUES ('stop', 'chen')");
	run(30);
	assert_int_equal(host("a").desired_epoch, 2);
	/* the host is away */
	sql("DELETE FROM meta WHERE key = 'stop'");
	sql("UPDATE hosts SET online = 0");
	run(30);
	assert_int_equal(host("a").desired_epoch, 2);
	sql("UPDATE hosts SET online = 1");
	run(1);
	assert_int_equal(host("a").desired_epoch, 3);
}

static void
test_signer_away_uses_up_tries(void **state)
{
	struct host h;

	(void)state;
	add_host("a", "fin", TIER_T2);
	h = isolate("a");
	answer("H-a", h.desired_order, 1,
	    CORDON__ANSWER_RESULT__ANSWER_FAILED);
	w.signer_away = true;
	run(60);
	assert_int_equal(host("a").desired_epoch, 1);
	assert_int_equal(audited("order.retry"), 3);
	assert_string_equal(host("a").desired_order, h.desired_order);
}

static void
test_away_waits_a_day(void **state)
{
	struct host h;

	(void)state;
	add_host("a", "fin", TIER_T2);
	sql("UPDATE hosts SET online = 0");
	tick();
	h = isolate("a");
	run(400);
	assert_int_equal(audited("order.late"), 1);
	assert_int_equal(audited("order.unproven"), 1);
	assert_int_equal(state_of(h.desired_order), ORDER_PENDING);
	tick_clock(DAY_MS - 401 * 1000);
	tick();
	assert_int_equal(state_of(h.desired_order), ORDER_PENDING);
	run(2);
	assert_int_equal(state_of(h.desired_order), ORDER_EXPIRED);
	assert_int_equal(audited("order.expired"), 1);
	/* nothing lifts: isolation stays what is desired */
	assert_int_equal(host("a").desired, PROFILE_STRICT);
	/* it had taken it all the same: the fact wins */
	answer("H-a", h.desired_order, 1,
	    CORDON__ANSWER_RESULT__ANSWER_APPLIED);
	assert_int_equal(state_of(h.desired_order), ORDER_APPLIED);
}

static void
test_review_reminds_and_lifts_nothing(void **state)
{
	(void)state;
	add_host("a", "fin", TIER_T1);
	assert_int_equal(make("li", ACTION_ISOLATE, "a"), REFUSAL_NONE);
	assert_int_equal(approve("wang"), REFUSAL_NONE);
	assert_int_equal(apply("li"), REFUSAL_NONE);
	prove_now("a");
	tick();
	tick_clock(4 * HOUR_MS - 1000);
	tick();
	assert_int_equal(audited("host.review-due"), 0);
	run(60);
	assert_int_equal(audited("host.review-due"), 1);
	tick_clock(4 * HOUR_MS);
	tick();
	assert_int_equal(audited("host.review-due"), 2);
	/* missed ticks: one reminder, not one for each */
	tick_clock(40 * HOUR_MS);
	tick();
	tick();
	assert_int_equal(audited("host.review-due"), 3);
	assert_int_equal(host("a").desired, PROFILE_STRICT);
}

static void
test_idle_fleet_writes_nothing(void **state)
{
	(void)state;
	add_host("a", "fin", TIER_T2);
	run(3);
	assert_int_equal(sql_int("SELECT COUNT(*) FROM meta WHERE key = "
	    "'orders.tick'"), 0);
}

/* -- witnesses ------------------------------------------------------------- */

static void
neighbours(void)
{
	static const char *const name[] = {"a", "b", "c", "far", "off",
		"cut"};
	size_t i;

	for (i = 0; i < 6; i++)
		add_host(name[i], "fin", TIER_T2);
	sql("UPDATE hosts SET addresses = 'fe80::1/64 10.1.2.' || rowid || "
	    "'/24'");
	sql("UPDATE hosts SET addresses = 'fe80::2/64 10.7.7.7/24' "
	    "WHERE name = 'far'");
	sql("UPDATE hosts SET online = 0 WHERE name = 'off'");
	sql("UPDATE hosts SET desired = 2 WHERE name = 'cut'");
	isolate("a");
	prove_now("a");
}

static Cordon__WitnessAsk *
last_ask(const char *host_id)
{
	const struct sent *s = last_sent(host_id, FRAME_WITNESS_ASK);
	Cordon__WitnessAsk *ask;

	assert_non_null(s);
	ask = cordon__witness_ask__unpack(NULL, s->len, s->data);
	assert_non_null(ask);
	return ask;
}

static int
result(const char *host_id, const char *ask_id, bool tried, bool was_reached)
{
	Cordon__WitnessResult r = CORDON__WITNESS_RESULT__INIT;

	r.ask_id = (char *)ask_id;
	r.host_id = (char *)"H-a";
	r.tried = tried;
	r.reached = was_reached;
	return say((struct say){.host_id = host_id, .witness = &r});
}

static void
test_witness(void **state)
{
	Cordon__WitnessAsk *ask;
	struct host h;

	(void)state;
	neighbours();
	w.nsent = 0;
	run(5);
	assert_int_equal(w.nsent, 1); /* asked once, of b */
	ask = last_ask("H-b");
	assert_string_equal(ask->host_id, "H-a");
	assert_int_equal(ask->n_addresses, 2);
	/* neither another host nor another id is believed */
	assert_int_equal(result("H-c", ask->ask_id, true, false), 0);
	assert_int_equal(result("H-b", "W-GUESSED", true, false), 0);
	assert_int_equal(result("H-b", "-", true, false), ERR_PROTO);
	assert_int_equal(host("a").witness_at, 0);
	assert_int_equal(result("H-b", ask->ask_id, true, false), 0);
	h = host("a");
	assert_true(h.witness_ok);
	assert_string_equal(h.witness_by, "b");
	assert_string_equal(h.witness_order, h.desired_order);
	/* once */
	assert_int_equal(result("H-b", ask->ask_id, true, true), 0);
	assert_true(host("a").witness_ok);
	assert_int_equal(audited("host.witnessed"), 1);
	run(600);
	assert_int_equal(w.nsent, 1);
	cordon__witness_ask__free_unpacked(ask, NULL);
}

static void
test_witness_asks_another(void **state)
{
	Cordon__WitnessAsk *ask;

	(void)state;
	neighbours();
	w.nsent = 0;
	run(1);
	ask = last_ask("H-b");
	assert_int_equal(result("H-b", ask->ask_id, false, false), 0);
	cordon__witness_ask__free_unpacked(ask, NULL);
	assert_int_equal(host("a").witness_at, 0);
	run(5);
	assert_int_equal(w.nsent, 1);
	run(6); /* it did not even try: another one is asked soon */
	assert_int_equal(w.nsent, 2);
	ask = last_ask("H-c");
	assert_int_equal(result("H-c", ask->ask_id, true, true), 0);
	cordon__witness_ask__free_unpacked(ask, NULL);
	assert_false(host("a").witness_ok);
	assert_true(host("a").witness_at > 0);
	assert_non_null(strstr(sql_text("SELECT line FROM audit WHERE line "
	    "LIKE '%%host.witnessed%%'"), "REACHED"));
	/* a leak is looked at again */
	run(301);
	assert_int_equal(w.nsent, 3);
}

static void
test_segments(void **state)
{
	static const struct {
		const char *a, *b;
		bool shared;
	} t[] = {
		{"10.1.2.3/24", "10.1.2.9/24", true},
		{"10.1.2.3/24", "10.1.3.9/24", false},
		{"10.1.2.3/24", "10.1.2.9/16", false},
		{"10.1.2.3/23", "10.1.3.9/23", true},
		{"2001:db8::5/64", "2001:db8::6/64", true},
		{"2001:db8::5/64", "2001:db8:0:1::6/64", false},
		{"fe80::1/64", "fe80::2/64", false},
		{"127.0.0.1/8", "127.0.0.1/8", false},
		{"169.254.1.1/16", "169.254.1.2/16", false},
		{"10.0.0.1/32", "10.0.0.1/32", true},
		{"nonsense 10.1.2.3/24", "10.1.2.9/24", true},
		{"10.1.2.3", "10.1.2.9", false},
		{"10.1.2.3/0", "10.1.2.9/0", false},
		{"10.1.2.3/33", "10.1.2.9/33", false},
		{"10.1.2.3/-1", "10.1.2.9/-1", false},
		{"", "", false},
	};
	struct host a, b;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		memset(&a, 0, sizeof(a));
		memset(&b, 0, sizeof(b));
		snprintf(a.addresses, sizeof(a.addresses), "%s", t[i].a);
		snprintf(b.addresses, sizeof(b.addresses), "%s", t[i].b);
		assert_int_equal(host_shares_segment(&a, &b), t[i].shared);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments),
		WORLD_TEST(test_late_is_said_once),
		WORLD_TEST(test_late_after_a_gap),
		WORLD_TEST(test_proven_is_never_late),
		WORLD_TEST(test_unproven_is_retried_three_times),
		WORLD_TEST(test_failed_is_retried_after_a_pause),
		WORLD_TEST(test_what_is_not_retried),
		WORLD_TEST(test_signer_away_uses_up_tries),
		WORLD_TEST(test_away_waits_a_day),
		WORLD_TEST(test_review_reminds_and_lifts_nothing),
		WORLD_TEST(test_idle_fleet_writes_nothing),
		WORLD_TEST(test_witness),
		WORLD_TEST(test_witness_asks_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
