/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The approvals table, the stages, whole plans through the store. */
#include "tests/unit/server/orders/orders_world.h"

#include "server/orders/need.h"

#define ALWAYS_ONE (-1)
#define NO_POLICY (-2)

/* WORKFLOW 2, each cell. */
static const struct {
	enum tier tier;
	enum plan_action action;
	enum plan_origin origin;
	bool bulk;
	int want;
	bool owner, head;
} cells[] = {
	{TIER_T3, ACTION_ISOLATE, ORIGIN_MANUAL, false, 0, false, false},
	{TIER_T3, ACTION_ISOLATE, ORIGIN_MANUAL, true, 1, false, false},
	{TIER_T3, ACTION_ISOLATE, ORIGIN_POLICY, false, 0, false, false},
	{TIER_T3, ACTION_RESTORE, ORIGIN_MANUAL, false, 1, false, false},
	{TIER_T3, ACTION_RESTORE, ORIGIN_MANUAL, true, 1, false, false},
	{TIER_T2, ACTION_ISOLATE, ORIGIN_MANUAL, false, 0, false, false},
	{TIER_T2, ACTION_ISOLATE, ORIGIN_MANUAL, true, 1, false, false},
	{TIER_T2, ACTION_ISOLATE, ORIGIN_RECOMMENDED, false, 0, false, false},
	{TIER_T2, ACTION_ISOLATE, ORIGIN_POLICY, false, 0, false, false},
	{TIER_T2, ACTION_RESTORE, ORIGIN_MANUAL, false, 1, false, false},
	{TIER_T2, ACTION_RESTORE, ORIGIN_MANUAL, true, 2, false, false},
	{TIER_T2, ACTION_RECOVER, ORIGIN_MANUAL, false, 1, false, false},
	{TIER_T2, ACTION_RESTORE, ORIGIN_POLICY, false, NO_POLICY, 0, 0},
	{TIER_T1, ACTION_ISOLATE, ORIGIN_MANUAL, false, 1, false, false},
	{TIER_T1, ACTION_ISOLATE, ORIGIN_MANUAL, true, 2, false, false},
	{TIER_T1, ACTION_ISOLATE, ORIGIN_POLICY, false, 1, false, false},
	{TIER_T1, ACTION_RESTORE, ORIGIN_MANUAL, false, 2, true, false},
	{TIER_T1, ACTION_RESTORE, ORIGIN_MANUAL, true, 2, true, false},
	{TIER_T0, ACTION_ISOLATE, ORIGIN_MANUAL, false, 2, true, false},
	{TIER_T0, ACTION_ISOLATE, ORIGIN_MANUAL, true, ALWAYS_ONE, 0, 0},
	{TIER_T0, ACTION_ISOLATE, ORIGIN_POLICY, false, NO_POLICY, 0, 0},
	{TIER_T0, ACTION_RESTORE, ORIGIN_MANUAL, false, 2, true, true},
	{TIER_T0, ACTION_RECOVER, ORIGIN_MANUAL, false, 2, true, true},
};

static void
test_table(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct need n = {0};
		enum need_verdict v = need_add(&n, cells[i].tier,
		    cells[i].action, cells[i].bulk, cells[i].origin);

		if (cells[i].want == NO_POLICY) {
			assert_int_equal(v, NEED_NO_POLICY);
			continue;
		}
		if (cells[i].want == ALWAYS_ONE) {
			assert_int_equal(v, NEED_ONE_BY_ONE);
			continue;
		}
		assert_int_equal(v, NEED_OK);
		assert_int_equal(n.approvals, cells[i].want);
		assert_int_equal(n.owner, cells[i].owner);
		assert_int_equal(n.head, cells[i].head);
	}
}

static void
test_strictest_host_counts(void **state)
{
	struct need n = {0};

	(void)state;
	need_add(&n, TIER_T1, ACTION_RESTORE, true, ORIGIN_MANUAL);
	need_add(&n, TIER_T3, ACTION_RESTORE, true, ORIGIN_MANUAL);
	assert_int_equal(n.approvals, 2);
	assert_true(n.owner);
}

static void
test_bulk(void **state)
{
	static const struct {
		int64_t n, fleet;
		bool bulk;
	} t[] = {
		{1, 1, false},	   {1, 3, false},     {2, 3, true},
		{2, 99, true},	   {2, 100, false},   {5, 250, false},
		{5, 249, true},	   {6, 100000, true},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		assert_int_equal(need_is_bulk(t[i].n, t[i].fleet), t[i].bulk);
}

static void
test_votes(void **state)
{
	static const struct {
		struct need need;
		struct need_votes v;
		bool met;
	} t[] = {
		{{0, false, false}, {0, 0, 0, 0}, true},
		{{1, false, false}, {0, 0, 0, 0}, false},
		{{2, true, false}, {2, 0, 0, 0}, false},
		{{2, true, false}, {2, 1, 0, 1}, true},
		{{2, true, true}, {2, 1, 0, 1}, false},
		/* one person is owner and head, the other neither */
		{{2, true, true}, {2, 1, 1, 1}, false},
		{{2, true, true}, {2, 1, 1, 2}, true},
		{{2, true, true}, {2, 2, 1, 2}, true},
		{{2, true, true}, {1, 1, 1, 1}, false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		assert_int_equal(need_met(&t[i].need, &t[i].v), t[i].met);
}

static void
test_stages(void **state)
{
	static const struct {
		enum stage stage;
		enum plan_action action;
		enum order_state order;
		bool may;
	} t[] = {
		{STAGE_NORMAL, ACTION_ISOLATE, ORDER_PROVEN, true},
		{STAGE_NORMAL, ACTION_RECOVER, ORDER_PROVEN, false},
		{STAGE_NORMAL, ACTION_RESTORE, ORDER_PROVEN, false},
		{STAGE_CONTAINED, ACTION_ISOLATE, ORDER_PROVEN, false},
		{STAGE_CONTAINED, ACTION_ISOLATE, ORDER_SENT, false},
		{STAGE_CONTAINED, ACTION_ISOLATE, ORDER_FAILED, true},
		{STAGE_CONTAINED, ACTION_ISOLATE, ORDER_EXPIRED, true},
		{STAGE_CONTAINED, ACTION_RECOVER, ORDER_PROVEN, true},
		{STAGE_CONTAINED, ACTION_RESTORE, ORDER_PROVEN, false},
		{STAGE_RECOVERING, ACTION_ISOLATE, ORDER_PROVEN, true},
		{STAGE_RECOVERING, ACTION_RECOVER, ORDER_PROVEN, false},
		{STAGE_RECOVERING, ACTION_RECOVER, ORDER_REVERTED, true},
		{STAGE_RECOVERING, ACTION_RESTORE, ORDER_PROVEN, true},
		{STAGE_VERIFYING, ACTION_ISOLATE, ORDER_PROVEN, true},
		{STAGE_VERIFYING, ACTION_RESTORE, ORDER_PROVEN, true},
		{STAGE_VERIFYING, ACTION_RECOVER, ORDER_PROVEN, false},
		{STAGE_PROBATION, ACTION_ISOLATE, ORDER_APPLIED, true},
		{STAGE_PROBATION, ACTION_RESTORE, ORDER_APPLIED, false},
		{STAGE_PROBATION, ACTION_RESTORE, ORDER_FAILED, true},
		{STAGE_RETIRED, ACTION_ISOLATE, ORDER_FAILED, false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		assert_int_equal(need_stage_allows(t[i].stage, t[i].action,
		    t[i].order), t[i].may);
}

/*
 * The same through the store: who votes, and from which vote on the plan
 * can be applied.
 */
static const struct flow {
	enum tier tier;
	enum plan_action action;
	int hosts;
	int needed;
	bool owner;
	const char *votes[4];
	int enough; /* so many of the votes; -1: never */
} flows[] = {
	{TIER_T3, ACTION_ISOLATE, 1, 0, false, {NULL}, 0},
	{TIER_T2, ACTION_ISOLATE, 1, 0, false, {NULL}, 0},
	{TIER_T2, ACTION_ISOLATE, 6, 1, false, {"wang"}, 1},
	{TIER_T1, ACTION_ISOLATE, 1, 1, false, {"wang"}, 1},
	{TIER_T1, ACTION_ISOLATE, 6, 2, false, {"wang", "zhao"}, 2},
	{TIER_T0, ACTION_ISOLATE, 1, 2, true, {"wang", "zhao"}, -1},
	{TIER_T0, ACTION_ISOLATE, 1, 2, true, {"wang", "zhao", "owen"}, 3},
	{TIER_T0, ACTION_ISOLATE, 1, 2, true, {"owen", "wang"}, 2},
	{TIER_T3, ACTION_RESTORE, 1, 1, false, {"wang"}, 1},
	{TIER_T2, ACTION_RESTORE, 1, 1, false, {"zhao"}, 1},
	{TIER_T2, ACTION_RESTORE, 6, 2, false, {"zhao", "wang"}, 2},
	{TIER_T1, ACTION_RESTORE, 1, 2, true, {"zhao", "wang"}, -1},
	{TIER_T1, ACTION_RESTORE, 1, 2, true, {"zhao", "owen"}, 2},
	{TIER_T0, ACTION_RESTORE, 1, 2, true, {"zhao", "owen"}, -1},
	{TIER_T0, ACTION_RESTORE, 1, 2, true, {"chen", "owen"}, 2},
	{TIER_T0, ACTION_RECOVER, 1, 2, true, {"owen", "wang", "chen"}, 3},
};

static void
run_flow(const struct flow *f)
{
	static const char *const names[] = {"a1", "a2", "a3", "a4", "a5",
		"a6"};
	const char *requester = f->action == ACTION_ISOLATE ? "li" : "rec";
	int i, votes;

	for (i = 0; i < f->hosts; i++) {
		add_host(names[i], "fin", f->tier);
		sql("UPDATE hosts SET stage = %d WHERE name = '%s'",
		    f->action == ACTION_ISOLATE ? STAGE_NORMAL :
		    f->action == ACTION_RECOVER ? STAGE_CONTAINED :
		    STAGE_VERIFYING, names[i]);
	}
	assert_int_equal(make_as(who(requester), ORIGIN_MANUAL, f->action,
	    names, (size_t)f->hosts), REFUSAL_NONE);
	assert_int_equal(w.plan.approvals_needed, f->needed);
	assert_int_equal(w.plan.owner_needed, f->owner);
	for (votes = 0; votes < 4 && f->votes[votes] != NULL; votes++) {
		if (f->enough < 0 || votes < f->enough) {
			assert_int_equal(w.plan.state, PLAN_PROPOSED);
			assert_int_equal(apply(requester),
			    REFUSAL_APPROVALS);
		}
		assert_int_equal(approve(f->votes[votes]), REFUSAL_NONE);
	}
	if (f->enough < 0) {
		assert_int_equal(apply(requester), REFUSAL_APPROVALS);
		return;
	}
	assert_int_equal(w.plan.state, f->needed > 0 ? PLAN_APPROVED :
	    PLAN_PROPOSED);
	assert_int_equal(apply(requester), REFUSAL_NONE);
	assert_int_equal(w.plan.state, PLAN_APPLIED);
	assert_int_equal(w.nsent, f->hosts);
}

static void
test_flows(void **state)
{
	size_t i;

	for (i = 0; i < sizeof(flows) / sizeof(flows[0]); i++) {
		world_up(state);
		run_flow(&flows[i]);
		world_down(state);
	}
}

static void
test_critical_hosts_go_one_by_one(void **state)
{
	static const char *const two[] = {"a", "b"};

	(void)state;
	add_host("a", "fin", TIER_T0);
	add_host("b", "fin", TIER_T0);
	assert_int_equal(make_as(who("li"), ORIGIN_MANUAL, ACTION_ISOLATE, two,
	    2), REFUSAL_BUDGET);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_strictest_host_counts),
		cmocka_unit_test(test_bulk),
		cmocka_unit_test(test_votes),
		cmocka_unit_test(test_stages),
		cmocka_unit_test(test_flows),
		WORLD_TEST(test_critical_hosts_go_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
