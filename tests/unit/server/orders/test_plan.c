/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Making, cancelling and applying plans: every refusal. */
#include "tests/unit/server/orders/orders_world.h"

static enum refusal
make_reason(const char *reason)
{
	static const char *const one[] = {"a"};
	struct call c = {.ask = {.action = ACTION_ISOLATE, .hosts = one,
	    .nhosts = 1, .reason = reason}, .actor = who("li")};

	store_now(w.store, make_job, &c);
	return outcome(c.rc);
}

static void
test_bad_input(void **state)
{
	static const struct {
		const char *host, *case_id, *reason;
		int action;
		size_t n;
		enum refusal want;
	} t[] = {
		{"a", "", "beacon after macro", 4, 1, REFUSAL_INPUT},
		{"a", "", "beacon after macro", 0, 0, REFUSAL_NO_HOST},
		{"a", "", "beacon after macro", 0, PLAN_HOSTS_MAX + 1,
		    REFUSAL_INPUT},
		{"zz", "", "beacon after macro", 0, 1, REFUSAL_NO_HOST},
		{"a b", "", "beacon after macro", 0, 1, REFUSAL_INPUT},
		{"a", "C-NONE", "beacon after macro", 0, 1,
		    REFUSAL_NOT_FOUND},
		{"a", "C 1", "beacon after macro", 0, 1, REFUSAL_NOT_FOUND},
		{"a", "C-SHUT", "beacon after macro", 0, 1, REFUSAL_STATE},
		{"a", "", "beacon\nhost H-b", 0, 1, REFUSAL_INPUT},
		{"a", "", "beacon \xff\xfe macro", 0, 1, REFUSAL_INPUT},
		{"a", "", "", 0, 1, REFUSAL_REASON},
		{"a", "", NULL, 0, 1, REFUSAL_REASON},
		{"a", "C-OPEN", "beacon after macro", 0, 1, REFUSAL_NONE},
	};
	const char **hosts = calloc(PLAN_HOSTS_MAX + 1, sizeof(*hosts));
	size_t i, k;

	(void)state;
	add_host("a", "fin", TIER_T2);
	sql("INSERT INTO cases (case_id, title, state, opened_at, opened_by) "
	    "VALUES ('C-OPEN', 't', %d, 1, 'li'), ('C-SHUT', 't', %d, 1, "
	    "'li')", CASE_CONFIRMED, CASE_CLOSED);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct call c = {.ask = {.action = (enum plan_action)
		    t[i].action, .hosts = hosts, .nhosts = t[i].n,
		    .case_id = t[i].case_id, .reason = t[i].reason},
		    .actor = who("li")};

		for (k = 0; k < PLAN_HOSTS_MAX + 1; k++)
			hosts[k] = t[i].host;
		store_now(w.store, make_job, &c);
		assert_int_equal(outcome(c.rc), t[i].want);
	}
	free(hosts);
	/* each refusal is a line; the one good plan is another */
	assert_int_equal(audited("plan.refuse"),
	    sizeof(t) / sizeof(t[0]) - 1);
	assert_int_equal(audited("plan.propose"), 1);
}

static void
test_reason_counts_characters(void **state)
{
	char longest[TEXT_MAX_LEN + 1];

	(void)state;
	add_host("a", "fin", TIER_T2);
	assert_int_equal(make_reason("123456789"), REFUSAL_REASON);
	assert_int_equal(make_reason("    123456789    "), REFUSAL_REASON);
	/* nine Chinese characters are 27 bytes and still too few */
	assert_int_equal(make_reason("宏执行后对外连接主"), REFUSAL_REASON);
	memset(longest, 'x', sizeof(longest));
	longest[TEXT_MAX_LEN] = '\0';
	assert_int_equal(make_reason(longest), REFUSAL_INPUT);
	assert_int_equal(make_reason("宏执行后对外连接主机"), REFUSAL_NONE);
}

static void
test_roles(void **state)
{
	static const struct {
		const char *name;
		enum plan_action action;
		enum refusal want;
	} t[] = {
		{"li", ACTION_ISOLATE, REFUSAL_NONE},
		{"chen", ACTION_ISOLATE, REFUSAL_NONE},
		{"rec", ACTION_ISOLATE, REFUSAL_ROLE},
		{"wang", ACTION_ISOLATE, REFUSAL_ROLE},
		{"owen", ACTION_ISOLATE, REFUSAL_ROLE},
		{"nobody", ACTION_ISOLATE, REFUSAL_ROLE},
		/* an admin never, though responder as well */
		{"root", ACTION_ISOLATE, REFUSAL_ROLE},
		{"hr", ACTION_ISOLATE, REFUSAL_ROLE},
		{"gone", ACTION_ISOLATE, REFUSAL_ROLE},
		{"li", ACTION_RESTORE, REFUSAL_ROLE},
		{"rec", ACTION_RESTORE, REFUSAL_NONE},
		{"chen", ACTION_RESTORE, REFUSAL_NONE},
		{"root", ACTION_RESTORE, REFUSAL_ROLE},
	};
	size_t i;

	(void)state;
	add_host("a", "fin", TIER_T2);
	add_operator("hr", ROLE_RESPONDER, "people");
	add_operator("gone", ROLE_RESPONDER, "*");
	sql("UPDATE operators SET disabled = 1 WHERE name = 'gone'");
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		sql("UPDATE hosts SET stage = %d", t[i].action ==
		    ACTION_ISOLATE ? STAGE_NORMAL : STAGE_VERIFYING);
		assert_int_equal(make(t[i].name, t[i].action, "a"),
		    t[i].want);
	}
}

static void
test_role_must_hold_for_every_group(void **state)
{
	static const char *const both[] = {"a", "b"};
	struct actor given = {.roles = 1u << ROLE_RESPONDER, .grp = "fin",
		.name = "table-less", .created_at = 1};

	(void)state;
	add_host("a", "fin", TIER_T3);
	add_host("b", "people", TIER_T3);
	add_fleet(100);
	add_operator("fi", ROLE_RESPONDER, "fin");
	assert_int_equal(make_as(who("fi"), ORIGIN_MANUAL, ACTION_ISOLATE,
	    both, 2), REFUSAL_ROLE);
	assert_int_equal(make_as(who("fi"), ORIGIN_MANUAL, ACTION_ISOLATE,
	    both, 1), REFUSAL_NONE);
	assert_int_equal(make_as(given, ORIGIN_MANUAL, ACTION_ISOLATE, both,
	    1), REFUSAL_NONE);
	assert_int_equal(make_as(given, ORIGIN_MANUAL, ACTION_ISOLATE, both,
	    2), REFUSAL_ROLE);
	/* the approver of one group does not approve for the other */
	add_operator("fa", ROLE_APPROVER, "fin");
	assert_int_equal(make_as(who("li"), ORIGIN_MANUAL, ACTION_ISOLATE,
	    both, 2), REFUSAL_NONE);
	assert_int_equal(approve("fa"), REFUSAL_ROLE);
	assert_int_equal(approve("wang"), REFUSAL_NONE);
}

static void
test_never_isolate(void **state)
{
	(void)state;
	add_host("tagged", "fin", TIER_T3);
	add_host("collector", "fin", TIER_T3);
	add_host("beside", "fin", TIER_T3);
	sql("UPDATE hosts SET never_isolate = 1 WHERE name = 'tagged'");
	sql("UPDATE hosts SET addresses = 'fe80::1/64 10.1.2.3/24' "
	    "WHERE name = 'collector'");
	sql("UPDATE hosts SET addresses = '10.1.2.30/24' "
	    "WHERE name = 'beside'");
	assert_int_equal(make("li", ACTION_ISOLATE, "tagged"), REFUSAL_NEVER);
	assert_int_equal(make("li", ACTION_ISOLATE, "collector"),
	    REFUSAL_NEVER);
	assert_int_equal(make("li", ACTION_ISOLATE, "beside"), REFUSAL_NONE);
	/* tagged after the plan was made */
	sql("UPDATE hosts SET never_isolate = 1 WHERE name = 'beside'");
	assert_int_equal(apply("li"), REFUSAL_NEVER);
	assert_int_equal(w.nsent, 0);
}

static void
test_revoked_and_wrong_stage(void **state)
{
	(void)state;
	add_host("a", "fin", TIER_T2);
	assert_int_equal(make("rec", ACTION_RESTORE, "a"), REFUSAL_STAGE);
	sql("UPDATE hosts SET revoked = 1");
	assert_int_equal(make("li", ACTION_ISOLATE, "a"), REFUSAL_STAGE);
}

static void
test_hosts_are_frozen_and_sorted(void **state)
{
	static const char *const mixed[] = {"c", "H-a", "b", "a", "H-c"};

	(void)state;
	add_host("a", "fin", TIER_T3);
	add_host("b", "fin", TIER_T3);
	add_host("c", "fin", TIER_T3);
	assert_int_equal(make_as(who("li"), ORIGIN_MANUAL, ACTION_ISOLATE,
	    mixed, 5), REFUSAL_NONE);
	assert_int_equal(sql_int("SELECT COUNT(*) FROM plan_hosts"), 3);
	assert_int_equal(w.plan.approvals_needed, 1); /* bulk: 3 of 3 */
	assert_int_equal(approve("wang"), REFUSAL_NONE);
	assert_int_equal(apply_as(who("li"), w.plan.digest, 2),
	    REFUSAL_EXPECT);
	assert_int_equal(apply_as(who("li"), w.plan.digest, 3), REFUSAL_NONE);
	assert_int_equal(w.nsent, 3);
	assert_string_equal(w.sent[0].host_id, "H-a");
	assert_string_equal(w.sent[2].host_id, "H-c");
}

static int
cancel_job(struct db *db, void *arg)
{
	struct call *c = arg;

	c->rc = plan_cancel(db, w.plan.plan_id, &c->actor, &w.no);
	return keep_refusal(c->rc);
}

static enum refusal
cancel(const char *name)
{
	struct call c = {.actor = who(name)};

	store_now(w.store, cancel_job, &c);
	return outcome(c.rc);
}

static void
test_cancel(void **state)
{
	(void)state;
	add_host("a", "fin", TIER_T2);
	assert_int_equal(make("li", ACTION_ISOLATE, "a"), REFUSAL_NONE);
	assert_int_equal(cancel("wang"), REFUSAL_ROLE);
	assert_int_equal(cancel("li"), REFUSAL_NONE);
	assert_int_equal(apply("li"), REFUSAL_STATE);
	assert_int_equal(cancel("li"), REFUSAL_STATE);
	snprintf(w.plan.plan_id, ID_MAX, "P-NONE");
	assert_int_equal(cancel("li"), REFUSAL_NOT_FOUND);
	assert_int_equal(apply("li"), REFUSAL_NOT_FOUND);
	assert_int_equal(approve("wang"), REFUSAL_NOT_FOUND);
}

static void
test_doubles(void **state)
{
	(void)state;
	add_host("a", "fin", TIER_T2);
	assert_int_equal(make("li", ACTION_ISOLATE, "a"), REFUSAL_NONE);
	assert_int_equal(make("li", ACTION_ISOLATE, "a"), REFUSAL_CONFLICT);
	/* an open plan of one person never holds up another one */
	assert_int_equal(make("chen", ACTION_ISOLATE, "a"), REFUSAL_NONE);
	tick_clock(16 * MIN_MS);
	assert_int_equal(make("li", ACTION_ISOLATE, "a"), REFUSAL_NONE);
	/* and it is applied once */
	assert_int_equal(apply("li"), REFUSAL_NONE);
	assert_int_equal(apply("li"), REFUSAL_STATE);
	assert_int_equal(w.nsent, 1);
}

static void
test_all_or_nothing(void **state)
{
	static const char *const two[] = {"a", "b"};

	(void)state;
	add_host("a", "fin", TIER_T3);
	add_host("b", "fin", TIER_T3);
	add_fleet(200);
	assert_int_equal(make_as(who("li"), ORIGIN_MANUAL, ACTION_ISOLATE,
	    two, 2), REFUSAL_NONE);
	w.signer_away = true;
	assert_int_equal(apply("li"), REFUSAL_SIGNER);
	assert_int_equal(w.nsent, 0);
	assert_int_equal(sql_int("SELECT COUNT(*) FROM orders"), 0);
	assert_int_equal(host("a").desired_epoch, 0);
	w.signer_away = false;
	/* one of them may not be isolated any more: then neither */
	sql("UPDATE hosts SET stage = %d WHERE name = 'b'", STAGE_CONTAINED);
	assert_int_equal(apply("li"), REFUSAL_STAGE);
	assert_int_equal(w.nsent, 0);
	sql("UPDATE hosts SET stage = %d WHERE name = 'b'", STAGE_NORMAL);
	assert_int_equal(apply("li"), REFUSAL_NONE);
	assert_int_equal(w.nsent, 2);
}

/* The store fails: not a refusal, so that the job is rolled back. */
static void
test_store_failure_is_no_refusal(void **state)
{
	(void)state;
	add_host("a", "fin", TIER_T2);
	sql("ALTER TABLE plan_hosts RENAME TO away");
	assert_int_equal(make("li", ACTION_ISOLATE, "a"), REFUSAL_INTERNAL);
	assert_int_equal(sql_int("SELECT COUNT(*) FROM plans"), 0);
}

static void
test_codes_are_stable(void **state)
{
	int i, k;

	(void)state;
	assert_string_equal(refusal_code(REFUSAL_APPROVALS),
	    "approvals-missing");
	for (i = 0; i <= REFUSAL_INTERNAL; i++)
		for (k = 0; k < i; k++)
			assert_string_not_equal(refusal_code((enum refusal)i),
			    refusal_code((enum refusal)k));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codes_are_stable),
		WORLD_TEST(test_bad_input),
		WORLD_TEST(test_reason_counts_characters),
		WORLD_TEST(test_roles),
		WORLD_TEST(test_role_must_hold_for_every_group),
		WORLD_TEST(test_never_isolate),
		WORLD_TEST(test_revoked_and_wrong_stage),
		WORLD_TEST(test_hosts_are_frozen_and_sorted),
		WORLD_TEST(test_cancel),
		WORLD_TEST(test_doubles),
		WORLD_TEST(test_all_or_nothing),
		WORLD_TEST(test_store_failure_is_no_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
