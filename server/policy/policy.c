/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading rules: one table of keys; an unknown key, a bad value or a rule
 * that is not whole is an error in words, to which the caller adds file and
 * line.  Pure; in the collector, at start and reload.
 */
#include "server/policy/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "server/policy/rule.h"

#define SECTION "rule "
#define COUNT_MAX 100000
#define CLASSES_MAX 16
#define WITHIN_MAX 86400 /* seconds; signals are counted that far back */

static const char *const do_names[] = {
	[POLICY_NOTE] = "note",
	[POLICY_RAISE] = "raise",
	[POLICY_CASE] = "case",
	[POLICY_PROPOSE] = "propose",
	[POLICY_ISOLATE] = "isolate",
};

const char *
policy_do_name(enum policy_do what)
{
	if ((unsigned int)what > POLICY_ISOLATE)
		return "?";
	return do_names[what];
}

struct policy *
policy_new(void)
{
	return calloc(1, sizeof(struct policy));
}

void
policy_free(struct policy **p)
{
	free(*p);
	*p = NULL;
}

/* -- values ---------------------------------------------------------------- */

static int
set_glob(char out[RULE_GLOB_MAX], const char *v, struct why *why)
{
	size_t stars = 0;
	const char *c;

	for (c = v; *c != '\0'; c++)
		stars += *c == '*';
	if (v[0] == '\0' || strlen(v) >= RULE_GLOB_MAX)
		return why_set(why, ERR_CONFIG,
		    "a pattern has 1 to %d bytes", RULE_GLOB_MAX - 1);
	if (stars > RULE_STARS_MAX)
		return why_set(why, ERR_CONFIG,
		    "a pattern has at most %d stars", RULE_STARS_MAX);
	strcpy(out, v);
	return 0;
}

static int
set_int(int64_t *out, const char *v, int64_t min, int64_t max,
    struct why *why)
{
	if (text_number(v, min, max, out) != 0)
		return why_set(why, ERR_CONFIG,
		    "write a number from %lld to %lld", (long long)min,
		    (long long)max);
	return 0;
}

static int
set_bool(bool *out, const char *v, struct why *why)
{
	if (strcmp(v, "yes") != 0 && strcmp(v, "no") != 0)
		return why_set(why, ERR_CONFIG, "write yes or no");
	*out = v[0] == 'y';
	return 0;
}

static int
set_severity(enum severity *out, const char *v, struct why *why)
{
	int value;

	if (word_find(WORDS_SEVERITY, v, &value) != 0)
		return why_set(why, ERR_CONFIG,
		    "write info, low, medium, high or critical");
	*out = (enum severity)value;
	return 0;
}

static int
set_within(int64_t *out, const char *v, struct why *why)
{
	int64_t sec;

	if (clock_parse_span(v, &sec) != 0 || sec > WITHIN_MAX)
		return why_set(why, ERR_CONFIG,
		    "write a time as 90s, 10m or 1h, at most 1d");
	*out = sec;
	return 0;
}

static int
set_then(enum policy_do *out, const char *v, struct why *why)
{
	int i;

	for (i = POLICY_NOTE; i <= POLICY_ISOLATE; i++)
		if (strcmp(do_names[i], v) == 0) {
			*out = (enum policy_do)i;
			return 0;
		}
	return why_set(why, ERR_CONFIG,
	    "write note, raise, case, propose or isolate");
}

/* "T2, T3" */
static int
set_tiers(uint32_t *out, const char *v, struct why *why)
{
	char copy[64], *word, *save = NULL;
	uint32_t tiers = 0;
	int tier;

	if (strlen(v) >= sizeof(copy))
		return why_set(why, ERR_CONFIG, "write tiers as T2, T3");
	strcpy(copy, v);
	for (word = strtok_r(copy, ", \t", &save); word != NULL;
	    word = strtok_r(NULL, ", \t", &save)) {
		if (word_find(WORDS_TIER, word, &tier) != 0)
			return why_set(why, ERR_CONFIG,
			    "write tiers as T2, T3");
		tiers |= 1u << (unsigned int)tier;
	}
	if (tiers == 0)
		return why_set(why, ERR_CONFIG, "write tiers as T2, T3");
	*out = tiers;
	return 0;
}

static const struct {
	const char *name;
	enum rule_key key;
} keys[] = {
	{"kind", RULE_KIND},
	{"object", RULE_OBJECT},
	{"program", RULE_PROGRAM},
	{"min_severity", RULE_MIN_SEVERITY},
	{"count", RULE_COUNT},
	{"within", RULE_WITHIN},
	{"group", RULE_GROUP},
	{"tier", RULE_TIER},
	{"min_classes", RULE_MIN_CLASSES},
	{"max_prevalence", RULE_MAX_PREVALENCE},
	{"first_seen", RULE_FIRST_SEEN},
	{"then", RULE_THEN},
	{"tripwire", RULE_TRIPWIRE},
	{"score", RULE_SCORE},
};
_Static_assert(sizeof(keys) / sizeof(keys[0]) == RULE_KEYS, "every key");

static int
set_value(struct rule *r, enum rule_key key, const char *v, struct why *why)
{
	switch (key) {
	case RULE_KIND:
		return set_glob(r->kind, v, why);
	case RULE_OBJECT:
		return set_glob(r->object, v, why);
	case RULE_PROGRAM:
		return set_glob(r->program, v, why);
	case RULE_MIN_SEVERITY:
		return set_severity(&r->min_severity, v, why);
	case RULE_COUNT:
		return set_int(&r->count, v, 2, COUNT_MAX, why);
	case RULE_WITHIN:
		return set_within(&r->within, v, why);
	case RULE_GROUP:
		return set_glob(r->group, v, why);
	case RULE_TIER:
		return set_tiers(&r->tiers, v, why);
	case RULE_MIN_CLASSES:
		return set_int(&r->min_classes, v, 1, CLASSES_MAX, why);
	case RULE_MAX_PREVALENCE:
		return set_int(&r->max_prevalence, v, 1, COUNT_MAX, why);
	case RULE_FIRST_SEEN:
		return set_bool(&r->first_seen, v, why);
	case RULE_THEN:
		return set_then(&r->then, v, why);
	case RULE_TRIPWIRE:
		return set_bool(&r->tripwire, v, why);
	case RULE_SCORE:
		return set_int(&r->score, v, 0, 100, why);
	case RULE_KEYS:
		break;
	}
	return ERR_NOENT;
}

/* -- rules ----------------------------------------------------------------- */

/* The rule called NAME, made if there is none. */
static int
rule_named(struct policy *p, const char *name, int line, struct rule **out,
    struct why *why)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (strcmp(p->rule[i].name, name) == 0) {
			*out = &p->rule[i];
			return 0;
		}
	if (!name_valid(name))
		return why_set(why, ERR_CONFIG, "a rule's name has letters, "
		    "digits, '.', '-' and '_', 1 to 63 of them");
	if (p->n == POLICY_RULES_MAX)
		return why_set(why, ERR_CONFIG, "there are more than %d rules",
		    POLICY_RULES_MAX);
	*out = &p->rule[p->n++];
	snprintf((*out)->name, sizeof((*out)->name), "%s", name);
	(*out)->line = line;
	return 0;
}

int
policy_key(struct policy *p, const char *section, const char *key,
    const char *value, int line, struct why *why)
{
	struct rule *r;
	size_t i;
	int rc;

	if (strncmp(section, SECTION, strlen(SECTION)) != 0)
		return ERR_NOENT;
	for (i = 0; i < RULE_KEYS && strcmp(keys[i].name, key) != 0; i++)
		continue;
	if (i == RULE_KEYS)
		return ERR_NOENT;
	rc = rule_named(p, section + strlen(SECTION), line, &r, why);
	if (rc != 0)
		return rc;
	if (RULE_HAS(r, keys[i].key))
		return why_set(why, ERR_CONFIG,
		    "rule %s has it already (the rule begins in line %d)",
		    r->name, r->line);
	rc = set_value(r, keys[i].key, value, why);
	if (rc == 0)
		r->set |= 1u << keys[i].key;
	return rc;
}

static int
check_rule(const struct rule *r, struct why *why)
{
	if (!RULE_HAS(r, RULE_KIND))
		return why_set(why, ERR_CONFIG,
		    "rule %s (line %d) has no kind; write kind = files.*",
		    r->name, r->line);
	if (!RULE_HAS(r, RULE_THEN))
		return why_set(why, ERR_CONFIG,
		    "rule %s (line %d) does nothing; write then = raise",
		    r->name, r->line);
	if (RULE_HAS(r, RULE_COUNT) != RULE_HAS(r, RULE_WITHIN))
		return why_set(why, ERR_CONFIG,
		    "rule %s (line %d): count and within go together",
		    r->name, r->line);
	if (RULE_HAS(r, RULE_TRIPWIRE) && r->then < POLICY_PROPOSE)
		return why_set(why, ERR_CONFIG,
		    "rule %s (line %d): a tripwire isolates or proposes",
		    r->name, r->line);
	return 0;
}

/*
 * A signal is counted over one window, the longest of its kind: a rule with
 * a shorter one could never tell.
 */
static int
check_windows(const struct rule *a, const struct rule *b, struct why *why)
{
	if (!RULE_HAS(a, RULE_COUNT) || !RULE_HAS(b, RULE_COUNT) ||
	    a->within == b->within || !rule_globs_meet(a->kind, b->kind))
		return 0;
	return why_set(why, ERR_CONFIG,
	    "rules %s (line %d) and %s (line %d) count the same kinds over "
	    "different times; give both the same within", a->name, a->line,
	    b->name, b->line);
}

int
policy_check(const struct policy *p, struct why *why)
{
	size_t i, k;
	int rc = 0;

	for (i = 0; rc == 0 && i < p->n; i++) {
		rc = check_rule(&p->rule[i], why);
		for (k = 0; rc == 0 && k < i; k++)
			rc = check_windows(&p->rule[k], &p->rule[i], why);
	}
	return rc;
}
