/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The blast radius: how many hosts may be isolated in an hour, by rules in
 * ten minutes, and the stop switch.  Private to server/orders.
 */
#ifndef CORDON_SERVER_ORDERS_BUDGET_H
#define CORDON_SERVER_ORDERS_BUDGET_H

#include "server/orders/plan_row.h"

#define BUDGET_POLICY_HOSTS 3	   /* hosts that rules isolate ... */
#define BUDGET_POLICY_MS 600000	   /* ... in that time */
#define BUDGET_BREAKER_FAILURES 3  /* in a row: rules stop */
#define BUDGET_BREAKER_MS 86400000 /* and are forgotten after a day */

/* Hosts that still run: enrolled, not revoked. */
int budget_fleet(struct db *db, int64_t *fleet);
/*
 * Would isolating these hosts by plan P pass every limit?  0, ERR_PERM,
 * ERR_IO.  Drills have the same limits and a count of their own.
 */
int budget_check(struct db *db, const struct orders_settings *s,
    const struct host_list *l, const struct plan *p,
    struct refused *refused);

#endif
