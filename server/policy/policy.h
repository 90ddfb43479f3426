/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What to do about a signal: readable rules, pure.  No clock, no I/O, no
 * database: the caller brings what is known and carries out the answer.
 * Rules are INI sections of policy.conf; see policy.conf(5).
 */
#ifndef CORDON_SERVER_POLICY_POLICY_H
#define CORDON_SERVER_POLICY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "server/model/model.h"

#define POLICY_RULES_MAX 128

enum policy_do { /* rising */
	POLICY_NOTE,	/* stored, nothing more */
	POLICY_RAISE,	/* shown as alert */
	POLICY_CASE,	/* raise and open a case */
	POLICY_PROPOSE, /* case and an isolation plan for a person */
	POLICY_ISOLATE, /* case and an isolation plan applied at once */
};

struct policy; /* parsed rules */

/* Parse one key of a "[rule NAME]" section (conf_other_fn's form). */
struct policy *policy_new(void);
void policy_free(struct policy **p);
int policy_key(struct policy *p, const char *section, const char *key,
    const char *value, int line, struct why *why);
/* After the last key: are all rules whole? */
int policy_check(const struct policy *p, struct why *why);

/* One signal with what the store knows about it and its host. */
struct policy_facts {
	const char *kind;
	enum severity severity;
	const char *object;
	const char *program; /* "" unknown */
	const struct host *host;
	int count;     /* of this kind on this host within the window */
	int classes;   /* independent signal classes on this host, 1 h */
	int prevalence; /* hosts with the same kind and object, 24 h */
	int64_t window_seconds; /* that `count` was taken over */
};

struct policy_decision {
	enum policy_do what;
	int score;     /* 0..100 */
	char rule[64]; /* name; "" default */
	char why[TEXT_MAX_LEN];
};

/* Longest window any rule of this kind counts over, in seconds. */
int64_t policy_window(const struct policy *p, const char *kind);
/*
 * First rule that fits decides.  ISOLATE is lowered to PROPOSE where the
 * tier does not allow it (T0, T1) or the evidence is only one class and no
 * tripwire; `why` says so.
 */
void policy_decide(const struct policy *p, const struct policy_facts *f,
    struct policy_decision *d);
const char *policy_do_name(enum policy_do what);

#endif
