/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deciding: each condition alone, the order of rules, what is held back. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "server/policy/policy.h"
#include "server/policy/rule.h"

static struct host host;
static struct policy *policy;

static int
up(void **state)
{
	(void)state;
	memset(&host, 0, sizeof(host));
	host.tier = TIER_T2;
	snprintf(host.grp, sizeof(host.grp), "fin-desk");
	policy = policy_new();
	return policy == NULL;
}

static int
down(void **state)
{
	(void)state;
	policy_free(&policy);
	return 0;
}

static void
add(const char *section, const char *key, const char *value)
{
	struct why why = {""};

	assert_int_equal(policy_key(policy, section, key, value, 1, &why), 0);
}

static struct policy_facts
facts(void)
{
	return (struct policy_facts){.kind = "files.changed",
	    .severity = SEV_HIGH, .object = "/etc/ssh/sshd_config",
	    .program = "/usr/bin/vim", .host = &host, .count = 5,
	    .classes = 2, .prevalence = 2, .window_seconds = 600};
}

static struct policy_decision
decide(const struct policy_facts *f)
{
	struct policy_decision d;
	struct why why = {""};

	assert_int_equal(policy_check(policy, &why), 0);
	policy_decide(policy, f, &d);
	assert_in_range(d.score, 0, 100);
	assert_string_not_equal(d.why, "");
	return d;
}

/* One condition beside the kind; does the rule fit the facts above? */
static const struct {
	const char *key, *value, *key2, *value2;
	bool fits;
} conditions[] = {
	{"kind", "files.*", NULL, NULL, true},
	{"kind", "files.changed", NULL, NULL, true},
	{"kind", "files.ch?nged", NULL, NULL, true},
	{"kind", "files.[cd]*", NULL, NULL, true},
	{"kind", "files", NULL, NULL, false},
	{"kind", "agent.*", NULL, NULL, false},
	{"object", "/etc/ssh/*", NULL, NULL, true},
	{"object", "/etc/pam.d/*", NULL, NULL, false},
	{"program", "*/vim", NULL, NULL, true},
	{"program", "*/dpkg", NULL, NULL, false},
	{"min_severity", "high", NULL, NULL, true},
	{"min_severity", "critical", NULL, NULL, false},
	{"count", "5", "within", "10m", true},
	{"count", "6", "within", "10m", false},
	{"group", "fin-*", NULL, NULL, true},
	{"group", "hr", NULL, NULL, false},
	{"tier", "T2", NULL, NULL, true},
	{"tier", "T3,T2", NULL, NULL, true},
	{"tier", "T0, T1", NULL, NULL, false},
	{"min_classes", "2", NULL, NULL, true},
	{"min_classes", "3", NULL, NULL, false},
	{"max_prevalence", "2", NULL, NULL, true},
	{"max_prevalence", "1", NULL, NULL, false},
	{"first_seen", "no", NULL, NULL, true},
	{"first_seen", "yes", NULL, NULL, false},
};

static void
test_conditions(void **state)
{
	size_t i;

	for (i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
		struct policy_facts f = facts();
		struct policy_decision d;

		up(state);
		if (strcmp(conditions[i].key, "kind") != 0)
			add("rule r", "kind", "*");
		add("rule r", conditions[i].key, conditions[i].value);
		if (conditions[i].key2 != NULL)
			add("rule r", conditions[i].key2,
			    conditions[i].value2);
		add("rule r", "then", "case");
		d = decide(&f);
		assert_string_equal(d.rule, conditions[i].fits ? "r" : "");
		assert_int_equal(d.what, conditions[i].fits ? POLICY_CASE :
		    POLICY_RAISE);
		down(state);
	}
}

static void
test_first_rule_decides(void **state)
{
	struct policy_facts f = facts();

	(void)state;
	add("rule note", "kind", "files.*");
	add("rule note", "object", "/var/*");
	add("rule note", "then", "isolate");
	add("rule quiet", "kind", "files.*");
	add("rule quiet", "then", "note");
	add("rule loud", "kind", "*");
	add("rule loud", "then", "propose");
	assert_string_equal(decide(&f).rule, "quiet");
	assert_int_equal(decide(&f).what, POLICY_NOTE);
}

static void
test_without_a_rule(void **state)
{
	struct policy_facts f = facts();

	(void)state;
	assert_int_equal(decide(&f).what, POLICY_RAISE);
	f.severity = SEV_MEDIUM;
	assert_int_equal(decide(&f).what, POLICY_NOTE);
	assert_string_equal(decide(&f).rule, "");
}

static const struct {
	enum tier tier;
	int classes;
	bool tripwire, never;
	enum policy_do want;
	const char *why;
} held[] = {
	{TIER_T2, 2, false, false, POLICY_ISOLATE, "2 independent"},
	{TIER_T3, 3, false, false, POLICY_ISOLATE, "3 independent"},
	{TIER_T2, 1, false, false, POLICY_PROPOSE, "one class"},
	{TIER_T2, 1, true, false, POLICY_ISOLATE, "tripwire"},
	{TIER_T1, 3, true, false, POLICY_PROPOSE, "this tier"},
	{TIER_T0, 3, true, false, POLICY_PROPOSE, "this tier"},
	{TIER_T2, 3, true, true, POLICY_CASE, "never-isolate"},
};

static void
test_held_back(void **state)
{
	size_t i;

	for (i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
		struct policy_facts f = facts();
		struct policy_decision d;

		up(state);
		host.tier = held[i].tier;
		host.never_isolate = held[i].never;
		f.classes = held[i].classes;
		add("rule r", "kind", "*");
		add("rule r", "then", "isolate");
		add("rule r", "tripwire", held[i].tripwire ? "yes" : "no");
		d = decide(&f);
		assert_int_equal(d.what, held[i].want);
		assert_non_null(strstr(d.why, held[i].why));
		down(state);
	}
}

/* A count over a longer time than the rule's says nothing about it. */
static void
test_count_over_another_window(void **state)
{
	struct policy_facts f = facts();

	(void)state;
	add("rule r", "kind", "*");
	add("rule r", "count", "5");
	add("rule r", "within", "5m");
	add("rule r", "then", "propose");
	assert_string_equal(decide(&f).rule, "");
	f.window_seconds = 300;
	assert_string_equal(decide(&f).rule, "r");
}

static void
test_score(void **state)
{
	struct policy_facts f = facts(), g;

	(void)state;
	add("rule r", "kind", "*");
	add("rule r", "then", "raise");
	f.classes = 1;
	g = f;
	g.severity = SEV_LOW;
	assert_true(decide(&g).score < decide(&f).score);
	g = f;
	g.classes = 2;
	assert_true(decide(&g).score > decide(&f).score);
	g.classes = 1000000;
	assert_true(decide(&g).score <= 100);
	g = f;
	g.prevalence = 1;
	assert_true(decide(&g).score > decide(&f).score);
	g.prevalence = 5;
	assert_true(decide(&g).score < decide(&f).score);
	g.prevalence = 500;
	assert_true(decide(&g).score < decide(&f).score - 20);
	add("rule r", "score", "3");
	assert_int_equal(decide(&f).score, 3);
}

static void
test_globs_meet(void **state)
{
	static const struct {
		const char *a, *b;
		bool meet;
	} t[] = {
		{"files.changed", "files.changed", true},
		{"files.changed", "files.deleted", false},
		{"files.*", "files.changed", true},
		{"files.*", "agent.*", false},
		{"*", "agent.tamper", true},
		{"files.chang?d", "files.changed", true},
		{"files", "files.changed", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(rule_globs_meet(t[i].a, t[i].b), t[i].meet);
		assert_int_equal(rule_globs_meet(t[i].b, t[i].a), t[i].meet);
	}
}

static void
test_long_names_are_cut(void **state)
{
	char kind[2000];
	struct policy_facts f = facts();

	(void)state;
	memset(kind, 'k', sizeof(kind));
	kind[sizeof(kind) - 1] = '\0';
	f.kind = kind;
	f.classes = 1;
	host.never_isolate = true;
	add("rule r", "kind", "*");
	add("rule r", "then", "isolate");
	/* flow puts it into a plan's reason: "by rule: " and 480 bytes */
	assert_true(strlen(decide(&f).why) < 480);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_globs_meet),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test_setup_teardown(test_first_rule_decides, up,
		    down),
		cmocka_unit_test_setup_teardown(test_without_a_rule, up,
		    down),
		cmocka_unit_test(test_held_back),
		cmocka_unit_test_setup_teardown(
		    test_count_over_another_window, up, down),
		cmocka_unit_test_setup_teardown(test_score, up, down),
		cmocka_unit_test_setup_teardown(test_long_names_are_cut, up,
		    down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
