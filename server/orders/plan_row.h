/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plans as they lie in the store: read, written, digested, moved from state
 * to state.  Private to server/orders.
 */
#ifndef CORDON_SERVER_ORDERS_PLAN_ROW_H
#define CORDON_SERVER_ORDERS_PLAN_ROW_H

#include <stddef.h>

#include "server/orders/need.h"
#include "server/orders/orders.h"

/* Hosts of a plan, sorted by host id, without doubles. */
struct host_list {
	struct host *h; /* owned */
	size_t n;
};
int host_list_resolve(struct db *db, const char *const *names, size_t n,
    struct host_list *l, const char **missing);
int host_list_of_plan(struct db *db, const char *plan_id,
    struct host_list *l);
void host_list_done(struct host_list *l);
/* "a, b, c and 4 more" into OUT; returns OUT. */
char *host_list_text(char *out, size_t size, const struct host_list *l);
/* The host's name where there is only one, else NULL (for audit lines). */
const char *host_list_only(const struct host_list *l);

/*
 * SHA-256 over the canonical text of what is approved: one line each of
 * action, profile, case, reason, requester, origin, review and what
 * happens then, the drill if it is one and, sorted, the host ids.
 */
int plan_digest(const struct plan *p, const struct host_list *l,
    char out[65]);

/* A reason: one printable line of REASON_MIN characters or more. */
int plan_reason_check(const char *reason, struct refused *refused);

int plan_row_insert(struct db *db, const struct plan *p,
    const struct host_list *l);
/*
 * The one function that moves a plan; ERR_BADSTATE for an impossible step.
 * BY: who applied it, or "".
 */
int plan_row_move(struct db *db, struct plan *p, enum plan_state to,
    const char *by);
/*
 * A vote or apply finds the plan over its time: moved to expired, audited,
 * refused.  0 if it is still good.
 */
int plan_row_fresh(struct db *db, struct plan *p, struct refused *refused);
int plan_row_expire(struct db *db, struct plan *p);

/* What the plan needs and what its valid votes amount to. */
int plan_row_need(struct db *db, const struct plan *p,
    const struct host_list *l, struct need *need, struct need_votes *votes);

/* One audit line about a plan; of a drill: "drill.x", and it says DRILL. */
int plan_audit(struct db *db, const struct plan *p,
    const struct host_list *l, const char *who, const char *what,
    const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* Audit a refusal (ERR_PERM), or make an error of the store one; RC back. */
int plan_refused(struct db *db, const struct actor *a, const char *plan_id,
    const char *what, struct refused *refused, int rc);

#endif
