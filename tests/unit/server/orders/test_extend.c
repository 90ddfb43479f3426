/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Review times: moved by people, over where the plan said so. */
#include "tests/unit/server/orders/orders_agents.h"

#include "server/orders/extend.h"

static struct {
	const char *who, *name;
	int64_t seconds;
	bool ordered;
	int rc;
} c;

static int
ttl_job(struct db *db, void *arg)
{
	struct call *k = arg;

	k->ask.actor = &k->actor;
	k->rc = plan_make(db, &w.set, &k->ask, &w.plan, &w.no);
	return keep_refusal(k->rc);
}

static enum refusal
plan_ttl(const char *name, enum plan_action action, int64_t seconds)
{
	struct call k = {.ask = {.action = action, .hosts = &name,
	    .nhosts = 1, .case_id = "", .reason = "beacon after macro",
	    .ttl_seconds = seconds}, .actor = who(action == ACTION_ISOLATE ?
	    "li" : "rec")};

	memset(&w.no, 0, sizeof(w.no));
	store_now(w.store, ttl_job, &k);
	return outcome(k.rc);
}

static int
extend_job(struct db *db, void *arg)
{
	struct actor a = who(c.who);

	(void)arg;
	c.rc = host_extend(db, &w.set, c.name, c.seconds, "the disk is being "
	    "imaged", &a, &c.ordered, &w.no);
	return keep_refusal(c.rc);
}

static enum refusal
extend(const char *by, const char *name, int64_t seconds)
{
	c.who = by;
	c.name = name;
	c.seconds = seconds;
	memset(&w.no, 0, sizeof(w.no));
	store_now(w.store, extend_job, NULL);
	return outcome(c.rc);
}

static struct host
isolate_ttl(const char *name, int64_t seconds)
{
	struct host h;

	add_host(name, "fin", TIER_T2);
	assert_int_equal(plan_ttl(name, ACTION_ISOLATE, seconds),
	    REFUSAL_NONE);
	assert_int_equal(approve("wang"), REFUSAL_NONE);
	assert_int_equal(apply("li"), REFUSAL_NONE);
	sql("UPDATE hosts SET stage = %d", STAGE_CONTAINED);
	h = host(name);
	answer(h.host_id, h.desired_order, h.desired_epoch,
	    CORDON__ANSWER_RESULT__ANSWER_APPLIED);
	return h;
}

static void
test_plan(void **state)
{
	Cordon__OrderBody *b;

	(void)state;
	add_host("t0", "fin", TIER_T0);
	add_host("t1", "fin", TIER_T1);
	assert_int_equal(plan_ttl("t0", ACTION_ISOLATE, 3600), REFUSAL_ROLE);
	assert_int_equal(plan_ttl("t1", ACTION_ISOLATE, 59), REFUSAL_INPUT);
	assert_int_equal(plan_ttl("t1", ACTION_ISOLATE, 30 * 86400 + 1),
	    REFUSAL_INPUT);
	/* what an isolation needs, and what its restore needs */
	assert_int_equal(plan_ttl("t1", ACTION_ISOLATE, 3600), REFUSAL_NONE);
	assert_int_equal(w.plan.approvals_needed, 2);
	assert_true(w.plan.owner_needed);
	assert_true(w.plan.restores);
	isolate_ttl("a", 3600);
	assert_int_equal(w.plan.approvals_needed, 1);
	b = last_order("H-a");
	assert_int_equal(b->review_then,
	    CORDON__REVIEW_THEN__REVIEW_RESTORE);
	assert_int_equal(b->review_by_ms, w.clock.wall_ms + 3600000);
	assert_int_equal(b->deliver_before_ms, b->review_by_ms);
	cordon__order_body__free_unpacked(b, NULL);
	/* a host in recovery does not open by itself */
	assert_int_equal(plan_ttl("a", ACTION_RECOVER, 3600), REFUSAL_INPUT);
}

static void
test_restored_in_time_only(void **state)
{
	struct host h;

	(void)state;
	h = isolate_ttl("a", 3600);
	tick();
	/* root opened it early: not as ordered, made good again */
	tick_clock(30 * MIN_MS);
	tick();
	assert_int_equal(beat("H-a", 1, h.desired_order,
	    CORDON__PROFILE__PROFILE_OPEN, true), 0);
	assert_int_equal(host("a").desired, PROFILE_STRICT);
	assert_int_equal(state_of(h.desired_order), ORDER_FAILED);
	tick_clock(11000);
	tick();
	assert_int_equal(audited("order.retry"), 1);
	h = host("a");
	/* the try again moves no review */
	assert_int_equal(sql_int("SELECT review_by FROM hosts") / 1000,
	    (START_MS + HOUR_MS) / 1000);
	answer("H-a", h.desired_order, 2,
	    CORDON__ANSWER_RESULT__ANSWER_APPLIED);
	/* on time */
	w.clock.wall_ms = START_MS + HOUR_MS;
	tick();
	assert_non_null(strstr(sql_text("SELECT line FROM audit WHERE line "
	    "LIKE '%%host.review-due%%'"), "restores itself"));
	assert_int_equal(beat("H-a", 2, h.desired_order,
	    CORDON__PROFILE__PROFILE_OPEN, true), 0);
	assert_int_equal(host("a").desired, PROFILE_OPEN);
	assert_int_equal(audited("host.restored"), 1);
	tick_clock(MIN_MS);
	assert_int_equal(beat("H-a", 2, h.desired_order,
	    CORDON__PROFILE__PROFILE_OPEN, true), 0);
	assert_int_equal(hello("H-a", 2, h.desired_order,
	    CORDON__PROFILE__PROFILE_OPEN, true), 0);
	tick();
	assert_int_equal(audited("host.restored"), 1);
	assert_int_equal(audited("order.retry"), 1);
	h = host("a");
	assert_int_equal(isolation_of(&h, (enum order_state)state_of(
	    h.desired_order), w.clock.wall_ms), ISO_OPEN);
}

/* An order without it never lifts by itself, whatever the host says. */
static void
test_reminding_one_stays(void **state)
{
	struct host h;

	(void)state;
	add_host("a", "fin", TIER_T2);
	h = order(ACTION_ISOLATE, "a");
	answer("H-a", h.desired_order, 1,
	    CORDON__ANSWER_RESULT__ANSWER_APPLIED);
	tick_clock(3 * DAY_MS);
	assert_int_equal(beat("H-a", 1, h.desired_order,
	    CORDON__PROFILE__PROFILE_OPEN, true), 0);
	assert_int_equal(host("a").desired, PROFILE_STRICT);
	assert_int_equal(audited("host.restored"), 0);
}

static void
test_extend(void **state)
{
	struct host h;

	(void)state;
	add_host("a", "fin", TIER_T2);
	assert_int_equal(extend("li", "a", 86400), REFUSAL_STATE);
	assert_int_equal(extend("li", "none", 86400), REFUSAL_NO_HOST);
	h = order(ACTION_ISOLATE, "a");
	assert_int_equal(extend("wang", "a", 2 * 86400), REFUSAL_ROLE);
	assert_int_equal(extend("li", "a", 59), REFUSAL_INPUT);
	assert_int_equal(extend("li", "a", EXTEND_SECONDS_MAX + 1),
	    REFUSAL_INPUT);
	assert_int_equal(extend("li", "a", 3600), REFUSAL_INPUT); /* sooner */
	assert_int_equal(extend("li", "a", 2 * 86400), REFUSAL_NONE);
	assert_false(c.ordered);
	assert_int_equal(sql_int("SELECT review_by FROM hosts"),
	    w.clock.wall_ms + 2 * DAY_MS);
	assert_string_equal(host("a").desired_order, h.desired_order);
	assert_int_equal(audited("host.extend"), 1);
	/* reminded at the new time, not at the old one */
	tick();
	tick_clock(DAY_MS + MIN_MS);
	tick();
	assert_int_equal(audited("host.review-due"), 0);
	tick_clock(DAY_MS);
	tick();
	assert_int_equal(audited("host.review-due"), 1);
}

static void
test_extend_ttl_is_a_new_order(void **state)
{
	Cordon__OrderBody *b;
	struct host h, now;

	(void)state;
	h = isolate_ttl("a", 3600);
	w.signer_away = true;
	assert_int_equal(extend("li", "a", 7200), REFUSAL_SIGNER);
	assert_int_equal(sql_int("SELECT review_by FROM hosts"),
	    w.clock.wall_ms + HOUR_MS);
	assert_int_equal(audited("host.extend"), 0); /* it did not happen */
	w.signer_away = false;
	assert_int_equal(extend("li", "a", 7200), REFUSAL_NONE);
	assert_int_equal(audited("host.extend"), 1);
	assert_true(c.ordered);
	now = host("a");
	assert_string_not_equal(now.desired_order, h.desired_order);
	assert_int_equal(now.desired_epoch, 2);
	assert_int_equal(now.desired, PROFILE_STRICT);
	b = last_order("H-a");
	assert_int_equal(b->review_then,
	    CORDON__REVIEW_THEN__REVIEW_RESTORE);
	assert_int_equal(b->review_by_ms, w.clock.wall_ms + 2 * HOUR_MS);
	cordon__order_body__free_unpacked(b, NULL);
	/* no budget is used up, none is asked */
	assert_int_equal(sql_int("SELECT count(DISTINCT host_id) FROM "
	    "orders"), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_plan),
		WORLD_TEST(test_restored_in_time_only),
		WORLD_TEST(test_reminding_one_stays),
		WORLD_TEST(test_extend),
		WORLD_TEST(test_extend_ttl_is_a_new_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
