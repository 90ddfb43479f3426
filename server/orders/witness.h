/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Asking another host whether it can still reach an isolated one.  Private
 * to server/orders.
 */
#ifndef CORDON_SERVER_ORDERS_WITNESS_H
#define CORDON_SERVER_ORDERS_WITNESS_H

#include "server/store/db.h"

#define WITNESS_AGAIN_MS 300000 /* no answer, or not from there: ask anew */
#define WITNESS_SOON_MS 10000  /* it did not try: perhaps busy */
#define WITNESS_ASKS_MAX 32	/* in one tick */

/* Ask for every proven isolation that nobody has looked at yet. */
int witness_tick(struct db *db);

#endif
