/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whom a host may talk to on each profile: the settings as endpoints of the
 * wire.  Pure.  Private to server/orders.
 */
#ifndef CORDON_SERVER_ORDERS_ALLOW_H
#define CORDON_SERVER_ORDERS_ALLOW_H

#include "common/wire/order.h"
#include "server/orders/orders.h"

/*
 * The peers of H on PROFILE, beside the collectors, none twice; how many.
 * None for profiles that name none.
 */
size_t allow_list(const struct orders_settings *s, const struct host *h,
    enum profile profile, struct orders_allow out[ORDER_ALLOWED_MAX]);
/* *E is filled and points into A, C. */
void allow_endpoint(const struct orders_allow *a, Cordon__Endpoint *e);
void allow_collector(const struct orders_endpoint *c, Cordon__Endpoint *e);

#endif
