/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Profile limited: who may reach whom, and what it takes to get there. */
#include "tests/unit/server/orders/orders_agents.h"

#include "server/orders/allow.h"
#include "server/orders/need.h"

static void
name_peer(enum profile profile, const char *grp, int tier, uint8_t last,
    uint16_t port, bool in)
{
	struct orders_named *n = &w.set.named[w.set.nnamed++];

	memset(n, 0, sizeof(*n));
	n->profile = profile;
	n->tier = tier;
	snprintf(n->grp, sizeof(n->grp), "%s", grp);
	memcpy(n->allow.ip, (const uint8_t[]){10, 5, 0, last}, 4);
	n->allow.ip_len = 4;
	n->allow.prefix_len = 32;
	n->allow.protocol = 6;
	n->allow.port = port;
	n->allow.in = in;
}

static void
test_lists(void **state)
{
	static const struct {
		const char *grp;
		enum tier tier;
		enum profile profile;
		size_t n;
	} t[] = {
		{"fin", TIER_T1, PROFILE_LIMITED, 3},
		{"fin", TIER_T2, PROFILE_LIMITED, 2},
		{"it", TIER_T1, PROFILE_LIMITED, 1},
		{"fin", TIER_T1, PROFILE_RECOVERY, 2},
		{"it", TIER_T1, PROFILE_RECOVERY, 1},
		{"fin", TIER_T1, PROFILE_STRICT, 0},
		{"fin", TIER_T1, PROFILE_OPEN, 0},
	};
	struct orders_allow out[ORDER_ALLOWED_MAX];
	struct host h = {.tier = TIER_T1};
	Cordon__Endpoint e;
	char text[96];
	size_t i;

	(void)state;
	name_peer(PROFILE_LIMITED, "", -1, 1, 5432, false);
	name_peer(PROFILE_LIMITED, "fin", -1, 2, 22, true);
	name_peer(PROFILE_LIMITED, "fin", TIER_T1, 3, 443, false);
	name_peer(PROFILE_LIMITED, "fin", TIER_T1, 1, 5432, false); /* twice */
	name_peer(PROFILE_RECOVERY, "fin", -1, 9, 445, false);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		snprintf(h.grp, sizeof(h.grp), "%s", t[i].grp);
		h.tier = t[i].tier;
		assert_int_equal(allow_list(&w.set, &h, t[i].profile, out),
		    t[i].n);
	}
	snprintf(h.grp, sizeof(h.grp), "fin");
	h.tier = TIER_T2;
	allow_list(&w.set, &h, PROFILE_LIMITED, out);
	assert_string_equal(allow_text(text, sizeof(text), &out[0]),
	    "tcp 10.5.0.1:5432");
	assert_string_equal(allow_text(text, sizeof(text), &out[1]),
	    "in tcp 10.5.0.2:22");
	assert_string_equal(allow_text(text, sizeof(text),
	    &w.set.recovery[0]), "tcp 10.9.0.0/24:873");
	allow_endpoint(&out[1], &e);
	assert_int_equal(e.direction, CORDON__DIRECTION__DIRECTION_IN);
	/* never more than an order may carry */
	for (i = 0; i < 100; i++)
		name_peer(PROFILE_LIMITED, "", -1, (uint8_t)i, 7000, false);
	assert_int_equal(allow_list(&w.set, &h, PROFILE_LIMITED, out),
	    ORDER_ALLOWED_MAX);
}

static void
test_from_open(void **state)
{
	Cordon__OrderBody *b;
	struct host h;

	(void)state;
	name_peer(PROFILE_LIMITED, "fin", -1, 1, 5432, false);
	add_host("a", "fin", TIER_T2);
	assert_int_equal(make("wang", ACTION_LIMIT, "a"), REFUSAL_ROLE);
	assert_int_equal(make("li", ACTION_LIMIT, "a"), REFUSAL_NONE);
	assert_int_equal(w.plan.approvals_needed, 0); /* as to isolate */
	assert_int_equal(w.plan.profile, PROFILE_LIMITED);
	assert_int_equal(apply("li"), REFUSAL_NONE);
	sql("UPDATE hosts SET stage = %d", STAGE_CONTAINED);
	b = last_order("H-a");
	assert_int_equal(b->profile, CORDON__PROFILE__PROFILE_LIMITED);
	assert_int_equal(b->n_allowed, 1);
	cordon__order_body__free_unpacked(b, NULL);
	h = host("a");
	answer("H-a", h.desired_order, 1,
	    CORDON__ANSWER_RESULT__ANSWER_APPLIED);
	/* once is enough; tighter is always possible, open never directly */
	assert_int_equal(make("li", ACTION_LIMIT, "a"), REFUSAL_STAGE);
	assert_int_equal(make("rec", ACTION_RESTORE, "a"), REFUSAL_STAGE);
	assert_int_equal(make("li", ACTION_ISOLATE, "a"), REFUSAL_NONE);
	assert_int_equal(w.plan.approvals_needed, 0);
	assert_int_equal(apply("li"), REFUSAL_NONE);
	assert_int_equal(host("a").desired, PROFILE_STRICT);
	/* it is contained already: strict again is nothing */
	assert_int_equal(make("li", ACTION_ISOLATE, "a"), REFUSAL_STAGE);
}

/* From strict it opens a little: as to restore. */
static void
test_from_strict(void **state)
{
	(void)state;
	add_host("a", "fin", TIER_T2);
	add_host("t0", "fin", TIER_T0);
	order(ACTION_ISOLATE, "a");
	sql("UPDATE hosts SET stage = %d", STAGE_CONTAINED);
	assert_int_equal(make("li", ACTION_LIMIT, "a"), REFUSAL_NONE);
	assert_int_equal(w.plan.approvals_needed, 1);
	assert_int_equal(apply("li"), REFUSAL_APPROVALS);
	assert_int_equal(make("rec", ACTION_LIMIT, "t0"), REFUSAL_NONE);
	assert_int_equal(w.plan.approvals_needed, 2);
	assert_true(w.plan.owner_needed);
}

/* Planned for an open host, applied when it is cut off: asked anew. */
static void
test_cut_off_in_between(void **state)
{
	struct plan limit;

	(void)state;
	add_host("a", "fin", TIER_T2);
	assert_int_equal(make("li", ACTION_LIMIT, "a"), REFUSAL_NONE);
	limit = w.plan;
	order(ACTION_ISOLATE, "a");
	sql("UPDATE hosts SET stage = %d", STAGE_CONTAINED);
	w.plan = limit;
	assert_int_equal(apply("li"), REFUSAL_STAGE);
	assert_int_equal(host("a").desired, PROFILE_STRICT);
}

static void
test_budget(void **state)
{
	(void)state;
	w.set.budget_hosts_hour = 1;
	add_host("a", "fin", TIER_T2);
	add_host("b", "fin", TIER_T2);
	order(ACTION_LIMIT, "a");
	assert_int_equal(make("li", ACTION_ISOLATE, "b"), REFUSAL_BUDGET);
	assert_int_equal(need_action(ACTION_ISOLATE, STAGE_CONTAINED),
	    ACTION_ISOLATE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_lists),
		WORLD_TEST(test_from_open),
		WORLD_TEST(test_from_strict),
		WORLD_TEST(test_cut_off_in_between),
		WORLD_TEST(test_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
