/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plans, approvals, budget, and the orders that an applied plan becomes.
 * All of it runs inside jobs of the store, on the writer thread, one at a
 * time.  This room decides who may order what (WORKFLOW 2) and keeps the
 * four facts of each host; it is the only writer of plans, plan_hosts,
 * approvals, orders, proofs, and of the desired/applied/proven/witness
 * columns of hosts.
 */
#ifndef CORDON_SERVER_ORDERS_ORDERS_H
#define CORDON_SERVER_ORDERS_ORDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/wire/agent.pb-c.h"
#include "server/model/model.h"
#include "server/store/db.h"

#define PLAN_HOSTS_MAX 1000

/* Why a plan, approval or order was not taken; the API's "code". */
enum refusal {
	REFUSAL_NONE,
	REFUSAL_NO_HOST,      /* selector matched nothing */
	REFUSAL_ROLE,	      /* the actor may not */
	REFUSAL_REASON,	      /* reason shorter than REASON_MIN */
	REFUSAL_NEVER,	      /* host is tagged never-isolate */
	REFUSAL_STAGE,	      /* not from this stage */
	REFUSAL_BUDGET,	      /* hosts an hour, share of the fleet */
	REFUSAL_STOP,	      /* the stop switch is on */
	REFUSAL_APPROVALS,    /* waits for approvals */
	REFUSAL_OWN_PLAN,     /* the requester never counts */
	REFUSAL_YOUNG,	      /* operator account younger than min age */
	REFUSAL_DIGEST,	      /* approval or apply names another digest */
	REFUSAL_EXPIRED,
	REFUSAL_STATE,	      /* plan is not in a state for that */
	REFUSAL_EXPECT,	      /* --expect-hosts does not fit */
	REFUSAL_EVIDENCE,     /* no evidence kept and no waiver */
	REFUSAL_GATE,	      /* gate not passed or too old */
	REFUSAL_SIGNER,	      /* signer refused or is away */
	REFUSAL_NOT_FOUND,
	REFUSAL_INPUT,	      /* a field is missing or out of bounds */
	REFUSAL_AWAY,	      /* the host is not connected */
	REFUSAL_CONFLICT,     /* exists already, or another is under way */
	REFUSAL_INTERNAL,     /* the store failed: roll the job back */
};
const char *refusal_code(enum refusal r); /* "approvals-missing", ... */

/* A refusal says which rule, who could, what to do. */
struct refused {
	enum refusal code;
	char text[TEXT_MAX_LEN];
	char next[TEXT_MAX_LEN]; /* one line on what to do next */
};

/*
 * Fill R (may be NULL): the rule in words by FMT, NEXT: what to do now.
 * Returns ERR_PERM, so that a caller can write: return refused_set(...).
 * In refusal.c; used by every room above.
 */
int refused_set(struct refused *r, enum refusal code, const char *next,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Settings of this room, from collector.conf. */
struct orders_settings {
	struct orders_endpoint {
		uint8_t ip[16];
		uint8_t ip_len;
		uint16_t port;
	} collectors[16]; /* pinned in every order */
	size_t ncollectors;
	struct orders_allow {
		uint8_t ip[16];
		uint8_t ip_len;
		uint8_t prefix_len;
		uint8_t protocol; /* 6, 17 */
		uint16_t port; /* the peer's; with `in` the host's own */
		bool in;       /* the peer opens it */
	} recovery[64]; /* backup, patch, directory servers, of every host */
	size_t nrecovery;
	struct orders_named { /* of some hosts */
		struct orders_allow allow;
		enum profile profile; /* recovery or limited */
		char grp[NAME_MAX_LEN]; /* "": every group */
		int tier;		/* -1: every tier */
	} named[256];
	size_t nnamed;
	struct orders_endpoint_probe {
		uint8_t ip[16];
		uint8_t ip_len;
		uint8_t protocol;
		uint16_t port;
	} probes[32]; /* must not be reachable when isolated */
	size_t nprobes;
	int64_t confirm_seconds;
	int64_t deliver_seconds;	 /* 24 h */
	int64_t approve_isolate_seconds; /* 15 min */
	int64_t approve_restore_seconds; /* 4 h */
	int64_t review_seconds[4];	 /* by tier */
	struct orders_deadman {		 /* by tier */
		int64_t after_seconds; /* 0: stay, whatever happens */
		enum profile then;     /* recovery or open */
	} deadman[4];
	int64_t operator_min_age_seconds; /* 24 h */
	int64_t budget_hosts_hour;	 /* 0: no limit */
	int64_t budget_percent_hour;	 /* of the fleet; at least one host */
	char notice_en[TEXT_MAX_LEN];
	char notice_zh[TEXT_MAX_LEN];
	/* Signs packed OrderBody bytes into OUT (packed SignedOrder). */
	int (*sign)(void *arg, const void *body, size_t len, struct buf *out,
	    struct why *why);
	void *sign_arg;
};

struct plan {
	char plan_id[ID_MAX];
	enum plan_action action;
	enum profile profile;
	enum plan_state state;
	enum plan_origin origin;
	char case_id[ID_MAX];
	char reason[TEXT_MAX_LEN];
	char requester[NAME_MAX_LEN];
	char digest[65];
	int approvals_needed;
	int approvals_given; /* that count */
	bool owner_needed;
	int64_t review_seconds;
	bool restores; /* at review the host opens by itself */
	enum drill drill;
	int64_t drill_minutes;
	int64_t created_at, expires_at, applied_at;
	char why[TEXT_MAX_LEN];
};

struct plan_ask {
	enum plan_action action;
	const char *const *hosts; /* names or ids, resolved and frozen */
	size_t nhosts;
	const char *case_id; /* "" none */
	const char *reason;
	enum plan_origin origin;
	const struct actor *actor;
	const char *why; /* of a policy; NULL */
	enum drill drill;
	int64_t drill_minutes;
	int64_t ttl_seconds; /* not 0: the host restores itself by then */
};

/*
 * Each returns 0, or an error with REFUSED filled (code never NONE).
 * ERR_PERM is a refusal: nothing was changed but one line of the audit log,
 * so the job should return 0 and commit it.  Any other error has code
 * INTERNAL and is the store's: the job must be rolled back.
 * Actors of the collector itself are {.name = ACTOR_POLICY or ACTOR_SYSTEM},
 * created_at 0; they need no role but plan only with origin POLICY or
 * RECOMMENDED, and never vote.
 */
int plan_make(struct db *db, const struct orders_settings *s,
    const struct plan_ask *ask, struct plan *out, struct refused *refused);
int plan_get(struct db *db, const char *plan_id, struct plan *out);
int plan_hosts_each(struct db *db, const char *plan_id,
    int (*fn)(void *arg, const char *host_id, const char *order_id), void *arg);
/* VERDICT: "approve" or "deny". */
int plan_vote(struct db *db, const struct orders_settings *s,
    const char *plan_id, const char *digest, const struct actor *actor,
    const char *verdict, const char *reason, struct plan *out,
    struct refused *refused);
int plan_cancel(struct db *db, const char *plan_id, const struct actor *actor,
    struct refused *refused);
/*
 * Turn an approved plan into one signed order a host; frames are handed to
 * db_send.  EXPECT_HOSTS: -1 or the number the caller believes in.
 */
int plan_apply(struct db *db, const struct orders_settings *s,
    const char *plan_id, const char *digest, int expect_hosts,
    const struct actor *actor, struct plan *out, struct refused *refused);

/*
 * The agent's side.  HOST_ID comes from the certificate, never the frame.
 * A hello without a state changes nothing but what waits is sent: the
 * enforcer may only be slow to start, and tells by the next heartbeat.
 */
int orders_hello(struct db *db, const char *host_id,
    const Cordon__Hello *hello); /* sends the newest desired order first */
/*
 * What a heartbeat says is in force: kept as the applied fact; the desired
 * order is sent again when it is missing there (at most every 30 s).  ST
 * may be NULL: who does not say that it is closed counts as open.
 */
int orders_state(struct db *db, const char *host_id, const Cordon__State *st);
/*
 * ERR_PROTO for a result that no order of ours can have; answers to orders
 * that are not desired any more are ignored.
 */
int orders_answer(struct db *db, const char *host_id,
    const Cordon__OrderAnswer *a);
int orders_proof(struct db *db, const char *host_id, const Cordon__Proof *p);
int orders_witness(struct db *db, const char *host_id,
    const Cordon__WitnessResult *w);
/*
 * By the clock, about once a second: plans expire, orders expire, late and
 * failed proofs are audited once, failed isolations retried three times,
 * review times remind, witnesses are asked.
 */
int orders_tick(struct db *db, const struct orders_settings *s);
/* The stop switch: no new isolations; never releases. */
int orders_stop(struct db *db, const struct actor *actor, bool on,
    const char *reason, struct refused *refused);
bool orders_stopped(struct db *db);

#endif
