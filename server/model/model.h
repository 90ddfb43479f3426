/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plain records that several rooms of the collector pass around; they own
 * nothing.  Times are wall milliseconds, 0: not yet.
 */
#ifndef CORDON_SERVER_MODEL_MODEL_H
#define CORDON_SERVER_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/id.h"
#include "server/model/words.h"

#define NAME_MAX_LEN 64	 /* names, with terminator */
#define TEXT_MAX_LEN 512 /* reasons, titles, with terminator */
#define REASON_MIN 10	 /* characters of a typed reason */
#define ACTOR_POLICY "policy" /* who, when a rule did it */
#define ACTOR_SYSTEM "system" /* who, when the clock did it */

#define ACTOR_AGENT "agent"   /* who, when a host said it */

/* No person may be called so: the record could not tell them apart. */
bool actor_reserved(const char *name);

/* A host as stored: the stage and the facts, never merged. */
struct host {
	char host_id[ID_MAX];
	char name[NAME_MAX_LEN];
	char grp[NAME_MAX_LEN];
	enum tier tier;
	char service[NAME_MAX_LEN];
	char owner[NAME_MAX_LEN];
	enum stage stage;
	int64_t stage_since;
	bool never_isolate; /* tag at the collector: plans are refused */
	bool drill_ok;
	bool revoked;
	int64_t enrolled_at;
	int64_t last_seen;
	bool online;
	/* desired: what was ordered last */
	enum profile desired;
	char desired_order[ID_MAX];
	uint64_t desired_epoch; /* the highest ordered, drills too */
	int64_t desired_at;
	/* applied: what the agent said its kernel holds */
	enum profile applied;
	char applied_order[ID_MAX];
	int64_t applied_at;
	/* proven: last proof, for which order, good or not */
	char proven_order[ID_MAX];
	int64_t proven_at;
	bool proven_ok;
	char proven_why[TEXT_MAX_LEN];
	/* witnessed: another host's try, for which order */
	char witness_order[ID_MAX];
	int64_t witness_at;
	bool witness_ok; /* true: could not reach it */
	char witness_by[NAME_MAX_LEN];
	char case_id[ID_MAX]; /* case it is in scope of; "" none */
	char manifest_id[ID_MAX];
	uint64_t signals_committed;
	char agent_version[NAME_MAX_LEN];
	char cert_serial[42];
	int64_t cert_not_after;
	char addresses[TEXT_MAX_LEN]; /* "10.1.2.3/24 2001:db8::5/64" */
	char drill_order[ID_MAX];     /* a drill under way; "" none */
	char answers[NAME_MAX_LEN];   /* what it may be asked: "sweep ..." */
};

/* Who asks, as the API found out by certificate. */
struct actor {
	char name[NAME_MAX_LEN];
	uint32_t roles;		 /* bit (1 << enum role) for `group` */
	char grp[NAME_MAX_LEN]; /* "*" all groups */
	int64_t created_at;
};

/*
 * What a screen says of isolation, derived from desired against applied and
 * proven; the weakest fact wins.
 */
enum isolation {
	ISO_OPEN,	/* open ordered (or never ordered) and reported */
	ISO_OPENING,	/* open ordered, not reported yet */
	ISO_SENDING,	/* isolation ordered, not applied yet */
	ISO_UNPROVEN,	/* applied, no good proof yet */
	ISO_PROVEN,	/* good proof, young enough */
	ISO_OLD_PROOF,	/* good proof, but old: host lost */
	ISO_LATE,	/* 60 s without proof */
	ISO_FAILED,	/* refused, failed, reverted, bad proof or 5 min */
};

#define PROOF_LATE_MS 60000
#define PROOF_FAILED_MS 300000
#define PROOF_OLD_MS 180000

/* The host answered no, or the order died on the way. */
bool order_state_is_no(enum order_state state);
/* Pure; NOW in wall ms.  ORDER_STATE: of the desired order. */
enum isolation isolation_of(const struct host *h, enum order_state state,
    int64_t now);
/* "isolated ✓ proof 12 s", "ISOLATION FAILED: ..." into OUT. */
char *isolation_text(char *out, size_t size, const struct host *h,
    enum order_state state, int64_t now, enum lang lang);
const char *isolation_name(enum isolation i); /* "proven" */

#endif
