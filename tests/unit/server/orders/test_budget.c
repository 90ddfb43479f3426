/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The blast radius: hours, shares, rules, the stop switch. */
#include "tests/unit/server/orders/orders_world.h"

static void
isolate(const char *name)
{
	assert_int_equal(make("li", ACTION_ISOLATE, name), REFUSAL_NONE);
	assert_int_equal(apply("li"), REFUSAL_NONE);
}

static void
test_budget_of_an_hour(void **state)
{
	(void)state;
	w.set.budget_hosts_hour = 2;
	add_host("a", "fin", TIER_T2);
	add_host("b", "fin", TIER_T2);
	add_host("c", "fin", TIER_T2);
	isolate("a");
	assert_int_equal(make("li", ACTION_ISOLATE, "c"), REFUSAL_NONE);
	isolate("b");
	/* asked again when it is applied */
	tick_clock(MIN_MS);
	assert_int_equal(sql_int("SELECT COUNT(*) FROM plans WHERE state = 0"),
	    1);
	snprintf(w.plan.plan_id, ID_MAX, "%s",
	    sql_text("SELECT plan_id FROM plans WHERE state = 0"));
	snprintf(w.plan.digest, 65, "%s",
	    sql_text("SELECT digest FROM plans WHERE state = 0"));
	assert_int_equal(apply("li"), REFUSAL_BUDGET);
	assert_int_equal(make("chen", ACTION_ISOLATE, "c"), REFUSAL_BUDGET);
	/* the same host again costs nothing */
	sql("UPDATE orders SET state = %d", ORDER_FAILED);
	assert_int_equal(make("chen", ACTION_ISOLATE, "a"), REFUSAL_NONE);
	tick_clock(HOUR_MS);
	assert_int_equal(make("chen", ACTION_ISOLATE, "c"), REFUSAL_NONE);
}

static void
test_budget_share_of_the_fleet(void **state)
{
	static const char *const two[] = {"a", "b"};

	(void)state;
	w.set.budget_percent_hour = 10;
	add_host("a", "fin", TIER_T2);
	add_host("b", "fin", TIER_T2);
	add_host("c", "fin", TIER_T2);
	/* 10 % of three is none, but one host is always possible */
	assert_int_equal(make_as(who("li"), ORIGIN_MANUAL, ACTION_ISOLATE,
	    two, 2), REFUSAL_BUDGET);
	isolate("a");
	assert_int_equal(make("li", ACTION_ISOLATE, "b"), REFUSAL_BUDGET);
	add_fleet(17);
	assert_int_equal(make("li", ACTION_ISOLATE, "b"), REFUSAL_NONE);
	/* hosts that are revoked are no fleet */
	sql("UPDATE hosts SET revoked = 1 WHERE grp = 'rest'");
	assert_int_equal(apply("li"), REFUSAL_BUDGET);
}

static int
stop_job(struct db *db, void *arg)
{
	struct call *c = arg;

	c->rc = orders_stop(db, &c->actor, c->expect != 0, c->reason, &w.no);
	return keep_refusal(c->rc);
}

static enum refusal
stop(const char *name, uint32_t roles, bool on, const char *reason)
{
	struct call c = {.actor = who(name), .expect = on, .reason = reason};

	c.actor.roles = roles;
	store_now(w.store, stop_job, &c);
	return outcome(c.rc);
}

static void
test_stop_switch(void **state)
{
	const uint32_t commander = 1u << ROLE_COMMANDER;

	(void)state;
	add_host("a", "fin", TIER_T2);
	add_host("b", "fin", TIER_T2);
	assert_int_equal(make("li", ACTION_ISOLATE, "a"), REFUSAL_NONE);
	assert_int_equal(stop("li", 1u << ROLE_RESPONDER, true,
	    "wrong hosts are isolated"), REFUSAL_ROLE);
	assert_int_equal(stop("chen", commander, true, "short"),
	    REFUSAL_REASON);
	assert_int_equal(stop("chen", commander, true,
	    "wrong hosts are isolated"), REFUSAL_NONE);
	assert_int_equal(stop("chen", commander, true,
	    "wrong hosts are isolated"), REFUSAL_NONE);
	assert_int_equal(apply("li"), REFUSAL_STOP);
	assert_int_equal(make("li", ACTION_ISOLATE, "b"), REFUSAL_STOP);
	/* it never holds up a release */
	sql("UPDATE hosts SET stage = %d WHERE name = 'b'", STAGE_VERIFYING);
	assert_int_equal(make("rec", ACTION_RESTORE, "b"), REFUSAL_NONE);
	assert_int_equal(approve("wang"), REFUSAL_NONE);
	assert_int_equal(apply("rec"), REFUSAL_NONE);
	assert_int_equal(stop("chen", commander, false,
	    "the list was right after all"), REFUSAL_NONE);
	assert_int_equal(make("chen", ACTION_ISOLATE, "a"), REFUSAL_NONE);
	assert_int_equal(audited("stop.on"), 2);
	assert_int_equal(audited("stop.off"), 1);
}

static enum refusal
by_policy(const char *name)
{
	struct actor policy = {.name = ACTOR_POLICY};
	enum refusal r = make_as(policy, ORIGIN_POLICY, ACTION_ISOLATE, &name,
	    1);

	return r != REFUSAL_NONE ? r : apply_as(policy, w.plan.digest, 1);
}

static void
test_policy(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d"};
	struct actor policy = {.name = ACTOR_POLICY}, fake = who("policy");
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++)
		add_host(names[i], "fin", TIER_T2);
	add_host("t1", "fin", TIER_T1);
	add_host("t0", "fin", TIER_T0);
	assert_int_equal(by_policy("t0"), REFUSAL_ROLE);
	assert_int_equal(by_policy("t1"), REFUSAL_APPROVALS);
	/* a rule makes no plans by hand, a person called policy is no rule */
	assert_int_equal(make_as(policy, ORIGIN_MANUAL, ACTION_ISOLATE, names,
	    1), REFUSAL_ROLE);
	assert_int_equal(make_as(fake, ORIGIN_POLICY, ACTION_ISOLATE, names,
	    1), REFUSAL_ROLE);
	for (i = 0; i < 3; i++)
		assert_int_equal(by_policy(names[i]), REFUSAL_NONE);
	assert_int_equal(by_policy("d"), REFUSAL_BUDGET);
	tick_clock(10 * MIN_MS);
	/* three failures in a row stop automation, not people */
	sql("UPDATE orders SET state = %d", ORDER_FAILED);
	assert_int_equal(by_policy("d"), REFUSAL_BUDGET);
	sql("UPDATE orders SET state = %d WHERE host_id = 'H-c'",
	    ORDER_PROVEN);
	assert_int_equal(by_policy("d"), REFUSAL_NONE);
}

static void
test_policy_proposes_to_people(void **state)
{
	static const char *const one[] = {"t1"};
	struct actor policy = {.name = ACTOR_POLICY};

	(void)state;
	add_host("t1", "fin", TIER_T1);
	assert_int_equal(make_as(policy, ORIGIN_RECOMMENDED, ACTION_ISOLATE,
	    one, 1), REFUSAL_NONE);
	assert_int_equal(approve("wang"), REFUSAL_NONE);
	assert_int_equal(apply("li"), REFUSAL_NONE);
	assert_int_equal(w.nsent, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_budget_of_an_hour),
		WORLD_TEST(test_budget_share_of_the_fleet),
		WORLD_TEST(test_stop_switch),
		WORLD_TEST(test_policy),
		WORLD_TEST(test_policy_proposes_to_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
