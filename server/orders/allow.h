/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whom a host may talk to on each profile: the settings as endpoints of the
 * wire.  Pure.
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
/* "tcp 10.1.9.7:443", "in tcp [2001:db8::/32]:22".  Returns OUT. */
char *allow_text(char *out, size_t size, const struct orders_allow *a);
void allow_collector(const struct orders_endpoint *c, Cordon__Endpoint *e);

#endif
