/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Deciding about one signal.  Pure: same rules and facts, same answer, so
 * that `why` can explain every decision from the record.
 */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "server/policy/policy.h"
#include "server/policy/rule.h"

#define CLASSES_SURE 2	/* independent classes that a rule may act on */
#define COMMON_HOSTS 5	/* the same change there: probably an update */
#define USUAL_HOSTS 20
/* Goes into the reason of plans, which has its own bound. */
#define WHY_SHORT 384

bool
rule_glob(const char *pattern, const char *text)
{
	return fnmatch(pattern, text, 0) == 0;
}

bool
rule_globs_meet(const char *a, const char *b)
{
	size_t i;

	/* Apart iff they differ before the first special character. */
	for (i = 0;; i++) {
		if (a[i] != '\0' && strchr("*?[\\", a[i]) != NULL)
			return true;
		if (b[i] != '\0' && strchr("*?[\\", b[i]) != NULL)
			return true;
		if (a[i] != b[i])
			return false;
		if (a[i] == '\0')
			return true;
	}
}

bool
rule_fits(const struct rule *r, const struct policy_facts *f)
{
	if (!rule_glob(r->kind, f->kind) || f->severity < r->min_severity)
		return false;
	if (RULE_HAS(r, RULE_OBJECT) && !rule_glob(r->object, f->object))
		return false;
	if (RULE_HAS(r, RULE_PROGRAM) && !rule_glob(r->program, f->program))
		return false;
	if (RULE_HAS(r, RULE_GROUP) && !rule_glob(r->group, f->host->grp))
		return false;
	if (RULE_HAS(r, RULE_TIER) &&
	    (r->tiers & (1u << (unsigned int)f->host->tier)) == 0)
		return false;
	if (RULE_HAS(r, RULE_COUNT) && (f->count < r->count ||
	    f->window_seconds > r->within))
		return false;
	if (RULE_HAS(r, RULE_MIN_CLASSES) && f->classes < r->min_classes)
		return false;
	if (RULE_HAS(r, RULE_MAX_PREVALENCE) &&
	    f->prevalence > r->max_prevalence)
		return false;
	return !r->first_seen || f->prevalence <= 1;
}

int64_t
policy_window(const struct policy *p, const char *kind)
{
	int64_t longest = 0;
	size_t i;

	for (i = 0; i < p->n; i++)
		if (RULE_HAS(&p->rule[i], RULE_COUNT) &&
		    p->rule[i].within > longest &&
		    rule_glob(p->rule[i].kind, kind))
			longest = p->rule[i].within;
	return longest;
}

static int
score_of(const struct rule *r, const struct policy_facts *f)
{
	static const int base[] = {0, 5, 20, 40, 60, 80};
	int score = base[f->severity >= SEV_INFO &&
	    f->severity <= SEV_CRITICAL ? f->severity : 0];

	if (r != NULL && RULE_HAS(r, RULE_SCORE))
		score = (int)r->score;
	if (f->classes > 1)
		score += f->classes > 3 ? 20 : (f->classes - 1) * 10;
	if (f->prevalence <= 1)
		score += 5;
	else if (f->prevalence >= USUAL_HOSTS)
		score -= 40;
	else if (f->prevalence >= COMMON_HOSTS)
		score -= 20;
	return score < 0 ? 0 : score > 100 ? 100 : score;
}

static void
lower(struct policy_decision *d, enum policy_do to, const char *because)
{
	size_t n = strlen(d->why);

	if (d->what <= to)
		return;
	d->what = to;
	snprintf(d->why + n, sizeof(d->why) - n, "; lowered to %s: %s",
	    policy_do_name(to), because);
}

/* What no rule may do, whoever wrote it. */
static void
hold_back(const struct rule *r, const struct policy_facts *f,
    struct policy_decision *d)
{
	if (f->host->never_isolate)
		lower(d, POLICY_CASE, "the host is tagged never-isolate");
	if (f->host->tier == TIER_T0 || f->host->tier == TIER_T1)
		lower(d, POLICY_PROPOSE,
		    "rules do not isolate hosts of this tier");
	if (f->classes < CLASSES_SURE && !r->tripwire)
		lower(d, POLICY_PROPOSE,
		    "one class of signals is not enough and it is no "
		    "tripwire");
}

static void
by_rule(const struct rule *r, const struct policy_facts *f,
    struct policy_decision *d)
{
	d->what = r->then;
	d->score = score_of(r, f);
	snprintf(d->rule, sizeof(d->rule), "%s", r->name);
	snprintf(d->why, WHY_SHORT, "rule %s: %.64s (%s) fits %.64s; %d of "
	    "its kind, %d independent class%s, seen on %d host%s%s",
	    r->name, f->kind, word_name(WORDS_SEVERITY, (int)f->severity),
	    r->kind, f->count, f->classes, f->classes == 1 ? "" : "es",
	    f->prevalence, f->prevalence == 1 ? "" : "s",
	    r->tripwire ? "; a tripwire" : "");
	hold_back(r, f, d);
}

void
policy_decide(const struct policy *p, const struct policy_facts *f,
    struct policy_decision *d)
{
	size_t i;

	memset(d, 0, sizeof(*d));
	for (i = 0; i < p->n; i++)
		if (rule_fits(&p->rule[i], f)) {
			by_rule(&p->rule[i], f, d);
			return;
		}
	/* Nothing severe is hidden because nobody wrote a rule for it. */
	d->what = f->severity >= SEV_HIGH ? POLICY_RAISE : POLICY_NOTE;
	d->score = score_of(NULL, f);
	snprintf(d->why, sizeof(d->why), "no rule fits %.64s (%s)", f->kind,
	    word_name(WORDS_SEVERITY, (int)f->severity));
}
