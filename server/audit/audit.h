/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The audit chain: every transition, refusal, preview and login is one line
 * in the same transaction as the thing itself.  Runs on the writer thread.
 * Format and offline verification: server/model/chain.h.
 */
#ifndef CORDON_SERVER_AUDIT_AUDIT_H
#define CORDON_SERVER_AUDIT_AUDIT_H

#include <stdint.h>
#include <stdio.h>

#include "common/base/sign.h"
#include "server/store/db.h"

struct audit_entry {
	const char *who;     /* operator, "policy", "system", "agent:NAME" */
	const char *what;    /* stable id: "plan.apply", "order.proven", ... */
	const char *host;    /* name, or NULL */
	const char *case_id; /* or NULL */
	const char *object;  /* plan, order, run id ..., or NULL */
};

/* Append one line; TEXT in English, cut at TEXT_MAX_LEN. */
int audit_add(struct db *db, const struct audit_entry *e, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

/*
 * Signs "WHAT NUMBER HASH", WHAT is "head" or "end"; handed in by main (the
 * signer holds the key).  Called on the writer thread and, for an export,
 * on a reader thread.
 */
typedef int audit_sign_fn(void *arg, const char *what, uint64_t number,
    const char *hash, uint8_t sig[SIGN_SIG_LEN]);
struct audit_signer {
	audit_sign_fn *sign;
	void *arg;
};

/* A store_closing_fn: signs the head if lines were added; ARG is a
 * struct audit_signer.  A signer that is away does not stop the log: the
 * head is signed with the next commit, and the gap is visible. */
int audit_closing(struct db *db, void *arg);

/* Write the whole log with heads and a fresh signed trailer to OUT. */
int audit_export(struct db *db, const struct audit_signer *s, FILE *out);

#endif
