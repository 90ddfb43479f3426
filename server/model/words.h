/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The collector's words as enums, with their stable names (as stored and as
 * JSON) and what a person reads in English and Chinese.  Pure.
 */
#ifndef CORDON_SERVER_MODEL_WORDS_H
#define CORDON_SERVER_MODEL_WORDS_H

#include "common/base/err.h"
#include "common/base/kinds.h" /* enum severity */

enum lang { LANG_EN, LANG_ZH };

enum tier { TIER_T0, TIER_T1, TIER_T2, TIER_T3 };

/* Moved by people and gates only (WORKFLOW 1). */
enum stage {
	STAGE_NORMAL,
	STAGE_CONTAINED,
	STAGE_RECOVERING,
	STAGE_VERIFYING,
	STAGE_PROBATION,
	STAGE_RETIRED,
};

enum profile {
	PROFILE_OPEN = 1, /* numbers as in order.proto */
	PROFILE_STRICT = 2,
	PROFILE_RECOVERY = 3,
	PROFILE_LIMITED = 4,
};

enum plan_action {
	ACTION_ISOLATE, /* -> strict, contained */
	ACTION_RECOVER, /* -> recovery, recovering */
	ACTION_RESTORE, /* -> open, probation */
	ACTION_LIMIT,	/* -> limited, contained */
};

/* An order that is practice; numbers as the Mode of order.proto. */
enum drill {
	DRILL_NONE = 0,
	DRILL_DRY = 2,	/* built, checked by the kernel, never committed */
	DRILL_LIVE = 3, /* enforced, restored by itself after minutes */
	DRILL_COUNT = 4, /* counts for minutes what it would drop */
};

enum plan_state {
	PLAN_PROPOSED,	/* waits for approvals or for `apply` */
	PLAN_APPROVED,	/* enough approvals, not applied yet */
	PLAN_APPLIED,	/* became orders */
	PLAN_DENIED,
	PLAN_CANCELLED,
	PLAN_EXPIRED,	/* unanswered means no */
};

enum plan_origin { ORIGIN_MANUAL, ORIGIN_RECOMMENDED, ORIGIN_POLICY };

enum order_state {
	ORDER_PENDING,	  /* committed, not handed to a connection yet */
	ORDER_SENT,	  /* handed to the agent's connection */
	ORDER_APPLIED,	  /* agent: kernel acknowledged, read back */
	ORDER_PROVEN,	  /* proof came and was good */
	ORDER_REFUSED,	  /* agent: verdict or ceiling */
	ORDER_FAILED,	  /* agent: could not; state before is in force */
	ORDER_REVERTED,	  /* agent: not confirmed in time */
	ORDER_SUPERSEDED, /* a newer order for the host was made */
	ORDER_CANCELLED,
	ORDER_EXPIRED,	  /* deliver-before passed, never delivered */
	ORDER_DRILLED,	  /* a drill that is over */
};

enum case_state {
	CASE_SUSPECTED,
	CASE_ASSESSING,
	CASE_CONFIRMED,
	CASE_CONTAINING, /* this and the next three derived from the hosts */
	CASE_CONTAINED,
	CASE_RECOVERING,
	CASE_WATCHING,
	CASE_REVIEWING,
	CASE_CLOSED,
	CASE_DISMISSED,
};

enum outcome { /* of a check; numbers as in agent.proto; WAIVED ours */
	OUTCOME_NONE,
	OUTCOME_PASS,
	OUTCOME_FAIL,
	OUTCOME_UNKNOWN,
	OUTCOME_WAIVED,
};

enum sweep_kind { /* what is asked; numbers as in agent.proto */
	SWEEP_SHA256 = 1,
	SWEEP_PATH,
	SWEEP_USER,
	SWEEP_ADDRESS,
	SWEEP_PROCESS,
};

enum sweep_state { /* of one host in a sweep */
	SWEEP_ASKED,	 /* the question is on its way */
	SWEEP_AWAY,	 /* not connected; asked when it comes in time */
	SWEEP_TOO_OLD,	 /* its agent does not know the question */
	SWEEP_FOUND,
	SWEEP_ABSENT,	 /* looked, and there is none */
	SWEEP_UNCOVERED, /* nothing it holds covers what was asked */
	SWEEP_FAILED,	 /* it says that it cannot answer */
	SWEEP_LATE,	 /* asked, time is over; never stored */
};

enum role {
	ROLE_VIEWER,
	ROLE_ANALYST,
	ROLE_RESPONDER,
	ROLE_APPROVER,
	ROLE_COMMANDER,
	ROLE_RECOVERY,
	ROLE_VERIFIER,
	ROLE_OWNER,
	ROLE_BASELINE,
	ROLE_AUDITOR,
	ROLE_ADMIN,
	ROLE_N
};

/* Which list of words. */
enum words {
	WORDS_TIER,
	WORDS_STAGE,
	WORDS_PROFILE,
	WORDS_ACTION,
	WORDS_PLAN_STATE,
	WORDS_ORIGIN,
	WORDS_ORDER_STATE,
	WORDS_CASE_STATE,
	WORDS_SEVERITY,
	WORDS_OUTCOME,
	WORDS_ROLE,
	WORDS_DRILL,
	WORDS_SWEEP_KIND,
	WORDS_SWEEP_STATE,
	WORDS_N
};

/* Stable name ("contained", "T2"); "?" for a value that is not in it. */
const char *word_name(enum words w, int value);
/* What a person reads. */
const char *word_text(enum words w, int value, enum lang lang);
/* The value of a name; ERR_NOENT. */
int word_find(enum words w, const char *name, int *value);

#endif
