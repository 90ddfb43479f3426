/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sweeps: one question to many hosts, answered from what their agents hold.
 * A host that is away is asked when it comes back in time.  A host's answer
 * is its own word: bounded and quoted, shown, and nothing is decided by it
 * but that a host which says "found" comes into the scope of the case that
 * the asker named.  Runs inside jobs of the store, but sweep_parse.
 */
#ifndef CORDON_SERVER_CASES_SWEEP_H
#define CORDON_SERVER_CASES_SWEEP_H

#include "server/cases/cases.h"

#define SWEEP_WHAT_MAX 4096 /* bytes with terminator */
#define SWEEP_ROWS_MAX 100  /* kept of one host */
#define SWEEP_LATE_MS 30000 /* an answer under way is not waited for longer */
#define SWEEP_FOR_MAX (7 * 86400) /* seconds a sweep stays open */
#define SWEEP_RUNNING_MAX 8 /* of all operators at a time */
#define SWEEP_OPEN_MAX 64   /* that wait for hosts which are away */
#define SWEEP_KEPT_MS (30 * 86400000LL) /* those of no case */
#define SWEEP_ANSWERS "sweep" /* in Hello.answers */

/* A question in one form: what people type may have several. */
struct sweep_question {
	enum sweep_kind kind;
	char what[SWEEP_WHAT_MAX];
	uint8_t sha256[32];
	uint8_t ip[16];
	uint8_t ip_len; /* 0: any */
	uint8_t prefix_len;
	uint16_t port; /* 0: any */
};

/*
 * TEXT as people type it: 64 hex digits; an absolute path or glob; a user or
 * uid; "10.1.2.3", "10.1.0.0/16", "10.1.2.3:443", "[2001:db8::1]:443",
 * ":4444"; a process, path or pid.  Pure.  ERR_SYNTAX with WHY.
 */
int sweep_parse(enum sweep_kind kind, const char *text,
    struct sweep_question *q, struct why *why);

struct sweep_ask {
	const struct sweep_question *q;
	const char *selector; /* in words, for the record */
	const char *const *host_ids; /* that the actor may ask */
	size_t nhosts;
	const char *reason;  /* "": the case says why */
	const char *case_id; /* "": none */
	int64_t seconds;     /* open so long */
	const struct actor *actor;
};

/*
 * Ask.  Refused: nothing to ask, no reason and no case, a closed case, one
 * of the actor's still being answered, too many at a time.
 */
int sweep_start(struct db *db, const struct sweep_ask *ask,
    char sweep_id[ID_MAX], struct refused *refused);
/* A host's answer; one that nobody waits for is dropped. */
int sweep_take(struct db *db, const char *host_id, const Cordon__Sweep *s);
/* The host is here (again), its row is new: what it was not asked yet. */
int sweep_hello(struct db *db, const char *host_id);
/* It has gone (NULL: all have): what it was asked has to be asked again. */
int sweep_gone(struct db *db, const char *host_id);

struct sweep_row {
	char sweep_id[ID_MAX];
	enum sweep_kind kind;
	char what[SWEEP_WHAT_MAX];
	char selector[TEXT_MAX_LEN];
	char reason[TEXT_MAX_LEN];
	char case_id[ID_MAX];
	char asked_by[NAME_MAX_LEN];
	int64_t asked_at, until;
};

/* ERR_NOENT. */
int sweep_get(struct db *db, const char *sweep_id, struct sweep_row *out);
/* What a screen says of a stored state at NOW. */
enum sweep_state sweep_state_of(enum sweep_state stored, int64_t until,
    int64_t now);

#endif
