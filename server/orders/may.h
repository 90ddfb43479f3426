/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who may: roles by group, from the actor the API found and from the table
 * of operators.  Private to server/orders.
 */
#ifndef CORDON_SERVER_ORDERS_MAY_H
#define CORDON_SERVER_ORDERS_MAY_H

#include <stdbool.h>
#include <stdint.h>

#include "server/model/model.h"
#include "server/orders/plan_row.h"
#include "server/store/db.h"

#define ROLE_BIT(r) (1u << (unsigned int)(r))

/* Is it a rule or the clock, not a person? */
bool may_is_machine(const struct actor *a);
/* Roles stored for operator NAME that hold for GRP. */
int may_stored(struct db *db, const char *name, const char *grp,
    uint32_t *roles);
/* Does A hold one of WANT for the group of each host, and nowhere admin? */
int may_all(struct db *db, const struct actor *a, uint32_t want,
    const struct host_list *hosts, bool *may);
/* Does operator NAME hold one of WANT for each host, by the table alone? */
int may_all_stored(struct db *db, const char *name, uint32_t want,
    const struct host_list *hosts, bool *may);
/* The roles that may plan and apply ACTION. */
uint32_t may_roles(enum plan_action action);

#endif
