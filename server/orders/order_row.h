/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Orders as they lie in the store, and the one function that moves them.
 * Private to server/orders.
 */
#ifndef CORDON_SERVER_ORDERS_ORDER_ROW_H
#define CORDON_SERVER_ORDERS_ORDER_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "server/model/model.h"
#include "server/orders/issue.h"
#include "server/store/db.h"

#define RETRIES_MAX 3
#define ORDER_HURRY (-1) /* as answered_at: no pause before the next try */

struct order_row {
	char order_id[ID_MAX];
	char host_id[ID_MAX];
	char plan_id[ID_MAX];
	char case_id[ID_MAX];
	uint64_t epoch;
	enum profile profile;
	enum order_state state;
	int64_t created_at, sent_at, answered_at, deliver_before;
	int64_t tries;
	bool restores; /* at its review time the host opens by itself */
	enum drill drill;
	int64_t drill_until; /* restores itself by then; 0: not known */
	char why[TEXT_MAX_LEN];
	bool has_secret;
	uint8_t secret[ISSUE_SECRET_LEN];
};

int order_row_get(struct db *db, const char *order_id, struct order_row *o);
/* Wipes the secret. */
void order_row_done(struct order_row *o);

/* Neither at its end nor proven. */
bool order_row_under_way(enum order_state state);
/* May it go from one state to the other?  Pure. */
bool order_row_step(enum order_state from, enum order_state to);
/* ERR_BADSTATE, loudly, for an impossible step.  Sets the state's time. */
int order_row_move(struct db *db, struct order_row *o, enum order_state to,
    const char *why);
/* A failed order is tried again by the next tick, without the pause. */
int order_row_hurry(struct db *db, struct order_row *o);
/* The secret is of no use any more. */
int order_row_forget(struct db *db, struct order_row *o);
/* Its signed bytes, appended to OUT.  ERR_NOENT: no such order. */
int order_row_bytes(struct db *db, const char *order_id, struct buf *out);
/* Signed bytes and, where the host says it is in force, the secret. */
int order_row_send(struct db *db, const struct order_row *o);
int order_row_confirm(struct db *db, const struct order_row *o);
/* What happens to a failed order now, for an audit line. */
const char *order_row_outlook(const struct order_row *o);

/* WHAT is "order.x"; of a drill it becomes "drill.x", and says DRILL. */
int order_row_audit(struct db *db, const struct order_row *o,
    const char *host, const char *who, const char *what, const char *fmt,
    ...) __attribute__((format(printf, 6, 7)));

#endif
