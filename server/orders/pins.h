/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The collector's addresses that orders pin.  When the list in the settings
 * changes, hosts that are cut off get a new order with the same profile:
 * they can learn of it in no other way that they may believe.
 */
#ifndef CORDON_SERVER_ORDERS_PINS_H
#define CORDON_SERVER_ORDERS_PINS_H

#include "server/orders/orders.h"

#define PINS_TEXT_MAX 1024 /* "10.1.2.3:8443 [2001:db8::3]:8443" */

/* The list of the settings as text.  Returns OUT. */
char *pins_text(const struct orders_settings *s, char out[PINS_TEXT_MAX]);
/* Of a stored order; ERR_NOENT, ERR_CORRUPT. */
int pins_of_order(struct db *db, const char *order_id,
    char out[PINS_TEXT_MAX]);

/*
 * By the clock: a few hosts at a time, until every one that is cut off has
 * the list.  No plan, no approval and no budget: nobody is cut off or opened
 * by it.  A signer that says no is asked again later.
 */
int pins_tick(struct db *db, const struct orders_settings *s);

#endif
