/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Review times of hosts that are cut off: moved on by a person, and over
 * where the plan said that the host restores itself then.
 */
#ifndef CORDON_SERVER_ORDERS_EXTEND_H
#define CORDON_SERVER_ORDERS_EXTEND_H

#include "server/orders/orders.h"

#define EXTEND_SECONDS_MAX (30 * 86400)

/*
 * The next review of host NAME is SECONDS from now, which must be later
 * than it was.  Where the host would have restored itself, it gets a new
 * order with the new time, in place of the old one without a gap; *ORDERED
 * says so.  Needs no approval: nothing is opened, and not sooner.
 */
int host_extend(struct db *db, const struct orders_settings *s,
    const char *name, int64_t seconds, const char *reason,
    const struct actor *actor, bool *ordered, struct refused *refused);

/*
 * H says that it is open under ORDER_ID, the one desired of it.  Was that
 * its own restore, as the plan said, and is it time?  Then open is what is
 * desired from now on.
 */
int host_restored(struct db *db, const struct host *h, bool *over);

#endif
