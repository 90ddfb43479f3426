/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Endpoints of a profile, from the settings.  Pure. */
#include "server/orders/allow.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define TCP 6
#define UDP 17

static bool
same(const struct orders_allow *a, const struct orders_allow *b)
{
	return a->ip_len == b->ip_len && a->prefix_len == b->prefix_len &&
	    a->protocol == b->protocol && a->port == b->port &&
	    a->in == b->in && memcmp(a->ip, b->ip, a->ip_len) == 0;
}

static size_t
add(const struct orders_allow *a, struct orders_allow *out, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (same(a, &out[i]))
			return n;
	if (n < ORDER_ALLOWED_MAX)
		out[n++] = *a;
	return n;
}

size_t
allow_list(const struct orders_settings *s, const struct host *h,
    enum profile profile, struct orders_allow out[ORDER_ALLOWED_MAX])
{
	size_t i, n = 0;

	for (i = 0; profile == PROFILE_RECOVERY && i < s->nrecovery; i++)
		n = add(&s->recovery[i], out, n);
	for (i = 0; i < s->nnamed; i++)
		if (s->named[i].profile == profile &&
		    (s->named[i].grp[0] == '\0' ||
		    strcmp(s->named[i].grp, h->grp) == 0) &&
		    (s->named[i].tier < 0 ||
		    s->named[i].tier == (int)h->tier))
			n = add(&s->named[i].allow, out, n);
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
	e->direction = a->in ? CORDON__DIRECTION__DIRECTION_IN :
	    CORDON__DIRECTION__DIRECTION_OUT;
}

char *
allow_text(char *out, size_t size, const struct orders_allow *a)
{
	char ip[INET6_ADDRSTRLEN] = "?", len[8] = "";

	inet_ntop(a->ip_len == 4 ? AF_INET : AF_INET6, a->ip, ip,
	    sizeof(ip));
	if (a->prefix_len != 8 * a->ip_len)
		snprintf(len, sizeof(len), "/%u", a->prefix_len);
	snprintf(out, size, a->ip_len == 4 ? "%s%s %s%s:%u" :
	    "%s%s [%s%s]:%u", a->in ? "in " : "",
	    a->protocol == UDP ? "udp" : "tcp", ip, len, a->port);
	return out;
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
