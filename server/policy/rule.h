/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A parsed rule of policy.conf.  Private to server/policy. */
#ifndef CORDON_SERVER_POLICY_RULE_H
#define CORDON_SERVER_POLICY_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/policy/policy.h"

#define RULE_NAME_MAX 64
#define RULE_GLOB_MAX 128
#define RULE_STARS_MAX 4 /* in a pattern: matching stays cheap */

enum rule_key {
	RULE_KIND,
	RULE_OBJECT,
	RULE_PROGRAM,
	RULE_MIN_SEVERITY,
	RULE_COUNT,
	RULE_WITHIN,
	RULE_GROUP,
	RULE_TIER,
	RULE_MIN_CLASSES,
	RULE_MAX_PREVALENCE,
	RULE_FIRST_SEEN,
	RULE_THEN,
	RULE_TRIPWIRE,
	RULE_SCORE,
	RULE_KEYS
};

struct rule {
	char name[RULE_NAME_MAX];
	int line;     /* of the first key */
	uint32_t set; /* bit (1 << enum rule_key) */
	char kind[RULE_GLOB_MAX];
	char object[RULE_GLOB_MAX];
	char program[RULE_GLOB_MAX];
	char group[RULE_GLOB_MAX];
	enum severity min_severity;
	int64_t count, within; /* within: seconds */
	uint32_t tiers;	       /* bit (1 << enum tier) */
	int64_t min_classes;
	int64_t max_prevalence;
	bool first_seen;
	enum policy_do then;
	bool tripwire;
	int64_t score;
};

struct policy {
	struct rule rule[POLICY_RULES_MAX];
	size_t n;
};

#define RULE_HAS(r, k) (((r)->set & (1u << (k))) != 0)

/* Does the shell pattern fit?  Pure. */
bool rule_glob(const char *pattern, const char *text);
/* Could one kind fit both patterns?  Yes when in doubt. */
bool rule_globs_meet(const char *a, const char *b);
/* Do the conditions of the rule fit? */
bool rule_fits(const struct rule *r, const struct policy_facts *f);

#endif
