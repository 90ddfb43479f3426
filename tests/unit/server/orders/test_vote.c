/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Votes: who may, how often, bound to which digest, until when. */
#include "tests/unit/server/orders/orders_world.h"

/* The canonical text, written out once more by hand. */
static void
test_digest_is_of_the_canonical_text(void **state)
{
	static const char text[] = "cordon-plan-v1\naction isolate\n"
	    "profile strict\ncase \nreason beacon after macro\n"
	    "requester li\norigin manual\nreview 86400\nhost H-a\n";
	uint8_t sum[DIGEST_LEN];
	char hex[DIGEST_HEX_MAX];

	(void)state;
	add_host("a", "fin", TIER_T2);
	assert_int_equal(make("li", ACTION_ISOLATE, "a"), REFUSAL_NONE);
	digest_of(text, strlen(text), sum);
	assert_string_equal(w.plan.digest, hex_encode(hex, sum, sizeof(sum)));
}

static void
test_digest_binds(void **state)
{
	static const char *const change[] = {
		"UPDATE plans SET reason = 'something else'",
		"UPDATE plans SET profile = 1",
		"UPDATE plans SET requester = 'nobody'",
		"UPDATE plans SET review_seconds = 1",
		"UPDATE plan_hosts SET host_id = 'H-b'",
		"INSERT INTO plan_hosts (plan_id, host_id) "
		"SELECT plan_id, 'H-b' FROM plans",
	};
	char other[65];
	size_t i;

	for (i = 0; i < sizeof(change) / sizeof(change[0]); i++) {
		world_up(state);
		add_host("a", "fin", TIER_T1);
		add_host("b", "fin", TIER_T1);
		add_fleet(200);
		assert_int_equal(make("li", ACTION_ISOLATE, "a"),
		    REFUSAL_NONE);
		snprintf(other, sizeof(other), "%s", w.plan.digest);
		other[0] = other[0] == '0' ? '1' : '0';
		assert_int_equal(vote_as(who("wang"), "approve", other),
		    REFUSAL_DIGEST);
		assert_int_equal(vote_as(who("wang"), "approve", ""),
		    REFUSAL_DIGEST);
		assert_int_equal(approve("wang"), REFUSAL_NONE);
		assert_int_equal(apply_as(who("li"), other, -1),
		    REFUSAL_DIGEST);
		/* the store is changed behind the plan's back */
		sql("%s", change[i]);
		assert_int_equal(apply("li"), REFUSAL_DIGEST);
		assert_int_equal(approve("zhao"), REFUSAL_DIGEST);
		assert_int_equal(w.nsent, 0);
		world_down(state);
	}
}

static void
test_approval_of_another_digest_does_not_count(void **state)
{
	(void)state;
	add_host("a", "fin", TIER_T1);
	assert_int_equal(make("li", ACTION_ISOLATE, "a"), REFUSAL_NONE);
	assert_int_equal(approve("wang"), REFUSAL_NONE);
	sql("UPDATE approvals SET digest = 'another'");
	assert_int_equal(apply("li"), REFUSAL_APPROVALS);
}

static void
test_who_votes(void **state)
{
	struct actor young = who("zhao"), admin = who("root");
	struct actor policy = {.name = ACTOR_POLICY};

	(void)state;
	young.created_at = w.clock.wall_ms - 23 * HOUR_MS;
	add_operator("li", ROLE_APPROVER, "*");
	add_host("a", "fin", TIER_T1);
	assert_int_equal(make("li", ACTION_ISOLATE, "a"), REFUSAL_NONE);
	assert_int_equal(approve("li"), REFUSAL_OWN_PLAN);
	assert_int_equal(vote_as(young, "approve", w.plan.digest),
	    REFUSAL_YOUNG);
	assert_int_equal(vote_as(admin, "approve", w.plan.digest),
	    REFUSAL_ROLE);
	assert_int_equal(vote_as(policy, "approve", w.plan.digest),
	    REFUSAL_ROLE);
	assert_int_equal(approve("rec"), REFUSAL_ROLE);
	assert_int_equal(approve("chen"), REFUSAL_ROLE);
	assert_int_equal(vote_as(who("wang"), "maybe", w.plan.digest),
	    REFUSAL_INPUT);
	assert_int_equal(apply("li"), REFUSAL_APPROVALS);
	assert_int_equal(audited("plan.refuse"), 8);
	assert_int_equal(approve("owen"), REFUSAL_NONE);
	assert_int_equal(w.plan.state, PLAN_APPROVED);
	assert_int_equal(audited("plan.approve"), 1);
}

static void
test_one_person_one_vote(void **state)
{
	static const char *const six[] = {"a", "b", "c", "d", "e", "f"};
	size_t i;

	(void)state;
	for (i = 0; i < 6; i++)
		add_host(six[i], "fin", TIER_T1);
	assert_int_equal(make_as(who("li"), ORIGIN_MANUAL, ACTION_ISOLATE,
	    six, 6), REFUSAL_NONE);
	assert_int_equal(approve("wang"), REFUSAL_NONE);
	/* a second credential has the same name */
	assert_int_equal(approve("wang"), REFUSAL_CONFLICT);
	assert_int_equal(vote_as(who("wang"), "deny", w.plan.digest),
	    REFUSAL_CONFLICT);
	assert_int_equal(apply("li"), REFUSAL_APPROVALS);
}

static void
test_deny_ends_it(void **state)
{
	(void)state;
	add_host("a", "fin", TIER_T2);
	assert_int_equal(make("li", ACTION_ISOLATE, "a"), REFUSAL_NONE);
	assert_int_equal(vote_as(who("wang"), "deny", w.plan.digest),
	    REFUSAL_NONE);
	assert_int_equal(w.plan.state, PLAN_DENIED);
	assert_int_equal(apply("li"), REFUSAL_STATE);
	assert_int_equal(approve("zhao"), REFUSAL_STATE);
	assert_int_equal(audited("plan.deny"), 1);
}

static void
test_unanswered_means_no(void **state)
{
	(void)state;
	add_host("a", "fin", TIER_T1);
	assert_int_equal(make("li", ACTION_ISOLATE, "a"), REFUSAL_NONE);
	assert_int_equal(approve("wang"), REFUSAL_NONE);
	tick_clock(15 * MIN_MS - 1);
	tick();
	assert_int_equal(sql_int("SELECT state FROM plans"), PLAN_APPROVED);
	tick_clock(1);
	assert_int_equal(apply("li"), REFUSAL_EXPIRED);
	assert_int_equal(apply("li"), REFUSAL_EXPIRED);
	tick();
	assert_int_equal(sql_int("SELECT state FROM plans"), PLAN_EXPIRED);
	assert_int_equal(audited("plan.expire"), 1);
	assert_int_equal(w.nsent, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_digest_is_of_the_canonical_text),
		cmocka_unit_test(test_digest_binds),
		WORLD_TEST(test_approval_of_another_digest_does_not_count),
		WORLD_TEST(test_who_votes),
		WORLD_TEST(test_one_person_one_vote),
		WORLD_TEST(test_deny_ends_it),
		WORLD_TEST(test_unanswered_means_no),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
