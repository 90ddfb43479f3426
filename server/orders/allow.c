/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Endpoints of a profile, from the settings.  Pure. */
#include "server/orders/allow.h"

#include <string.h>

#define TCP 6

size_t
allow_list(const struct orders_settings *s, const struct host *h,
    enum profile profile, struct orders_allow out[ORDER_ALLOWED_MAX])
{
	size_t n;

	(void)h;
	if (profile != PROFILE_RECOVERY)
		return 0;
	for (n = 0; n < s->nrecovery && n < ORDER_ALLOWED_MAX; n++)
		out[n] = s->recovery[n];
	return n;
}

void
allow_endpoint(const struct orders_allow *a, Cordon__Endpoint *e)
{
	cordon__endpoint__init(e);
	e->address.data = (uint8_t *)(uintptr_t)a->ip; /* never written to */
	e->address.len = a->ip_len;
	e->prefix_len = a->prefix_len;
	e->protocol = a->protocol;
	e->port = a->port;
	e->direction = CORDON__DIRECTION__DIRECTION_OUT;
}

void
allow_collector(const struct orders_endpoint *c, Cordon__Endpoint *e)
{
	cordon__endpoint__init(e);
	e->address.data = (uint8_t *)(uintptr_t)c->ip;
	e->address.len = c->ip_len;
	e->prefix_len = c->ip_len * 8U;
	e->protocol = TCP;
	e->port = c->port;
	e->direction = CORDON__DIRECTION__DIRECTION_OUT;
}
