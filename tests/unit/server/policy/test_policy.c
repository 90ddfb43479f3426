/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules as text: every bad value, and the rules as they are shipped. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "server/policy/policy.h"

struct line {
	const char *section, *key, *value;
};

static int
load(const struct line *lines, struct policy **out, struct why *why)
{
	struct policy *p = policy_new();
	int rc = 0, i;

	assert_non_null(p);
	for (i = 0; rc == 0 && lines[i].section != NULL; i++)
		rc = policy_key(p, lines[i].section, lines[i].key,
		    lines[i].value, i + 1, why);
	if (rc == 0)
		rc = policy_check(p, why);
	if (out != NULL && rc == 0)
		*out = p;
	else
		policy_free(&p);
	return rc;
}

static void
test_bad_values(void **state)
{
	static const struct {
		const char *key, *value, *why;
	} t[] = {
		{"kind", "", "pattern"},
		{"kind", "*a*b*c*d*e", "stars"},
		{"min_severity", "severe", "critical"},
		{"min_severity", "4", "critical"},
		{"count", "1", "2 to"},
		{"count", "-5", "number"},
		{"count", "5x", "number"},
		{"count", "", "number"},
		{"count", "99999999999999999999", "number"},
		{"within", "10", "10m"},
		{"within", "2d", "at most 1d"},
		{"group", "", "pattern"},
		{"tier", "T4", "T2, T3"},
		{"tier", "", "T2, T3"},
		{"tier", "T1 T2 T3 T1 T2 T3 T1 T2 T3 T1 T2 T3 T1 T2 T3 T1 T2 "
		    "T3 T1 T2 T3 T1 T2 T3", "T2, T3"},
		{"min_classes", "0", "number"},
		{"max_prevalence", "0", "number"},
		{"first_seen", "true", "yes or no"},
		{"then", "kill", "isolate"},
		{"tripwire", "1", "yes or no"},
		{"score", "101", "0 to 100"},
	};
	char longest[200];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		const struct line l[] = {{"rule r", t[i].key, t[i].value},
			{NULL, NULL, NULL}};
		struct why why = {""};

		assert_int_equal(load(l, NULL, &why), ERR_CONFIG);
		if (strstr(why.text, t[i].why) == NULL)
			fail_msg("%s = %s: %s", t[i].key, t[i].value,
			    why.text);
	}
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	for (i = 0; i < 2; i++) {
		const struct line l[] = {{"rule r", i == 0 ? "kind" :
			"object", longest}, {NULL, NULL, NULL}};
		struct why why = {""};

		assert_int_equal(load(l, NULL, &why), ERR_CONFIG);
	}
}

/* What is not a rule's is left to the caller to complain about. */
static void
test_unknown(void **state)
{
	static const struct line t[][2] = {
		{{"rule r", "colour", "red"}, {NULL, NULL, NULL}},
		{{"rules", "kind", "*"}, {NULL, NULL, NULL}},
		{{"", "kind", "*"}, {NULL, NULL, NULL}},
	};
	struct why why = {""};
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++)
		assert_int_equal(load(t[i], NULL, &why), ERR_NOENT);
}

static void
test_rules_that_are_not_whole(void **state)
{
	static const struct line t[][8] = {
		{{"rule ", "kind", "*"}},
		{{"rule a b", "kind", "*"}},
		{{"rule r", "kind", "*"}},
		{{"rule r", "then", "raise"}},
		{{"rule r", "kind", "*"}, {"rule r", "kind", "x"}},
		{{"rule r", "kind", "*"}, {"rule r", "then", "raise"},
		    {"rule r", "count", "3"}},
		{{"rule r", "kind", "*"}, {"rule r", "then", "raise"},
		    {"rule r", "within", "1h"}},
		{{"rule r", "kind", "*"}, {"rule r", "then", "case"},
		    {"rule r", "tripwire", "yes"}},
		/* the same kinds counted over two times */
		{{"rule r", "kind", "files.*"}, {"rule r", "then", "raise"},
		    {"rule r", "count", "3"}, {"rule r", "within", "1h"},
		    {"rule s", "kind", "files.changed"},
		    {"rule s", "then", "case"}, {"rule s", "count", "3"},
		    {"rule s", "within", "5m"}},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct line l[9];
		struct why why = {""};

		memset(l, 0, sizeof(l));
		memcpy(l, t[i], sizeof(t[i]));
		assert_int_equal(load(l, NULL, &why), ERR_CONFIG);
		assert_string_not_equal(why.text, "");
	}
}

static void
test_windows(void **state)
{
	static const struct line l[] = {
		{"rule r", "kind", "files.*"}, {"rule r", "then", "raise"},
		{"rule r", "count", "3"}, {"rule r", "within", "1h"},
		{"rule s", "kind", "agent.*"}, {"rule s", "then", "case"},
		{"rule s", "count", "3"}, {"rule s", "within", "5m"},
		{"rule t", "kind", "*"}, {"rule t", "then", "note"},
		{NULL, NULL, NULL},
	};
	struct policy *p = NULL;
	struct why why = {""};

	(void)state;
	assert_int_equal(load(l, &p, &why), 0);
	assert_int_equal(policy_window(p, "files.changed"), 3600);
	assert_int_equal(policy_window(p, "agent.tamper"), 300);
	assert_int_equal(policy_window(p, "other"), 0);
	policy_free(&p);
	assert_null(p);
}

static void
test_too_many(void **state)
{
	struct policy *p = policy_new();
	struct why why = {""};
	char section[32];
	int i;

	(void)state;
	for (i = 0; i < POLICY_RULES_MAX; i++) {
		snprintf(section, sizeof(section), "rule r%d", i);
		assert_int_equal(policy_key(p, section, "kind", "*", i, &why),
		    0);
	}
	assert_int_equal(policy_key(p, "rule one-more", "kind", "*", i, &why),
	    ERR_CONFIG);
	policy_free(&p);
}

/* -- the shipped rules ----------------------------------------------------- */

static struct why shipped_why;
static int shipped_line;

static int
shipped_key(void *user, const char *section, const char *key,
    const char *value)
{
	return policy_key(user, section, key, value, ++shipped_line,
	    &shipped_why) == 0;
}

static const struct {
	const char *kind;
	enum severity severity;
	enum tier tier;
	int count, classes, prevalence;
	enum policy_do want;
	const char *rule;
} shipped[] = {
	{"files.changed", SEV_HIGH, TIER_T2, 1, 1, 1, POLICY_RAISE,
	    "changed"},
	{"files.changed", SEV_HIGH, TIER_T2, 1, 2, 1, POLICY_PROPOSE,
	    "changed-and-more"},
	{"files.changed", SEV_HIGH, TIER_T2, 1, 2, 40, POLICY_RAISE,
	    "changed"},
	{"files.changed", SEV_LOW, TIER_T2, 199, 1, 1, POLICY_NOTE, "rest"},
	{"files.changed", SEV_LOW, TIER_T2, 200, 1, 1, POLICY_NOTE, "rest"},
	{"files.changed", SEV_HIGH, TIER_T2, 200, 1, 1, POLICY_PROPOSE,
	    "mass-change"},
	{"files.package-modified", SEV_CRITICAL, TIER_T2, 1, 1, 1,
	    POLICY_CASE, "package-modified"},
	{"files.package-modified", SEV_CRITICAL, TIER_T2, 1, 2, 1,
	    POLICY_PROPOSE, "package-modified-and-more"},
	{"files.package-modified", SEV_CRITICAL, TIER_T2, 1, 2, 40,
	    POLICY_RAISE, "changed"},
	{"files.setuid", SEV_MEDIUM, TIER_T3, 1, 2, 1, POLICY_NOTE, "rest"},
	{"package.transaction", SEV_LOW, TIER_T2, 1, 1, 1, POLICY_NOTE,
	    "rest"},
	{"files.setuid", SEV_CRITICAL, TIER_T2, 1, 1, 1, POLICY_CASE,
	    "setuid"},
	{"files.setuid", SEV_CRITICAL, TIER_T3, 1, 2, 1, POLICY_ISOLATE,
	    "setuid-and-more"},
	{"files.setuid", SEV_CRITICAL, TIER_T1, 1, 2, 1, POLICY_CASE,
	    "setuid"},
	{"files.setuid", SEV_CRITICAL, TIER_T3, 1, 2, 9, POLICY_CASE,
	    "setuid"},
	{"data.canary", SEV_CRITICAL, TIER_T2, 1, 1, 1, POLICY_ISOLATE,
	    "canary"},
	{"data.canary", SEV_CRITICAL, TIER_T0, 1, 1, 1, POLICY_PROPOSE,
	    "canary"},
	{"agent.tamper", SEV_CRITICAL, TIER_T2, 1, 1, 1, POLICY_PROPOSE,
	    "cage-touched"},
	{"agent.self-changed", SEV_CRITICAL, TIER_T2, 1, 1, 1,
	    POLICY_PROPOSE, "agent-changed"},
	{"agent.process-died", SEV_HIGH, TIER_T2, 1, 1, 1, POLICY_CASE,
	    "agent-died"},
	{"agent.process-died", SEV_HIGH, TIER_T2, 3, 1, 1, POLICY_PROPOSE,
	    "agent-killed"},
	{"agent.started", SEV_INFO, TIER_T2, 9, 3, 1, POLICY_NOTE, "rest"},
	{"account.shell-granted", SEV_HIGH, TIER_T2, 1, 1, 1, POLICY_RAISE,
	    "high"},
	{"account.shell-granted", SEV_HIGH, TIER_T2, 1, 2, 1,
	    POLICY_PROPOSE, "two-classes"},
};

static void
test_shipped_rules(void **state)
{
	struct policy *p = policy_new();
	struct host h;
	size_t i;

	(void)state;
	assert_int_equal(ini_parse("packaging/common/policy.conf",
	    shipped_key, p), 0);
	assert_int_equal(policy_check(p, &shipped_why), 0);
	memset(&h, 0, sizeof(h));
	for (i = 0; i < sizeof(shipped) / sizeof(shipped[0]); i++) {
		struct policy_facts f = {
			.kind = shipped[i].kind,
			.severity = shipped[i].severity,
			.object = "/etc/x",
			.program = "",
			.host = &h,
			.count = shipped[i].count,
			.classes = shipped[i].classes,
			.prevalence = shipped[i].prevalence,
			.window_seconds = policy_window(p, shipped[i].kind),
		};
		struct policy_decision d;

		h.tier = shipped[i].tier;
		policy_decide(p, &f, &d);
		assert_string_equal(d.rule, shipped[i].rule);
		assert_int_equal(d.what, shipped[i].want);
	}
	policy_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_rules_that_are_not_whole),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_shipped_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
