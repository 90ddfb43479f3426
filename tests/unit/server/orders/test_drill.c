/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Drills: the whole way, beside the facts and never in them. */
#include "tests/unit/server/orders/orders_agents.h"

#include "server/orders/drill.h"

static int
drill_make_job(struct db *db, void *arg)
{
	struct call *c = arg;

	c->ask.actor = &c->actor;
	c->rc = plan_make(db, &w.set, &c->ask, &w.plan, &w.no);
	return keep_refusal(c->rc);
}

static enum refusal
plan_drill(const char *name, enum drill drill, int64_t minutes)
{
	struct call c = {.ask = {.action = ACTION_ISOLATE, .hosts = &name,
	    .nhosts = 1, .case_id = "", .reason = "drill of the quarter",
	    .drill = drill, .drill_minutes = minutes}, .actor = who("li")};

	memset(&w.no, 0, sizeof(w.no));
	store_now(w.store, drill_make_job, &c);
	return outcome(c.rc);
}

static struct host
drill(const char *name, enum drill kind)
{
	assert_int_equal(plan_drill(name, kind, kind == DRILL_DRY ? 0 : 5),
	    REFUSAL_NONE);
	assert_int_equal(apply("li"), REFUSAL_NONE);
	return host(name);
}

static void
ready_host(const char *name)
{
	add_host(name, "fin", TIER_T2);
	sql("UPDATE hosts SET drill_ok = 1 WHERE name = '%s'", name);
}

/* Nothing of the host's facts knows of it. */
static void
check_untouched(const char *name)
{
	struct host h = host(name);

	assert_int_equal(h.desired, PROFILE_OPEN);
	assert_string_equal(h.desired_order, "");
	assert_int_equal(h.applied, PROFILE_OPEN);
	assert_string_equal(h.applied_order, "");
	assert_int_equal(h.proven_at, 0);
	assert_int_equal(h.stage, STAGE_NORMAL);
	assert_string_equal(h.case_id, "");
	assert_int_equal(isolation_of(&h, ORDER_PROVEN, w.clock.wall_ms),
	    ISO_OPEN);
	assert_int_equal(sql_int("SELECT count(*) FROM audit WHERE line "
	    "LIKE '%%\"what\":\"order.%%'"), 0);
}

static void
test_dry(void **state)
{
	Cordon__OrderBody *b;
	struct host h;

	(void)state;
	ready_host("a");
	h = drill("a", DRILL_DRY);
	assert_int_equal(h.desired_epoch, 1);
	b = last_order("H-a");
	assert_int_equal(b->mode, CORDON__MODE__MODE_DRILL_DRY);
	assert_int_equal(b->drill_minutes, 0);
	assert_int_equal(b->confirm_seconds, 0);
	assert_int_equal(b->profile, CORDON__PROFILE__PROFILE_STRICT);
	cordon__order_body__free_unpacked(b, NULL);
	check_untouched("a");
	/* it is no answer to a dry drill that it is in force */
	assert_int_equal(answer("H-a", h.drill_order, 1,
	    CORDON__ANSWER_RESULT__ANSWER_APPLIED), ERR_PROTO);
	assert_int_equal(answer("H-a", h.drill_order, 1,
	    CORDON__ANSWER_RESULT__ANSWER_DRILLED), 0);
	assert_int_equal(state_of(h.drill_order), ORDER_DRILLED);
	assert_string_equal(host("a").drill_order, "");
	assert_int_equal(audited("drill.drilled"), 1);
	assert_int_equal(audited("drill.sent"), 1);
	assert_int_equal(audited("drill.apply"), 1);
	assert_int_equal(sql_int("SELECT count(*) FROM audit WHERE line "
	    "LIKE '%%\"what\":\"drill.%%' AND line NOT LIKE "
	    "'%%\"text\":\"DRILL: %%'"), 0);
	check_untouched("a");
	/* a row waits for the flows */
	assert_string_equal(sql_text("SELECT preview_id FROM previews"),
	    h.drill_order);
	/* the host is one epoch on: a heartbeat is no surprise */
	assert_int_equal(beat("H-a", 1, "", CORDON__PROFILE__PROFILE_OPEN,
	    true), 0);
	check_untouched("a");
}

static void
test_live(void **state)
{
	Cordon__Proof p = CORDON__PROOF__INIT;
	Cordon__OrderBody *b;
	struct host h;

	(void)state;
	ready_host("a");
	h = drill("a", DRILL_LIVE);
	b = last_order("H-a");
	assert_int_equal(b->mode, CORDON__MODE__MODE_DRILL_LIVE);
	assert_int_equal(b->drill_minutes, 5);
	assert_int_equal(b->confirm_seconds, 60);
	assert_int_equal(strncmp(b->notice_en, "DRILL: ", 7), 0);
	assert_int_equal(strncmp(b->notice_zh, "演练：", strlen("演练：")), 0);
	cordon__order_body__free_unpacked(b, NULL);
	/* an older heartbeat is on the way: not the end of the drill */
	assert_int_equal(beat("H-a", 0, "", CORDON__PROFILE__PROFILE_OPEN,
	    true), 0);
	assert_string_equal(host("a").drill_order, h.drill_order);
	assert_int_equal(answer("H-a", h.drill_order, 1,
	    CORDON__ANSWER_RESULT__ANSWER_APPLIED), 0);
	assert_non_null(last_sent("H-a", FRAME_CONFIRM));
	assert_int_equal(state_of(h.drill_order), ORDER_APPLIED);
	assert_int_equal(sql_int("SELECT drill_until FROM orders"),
	    w.clock.wall_ms + 5 * MIN_MS);
	p.order_id = h.drill_order;
	p.epoch = 1;
	p.profile = CORDON__PROFILE__PROFILE_STRICT;
	p.ok = true;
	p.dropped_packets = 12;
	p.digest_expected.data = p.digest_kernel.data = proof_sum;
	p.digest_expected.len = p.digest_kernel.len = 32;
	assert_int_equal(prove(&h, &p), 0);
	assert_int_equal(state_of(h.drill_order), ORDER_PROVEN);
	assert_int_equal(sql_int("SELECT counted FROM orders"), 12);
	assert_int_equal(beat("H-a", 1, h.drill_order,
	    CORDON__PROFILE__PROFILE_STRICT, true), 0);
	check_untouched("a");
	/* five minutes on the host is back, and says so */
	tick_clock(5 * MIN_MS);
	tick();
	assert_int_equal(beat("H-a", 1, "", CORDON__PROFILE__PROFILE_OPEN,
	    true), 0);
	assert_int_equal(state_of(h.drill_order), ORDER_DRILLED);
	assert_string_equal(host("a").drill_order, "");
	assert_int_equal(audited("drill.drilled"), 1);
	check_untouched("a");
}

static void
test_real_one_wins(void **state)
{
	struct host h, real;

	(void)state;
	ready_host("a");
	h = drill("a", DRILL_LIVE);
	answer("H-a", h.drill_order, 1,
	    CORDON__ANSWER_RESULT__ANSWER_APPLIED);
	assert_int_equal(make("li", ACTION_ISOLATE, "a"), REFUSAL_NONE);
	assert_int_equal(apply("li"), REFUSAL_NONE);
	real = host("a");
	assert_string_equal(real.drill_order, "");
	assert_int_equal(real.desired, PROFILE_STRICT);
	assert_int_equal(real.desired_epoch, 2);
	assert_int_equal(state_of(h.drill_order), ORDER_SUPERSEDED);
	assert_int_equal(audited("drill.superseded"), 1);
	/* what still comes about the drill says nothing about the real one */
	assert_int_equal(answer("H-a", h.drill_order, 1,
	    CORDON__ANSWER_RESULT__ANSWER_REVERTED), 0);
	assert_int_equal(state_of(h.drill_order), ORDER_SUPERSEDED);
	assert_int_equal(answer("H-a", real.desired_order, 2,
	    CORDON__ANSWER_RESULT__ANSWER_APPLIED), 0);
	assert_int_equal(host("a").applied, PROFILE_STRICT);
}

/* After release and a drill the host is still as desired. */
static void
test_after_release(void **state)
{
	struct host h;

	(void)state;
	ready_host("a");
	order(ACTION_ISOLATE, "a");
	h = order(ACTION_RESTORE, "a");
	answer("H-a", h.desired_order, 2,
	    CORDON__ANSWER_RESULT__ANSWER_APPLIED);
	sql("UPDATE hosts SET stage = %d", STAGE_NORMAL);
	drill("a", DRILL_DRY);
	answer("H-a", host("a").drill_order, 3,
	    CORDON__ANSWER_RESULT__ANSWER_DRILLED);
	tick_clock(MIN_MS);
	assert_int_equal(beat("H-a", 3, h.desired_order,
	    CORDON__PROFILE__PROFILE_OPEN, true), 0);
	assert_int_equal(state_of(h.desired_order), ORDER_APPLIED);
	assert_int_equal(audited("order.failed"), 0);
	assert_int_equal(hello("H-a", 3, h.desired_order,
	    CORDON__PROFILE__PROFILE_OPEN, true), 0);
	assert_int_equal(state_of(h.desired_order), ORDER_APPLIED);
}

static void
test_refusals(void **state)
{
	(void)state;
	add_host("a", "fin", TIER_T2);
	assert_int_equal(plan_drill("a", DRILL_LIVE, 5), REFUSAL_NEVER);
	assert_int_equal(plan_drill("a", DRILL_DRY, 0), REFUSAL_NONE);
	/* the same once more is the same; a real plan is another */
	assert_int_equal(plan_drill("a", DRILL_DRY, 0), REFUSAL_CONFLICT);
	assert_int_equal(make("li", ACTION_ISOLATE, "a"), REFUSAL_NONE);
	sql("UPDATE hosts SET drill_ok = 1");
	assert_int_equal(plan_drill("a", DRILL_LIVE, 0), REFUSAL_INPUT);
	assert_int_equal(plan_drill("a", DRILL_LIVE, 31), REFUSAL_INPUT);
	assert_int_equal(plan_drill("a", (enum drill)9, 5), REFUSAL_INPUT);
	sql("UPDATE hosts SET online = 0");
	assert_int_equal(plan_drill("a", DRILL_LIVE, 5), REFUSAL_AWAY);
	sql("UPDATE hosts SET online = 1, never_isolate = 1");
	assert_int_equal(plan_drill("a", DRILL_LIVE, 5), REFUSAL_NEVER);
	sql("UPDATE hosts SET never_isolate = 0, stage = %d",
	    STAGE_PROBATION);
	assert_int_equal(plan_drill("a", DRILL_LIVE, 5), REFUSAL_STAGE);
	sql("UPDATE hosts SET stage = %d", STAGE_NORMAL);
	sql("INSERT INTO meta (key, value) VALUES ('stop', 'chen')");
	assert_int_equal(plan_drill("a", DRILL_LIVE, 5), REFUSAL_STOP);
	sql("DELETE FROM meta WHERE key = 'stop'");
	drill("a", DRILL_LIVE);
	assert_int_equal(plan_drill("a", DRILL_LIVE, 6), REFUSAL_CONFLICT);
	/* who may not isolate may not drill */
	assert_int_equal(make_as(who("wang"), ORIGIN_MANUAL, ACTION_ISOLATE,
	    (const char *const[]){"a"}, 1), REFUSAL_ROLE);
}

/* A live drill needs what an isolation needs; a dry one needs nobody. */
static void
test_approvals(void **state)
{
	(void)state;
	add_host("t0", "fin", TIER_T0);
	sql("UPDATE hosts SET drill_ok = 1");
	assert_int_equal(plan_drill("t0", DRILL_LIVE, 5), REFUSAL_NONE);
	assert_int_equal(w.plan.approvals_needed, 2);
	assert_int_equal(apply("li"), REFUSAL_APPROVALS);
	assert_int_equal(plan_drill("t0", DRILL_DRY, 0), REFUSAL_NONE);
	assert_int_equal(w.plan.approvals_needed, 0);
	assert_int_equal(apply("li"), REFUSAL_NONE);
}

/* Practice and the real thing do not use up each other's hour. */
static void
test_budget(void **state)
{
	char name[16];
	int i;

	(void)state;
	w.set.budget_hosts_hour = 2;
	for (i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "h%d", i);
		ready_host(name);
	}
	drill("h0", DRILL_LIVE);
	drill("h1", DRILL_LIVE);
	assert_int_equal(plan_drill("h2", DRILL_LIVE, 5), REFUSAL_BUDGET);
	assert_int_equal(plan_drill("h2", DRILL_DRY, 0), REFUSAL_NONE);
	assert_int_equal(make("li", ACTION_ISOLATE, "h2"), REFUSAL_NONE);
	assert_int_equal(apply("li"), REFUSAL_NONE);
	assert_int_equal(make("li", ACTION_ISOLATE, "h3"), REFUSAL_NONE);
}

static void
test_clock(void **state)
{
	struct host h;

	(void)state;
	ready_host("a");
	h = drill("a", DRILL_LIVE);
	tick_clock(DRILL_DELIVER_MS);
	tick();
	assert_int_equal(state_of(h.drill_order), ORDER_EXPIRED);
	assert_string_equal(host("a").drill_order, "");
	/* over its time and silent: said once, loudly */
	h = drill("a", DRILL_LIVE);
	answer("H-a", h.drill_order, 2,
	    CORDON__ANSWER_RESULT__ANSWER_APPLIED);
	tick_clock(5 * MIN_MS + DRILL_LATE_MS - 1);
	tick();
	assert_int_equal(audited("drill.late"), 0);
	tick_clock(1);
	tick();
	tick();
	assert_int_equal(audited("drill.late"), 1);
	assert_int_equal(state_of(h.drill_order), ORDER_FAILED);
	assert_int_equal(audited("order.retry"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_dry),
		WORLD_TEST(test_live),
		WORLD_TEST(test_real_one_wins),
		WORLD_TEST(test_after_release),
		WORLD_TEST(test_refusals),
		WORLD_TEST(test_approvals),
		WORLD_TEST(test_budget),
		WORLD_TEST(test_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
