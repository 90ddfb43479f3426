/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Routes and neighbours.  Runs in the enforcer.
 */
#include "agent/enforcer/ground.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define NEIGHBOURS_MAX 4096
#define NUD_USABLE (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | \
	NUD_STALE | NUD_DELAY)

struct request {
	uint8_t bytes[256] __attribute__((aligned(8)));
};

static struct nlmsghdr *
begin(struct request *r, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh;

	memset(r, 0, sizeof(*r));
	nlh = mnl_nlmsg_put_header(r->bytes);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	return nlh;
}

static uint8_t
af(size_t len)
{
	return len == 4 ? AF_INET : AF_INET6;
}

/* -- routes ---------------------------------------------------------------- */

/* RTA_VIA: a next hop of the other family (rtnetlink(7)). */
static void
take_via(struct hop *h, const struct nlattr *a)
{
	const struct rtvia *via = mnl_attr_get_payload(a);
	size_t len = mnl_attr_get_payload_len(a);

	if (len == sizeof(*via) + 4 || len == sizeof(*via) + 16) {
		h->len = (uint8_t)(len - sizeof(*via));
		memcpy(h->ip, via->rtvia_addr, h->len);
	}
}

static int
on_route(void *arg, const struct nlmsghdr *nlh)
{
	const struct nlattr *a;
	const struct rtmsg *m;
	struct hop *h = arg;
	uint16_t len;

	if (nlh->nlmsg_type != RTM_NEWROUTE ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*m))
		return 0;
	m = mnl_nlmsg_get_payload(nlh);
	if (m->rtm_type != RTN_UNICAST)
		return 0; /* the collector is this host, or nowhere */
	mnl_attr_for_each(a, nlh, sizeof(*m)) {
		len = mnl_attr_get_payload_len(a);
		if (mnl_attr_get_type(a) == RTA_OIF && len == 4) {
			h->device = mnl_attr_get_u32(a);
		} else if (mnl_attr_get_type(a) == RTA_GATEWAY &&
		    (len == 4 || len == 16)) {
			h->len = (uint8_t)len;
			memcpy(h->ip, mnl_attr_get_payload(a), len);
		} else if (mnl_attr_get_type(a) == RTA_VIA) {
			take_via(h, a);
		}
	}
	return 0;
}

/* No route is no error: H->device stays 0. */
static int
find_route(struct netlink *route, const struct own_address *dest,
    uint32_t uid, struct hop *h)
{
	struct request r;
	struct nlmsghdr *nlh = begin(&r, RTM_GETROUTE, 0);
	struct rtmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	int rc, errnum = 0;

	m->rtm_family = af(dest->len);
	m->rtm_dst_len = (uint8_t)(dest->len * 8);
	mnl_attr_put(nlh, RTA_DST, dest->len, dest->ip);
	mnl_attr_put_u32(nlh, RTA_UID, uid);
	h->len = dest->len; /* on link, unless a gateway is named */
	memcpy(h->ip, dest->ip, dest->len);
	rc = netlink_ask(route, nlh, on_route, h, &errnum);
	return rc == ERR_KERNEL ? 0 : rc;
}

/* A gateway that came by an advertisement, each once. */
static int
on_router(void *arg, const struct nlmsghdr *nlh)
{
	const struct nlattr *a, *gateway = NULL;
	struct ground *g = arg;
	const struct rtmsg *m;
	size_t i;

	if (nlh->nlmsg_type != RTM_NEWROUTE ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*m))
		return 0;
	m = mnl_nlmsg_get_payload(nlh);
	mnl_attr_for_each(a, nlh, sizeof(*m))
		if (mnl_attr_get_type(a) == RTA_GATEWAY)
			gateway = a;
	if (m->rtm_protocol != RTPROT_RA || gateway == NULL ||
	    mnl_attr_get_payload_len(gateway) != 16 ||
	    g->nrouters == RULESET_ROUTERS_MAX)
		return 0;
	for (i = 0; i < g->nrouters; i++)
		if (memcmp(g->routers[i].ip, mnl_attr_get_payload(gateway),
		    16) == 0)
			return 0;
	memset(&g->routers[i], 0, sizeof(g->routers[i]));
	memcpy(g->routers[i].ip, mnl_attr_get_payload(gateway), 16);
	g->routers[i].len = 16;
	g->nrouters++;
	return 0;
}

static int
find_routers(struct netlink *route, struct ground *g)
{
	struct request r;
	struct nlmsghdr *nlh = begin(&r, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	int rc;

	m->rtm_family = AF_INET6;
	rc = netlink_ask(route, nlh, on_router, g, NULL);
	/* changed meanwhile: we shall be told, and look again */
	return rc == ERR_AGAIN ? 0 : rc;
}

/* -- neighbours ------------------------------------------------------------ */

struct neighbour {
	uint32_t device;
	uint8_t family, len;
	uint8_t ip[16], mac[6];
	uint16_t state;
	uint8_t flags, protocol;
	bool found;
};

static void
read_neighbour(const struct nlmsghdr *nlh, struct neighbour *n)
{
	const struct ndmsg *m = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;
	uint16_t len;

	memset(n, 0, sizeof(*n));
	n->device = (uint32_t)m->ndm_ifindex;
	n->family = m->ndm_family;
	n->state = m->ndm_state;
	n->flags = m->ndm_flags;
	mnl_attr_for_each(a, nlh, sizeof(*m)) {
		len = mnl_attr_get_payload_len(a);
		if (mnl_attr_get_type(a) == NDA_DST &&
		    (len == 4 || len == 16)) {
			n->len = (uint8_t)len;
			memcpy(n->ip, mnl_attr_get_payload(a), len);
		} else if (mnl_attr_get_type(a) == NDA_LLADDR && len == 6) {
			memcpy(n->mac, mnl_attr_get_payload(a), 6);
			n->found = true;
		} else if (mnl_attr_get_type(a) == NDA_PROTOCOL && len == 1) {
			n->protocol = mnl_attr_get_u8(a);
		}
	}
}

static int
on_neighbour(void *arg, const struct nlmsghdr *nlh)
{
	if (nlh->nlmsg_type == RTM_NEWNEIGH &&
	    mnl_nlmsg_get_payload_len(nlh) >= sizeof(struct ndmsg))
		read_neighbour(nlh, arg);
	return 0;
}

/* Not there is no error: N->found stays false. */
static int
find_neighbour(struct netlink *route, const struct hop *h,
    struct neighbour *n)
{
	struct request r;
	struct nlmsghdr *nlh = begin(&r, RTM_GETNEIGH, 0);
	struct ndmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	int rc, errnum = 0;

	memset(n, 0, sizeof(*n));
	m->ndm_family = af(h->len);
	m->ndm_ifindex = (int)h->device;
	mnl_attr_put(nlh, NDA_DST, h->len, h->ip);
	rc = netlink_ask(route, nlh, on_neighbour, n, &errnum);
	if (rc == 0 && !(n->state & NUD_USABLE))
		n->found = false;
	return rc == ERR_KERNEL ? 0 : rc;
}

bool
ground_can_pin(struct netlink *route)
{
	/* of the documentation (RFC 5737): there is none */
	const struct own_address dest = {.ip = {192, 0, 2, 1}, .len = 4};
	struct request r;
	struct nlmsghdr *nlh = begin(&r, RTM_GETNEIGH, 0);
	struct ndmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	int errnum = 0;

	m->ndm_family = AF_INET;
	m->ndm_ifindex = 1;
	mnl_attr_put(nlh, NDA_DST, dest.len, dest.ip);
	return netlink_ask(route, nlh, NULL, NULL, &errnum) == 0 ||
	    errnum != EOPNOTSUPP;
}

/* STATE 0: forget it. */
static int
set_neighbour(struct netlink *route, const struct neighbour *n,
    uint16_t state, uint8_t protocol)
{
	struct request r;
	struct nlmsghdr *nlh = begin(&r, state == 0 ? RTM_DELNEIGH :
	    RTM_NEWNEIGH, state == 0 ? 0 : NLM_F_CREATE | NLM_F_REPLACE);
	struct ndmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));

	m->ndm_family = n->family;
	m->ndm_ifindex = (int)n->device;
	m->ndm_state = state;
	m->ndm_flags = n->flags & NTF_ROUTER;
	mnl_attr_put(nlh, NDA_DST, n->len, n->ip);
	if (state != 0) {
		mnl_attr_put(nlh, NDA_LLADDR, 6, n->mac);
		mnl_attr_put_u8(nlh, NDA_PROTOCOL, protocol);
	}
	return netlink_ask(route, nlh, NULL, NULL, NULL);
}

/* -- the ground ------------------------------------------------------------ */

static const struct device *
find_device(const struct ground *g, uint32_t index)
{
	size_t i;

	for (i = 0; i < g->devices.n; i++)
		if (g->devices.list[i].index == index)
			return &g->devices.list[i];
	return NULL;
}

static int
find_hop(struct netlink *route, const struct ruleset_input *in,
    struct ground *g, size_t i)
{
	const Cordon__Endpoint *ep = in->body->collectors[i];
	struct own_address *dest = &g->dest[i];
	const struct device *d;
	struct hop *h = &g->hops[i];
	struct neighbour n;
	int rc;

	memset(h, 0, sizeof(*h));
	dest->len = (uint8_t)ep->address.len;
	memcpy(dest->ip, ep->address.data, dest->len);
	rc = find_route(route, dest, in->network_uid, h);
	if (rc != 0 || h->device == 0)
		return rc;
	d = find_device(g, h->device);
	if (d == NULL)
		h->device = 0; /* made or gone meanwhile: we shall be told */
	if (d == NULL || !d->ether || !(in->features & FEATURE_PIN))
		return 0;
	rc = find_neighbour(route, h, &n);
	h->known = rc == 0 && n.found;
	h->fixed = h->known && n.protocol != GROUND_PROTOCOL &&
	    (n.state & (NUD_PERMANENT | NUD_NOARP));
	memcpy(h->mac, n.mac, 6);
	return rc;
}

int
ground_take(struct netlink *route, const struct ruleset_input *in,
    struct ground *out, struct why *why)
{
	struct ground g = {.nhops = 0};
	bool six = false;
	size_t i;
	int rc;

	rc = devices_list(route, &g.devices, why);
	if (rc != 0)
		return rc;
	rc = addresses_list(route, &g.own, why);
	if (rc == 0 && in->body != NULL)
		g.nhops = in->body->n_collectors;
	for (i = 0; rc == 0 && i < g.nhops; i++) {
		rc = find_hop(route, in, &g, i);
		if (rc != 0)
			why_set(why, rc, "way to a collector: %s",
			    err_str(rc));
		six = six || g.dest[i].len == 16;
	}
	if (rc == 0 && six && find_routers(route, &g) != 0)
		rc = why_set(why, ERR_IO, "routers cannot be listed");
	if (rc != 0) {
		ground_done(&g);
		return rc;
	}
	*out = g;
	return 0;
}

void
ground_done(struct ground *g)
{
	devices_done(&g->devices);
	addresses_done(&g->own);
	g->nhops = 0;
}

/* -- holding --------------------------------------------------------------- */

/* The same address is still on the same device, which has a carrier. */
static bool
still_possible(const struct ground *now, const struct ground *before,
    const struct hop *h)
{
	const struct device *d = find_device(now, h->device);
	size_t i, k;

	if (d == NULL || !d->up)
		return false;
	for (i = 0; i < before->own.n; i++) {
		const struct own_address *o = &before->own.list[i];

		if (o->device != h->device || o->len != h->len)
			continue;
		for (k = 0; k < now->own.n; k++)
			if (now->own.list[k].device == o->device &&
			    now->own.list[k].len == o->len &&
			    memcmp(now->own.list[k].ip, o->ip, o->len) == 0)
				return true;
	}
	return false;
}

static void
hop_text(const struct ground *g, const struct hop *h, char *out, size_t size)
{
	const struct device *d = find_device(g, h->device);
	char ip[INET6_ADDRSTRLEN] = "?";

	if (h->device == 0) {
		snprintf(out, size, "nowhere");
		return;
	}
	inet_ntop(af(h->len), h->ip, ip, sizeof(ip));
	snprintf(out, size, "%s on %s (%02x:%02x:%02x:%02x:%02x:%02x)", ip,
	    d != NULL ? d->name : "?", h->mac[0], h->mac[1], h->mac[2],
	    h->mac[3], h->mac[4], h->mac[5]);
}

static bool
hop_same(const struct hop *a, const struct hop *b)
{
	return a->device == b->device && a->len == b->len &&
	    memcmp(a->ip, b->ip, a->len) == 0 &&
	    (!a->known || !b->known || memcmp(a->mac, b->mac, 6) == 0);
}

static const struct hop *
find_before(const struct ground *before, const struct own_address *dest)
{
	size_t i;

	for (i = 0; i < before->nhops; i++)
		if (before->dest[i].len == dest->len &&
		    memcmp(before->dest[i].ip, dest->ip, dest->len) == 0)
			return &before->hops[i];
	return NULL;
}

/* One way: hold the old one, or take the new one and remember the old. */
static void
hold_hop(struct ground *now, const struct ground *before, size_t i,
    bool loose, char text[GROUND_TEXT_MAX])
{
	const struct hop *old = find_before(before, &now->dest[i]);
	char a[100], b[100];
	struct hop *h = &now->hops[i];

	if (old == NULL)
		return;
	hop_text(before, old, a, sizeof(a));
	hop_text(now, h, b, sizeof(b));
	if ((old->pinned || (!loose && old->device != 0)) &&
	    still_possible(now, before, old)) {
		if (!hop_same(old, h))
			snprintf(text, GROUND_TEXT_MAX, "the line to the "
			    "collector was led to %s; it is held to %s", b,
			    a);
		if (old->pinned || !hop_same(old, h)) {
			*h = *old;
			return;
		}
	}
	if (h->fixed && !old->known) {
		snprintf(text, GROUND_TEXT_MAX, "the line to the collector "
		    "was led to %s; that entry was removed", b);
		h->known = false;
	}
	h->had = old->had || old->pinned;
	memcpy(h->had_mac, old->pinned ? old->mac : old->had_mac, 6);
	if (h->had && h->known && memcmp(h->had_mac, h->mac, 6) != 0) {
		snprintf(text, GROUND_TEXT_MAX, "the line to the collector "
		    "goes another way now: by %s", b);
		h->had = false;
	}
}

static bool
has_router(const struct ground *g, const uint8_t ip[16])
{
	size_t i;

	for (i = 0; i < g->nrouters; i++)
		if (memcmp(g->routers[i].ip, ip, 16) == 0)
			return true;
	return false;
}

void
ground_hold(struct ground *now, const struct ground *before, bool loose,
    char text[GROUND_TEXT_MAX])
{
	size_t i;

	text[0] = '\0';
	/* one whose route ran out may come back */
	for (i = 0; i < before->nrouters &&
	    now->nrouters < RULESET_ROUTERS_MAX; i++)
		if (!has_router(now, before->routers[i].ip))
			now->routers[now->nrouters++] = before->routers[i];
	for (i = 0; i < now->nhops; i++)
		hold_hop(now, before, i, loose, text);
}

void
ground_loosen(struct ground *g)
{
	struct hop *h;
	size_t i;

	for (i = 0; i < g->nhops; i++) {
		h = &g->hops[i];
		if (!h->pinned)
			continue;
		h->had = true;
		memcpy(h->had_mac, h->mac, 6);
		h->pinned = false;
	}
}

int
ground_trust(const struct ground *g, struct ground *trusted)
{
	struct own_address *list;
	size_t i;

	list = malloc((g->own.n + 1) * sizeof(*list));
	if (list == NULL)
		return ERR_NOMEM;
	memcpy(list, g->own.list, g->own.n * sizeof(*list));
	ground_done(trusted);
	trusted->own.list = list;
	trusted->own.n = g->own.n;
	memcpy(trusted->hops, g->hops, sizeof(g->hops));
	memcpy(trusted->dest, g->dest, sizeof(g->dest));
	trusted->nhops = g->nhops;
	for (i = 0; i < g->nhops; i++)
		trusted->hops[i].pinned = g->hops[i].known;
	return 0;
}

/* -- pinning --------------------------------------------------------------- */

static int
pin_hop(struct netlink *route, const struct ground *g, size_t i)
{
	const struct hop *h = &g->hops[i];
	struct neighbour n;
	int rc;

	rc = find_neighbour(route, h, &n);
	if (rc != 0)
		return rc;
	if (n.found && (n.state & NUD_PERMANENT) &&
	    memcmp(n.mac, h->mac, 6) == 0)
		return 0;
	n.device = h->device;
	n.family = af(h->len);
	n.len = h->len;
	memcpy(n.ip, h->ip, h->len);
	memcpy(n.mac, h->mac, 6);
	/* A router that is no router any more loses its routes (RFC 4861). */
	n.flags = memcmp(h->ip, g->dest[i].ip, h->len) != 0 ? NTF_ROUTER : 0;
	return set_neighbour(route, &n, NUD_PERMANENT, GROUND_PROTOCOL);
}

/* The kernel asks who it is (NTF_USE); what was set by hand goes first. */
static void
resolve_hop(struct netlink *route, const struct hop *h)
{
	struct neighbour n = {.device = h->device, .family = af(h->len),
	    .len = h->len};
	struct request r;
	struct nlmsghdr *nlh;
	struct ndmsg *m;

	memcpy(n.ip, h->ip, h->len);
	if (h->fixed)
		set_neighbour(route, &n, 0, RTPROT_UNSPEC);
	nlh = begin(&r, RTM_NEWNEIGH, NLM_F_CREATE);
	m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	m->ndm_family = n.family;
	m->ndm_ifindex = (int)n.device;
	m->ndm_flags = NTF_USE;
	mnl_attr_put(nlh, NDA_DST, n.len, n.ip);
	netlink_ask(route, nlh, NULL, NULL, NULL);
}

void
ground_pin(struct netlink *route, struct ground *g)
{
	struct hop *h;
	size_t i;

	for (i = 0; i < g->nhops; i++) {
		h = &g->hops[i];
		h->pinned = h->device != 0 && h->known &&
		    pin_hop(route, g, i) == 0;
		if (h->device != 0 && !h->known)
			resolve_hop(route, h);
	}
}

void
ground_resolve(struct netlink *route, const struct ground *g)
{
	size_t i;

	for (i = 0; i < g->nhops; i++)
		if (g->hops[i].device != 0 && !g->hops[i].known)
			resolve_hop(route, &g->hops[i]);
}

struct ours {
	struct neighbour list[ORDER_COLLECTORS_MAX * 4];
	size_t n;
};

static int
on_ours(void *arg, const struct nlmsghdr *nlh)
{
	struct ours *o = arg;
	struct neighbour n;

	if (nlh->nlmsg_type != RTM_NEWNEIGH ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(struct ndmsg))
		return 0;
	read_neighbour(nlh, &n);
	if (n.protocol == GROUND_PROTOCOL && n.found && n.len != 0 &&
	    o->n < sizeof(o->list) / sizeof(o->list[0]))
		o->list[o->n++] = n;
	return 0;
}

int
ground_unpin(struct netlink *route, bool drop, struct why *why)
{
	struct ours o = {.n = 0};
	struct request r;
	struct nlmsghdr *nlh = begin(&r, RTM_GETNEIGH, NLM_F_DUMP);
	size_t i;
	int rc;

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ndmsg));
	rc = netlink_ask(route, nlh, on_ours, &o, NULL);
	for (i = 0; rc == 0 && i < o.n; i++)
		rc = set_neighbour(route, &o.list[i], drop ? 0 : NUD_STALE,
		    RTPROT_UNSPEC);
	return rc == 0 ? 0 : why_set(why, rc, "neighbour entries: %s",
	    err_str(rc));
}

/* -- the line's devices ---------------------------------------------------- */

/* An address that can talk to DEST, not one of its link alone. */
static bool
has_address(const struct ground *g, const struct own_address *dest)
{
	size_t i;

	for (i = 0; i < g->own.n; i++)
		if (g->own.list[i].len == dest->len && (dest->len == 4 ||
		    g->own.list[i].ip[0] != 0xfe || dest->ip[0] == 0xfe))
			return true;
	return false;
}

static bool
has_way(const struct ground *g)
{
	const struct device *d;
	size_t i;

	for (i = 0; i < g->nhops; i++) {
		d = find_device(g, g->hops[i].device);
		if (d != NULL && d->up && has_address(g, &g->dest[i]))
			return true;
	}
	return false;
}

/* Add what the marked devices stand on or consist of, until nothing is new. */
static void
close_over(struct ground *g)
{
	struct device *list = g->devices.list;
	bool more = true;
	size_t i, k;

	while (more) {
		more = false;
		for (i = 0; i < g->devices.n; i++)
			for (k = 0; k < g->devices.n && list[i].line; k++)
				if (!list[k].line &&
				    (list[k].index == list[i].lower ||
				    list[k].master == list[i].index))
					list[k].line = more = true;
	}
}

void
ground_lines(struct ground *g, bool all)
{
	struct device *list = g->devices.list;
	size_t i, k, n = 0;

	g->searching = !has_way(g);
	all = all || g->searching;
	for (i = 0; i < g->devices.n; i++) {
		list[i].line = all;
		for (k = 0; k < g->nhops; k++)
			if (g->hops[k].device == list[i].index)
				list[i].line = true;
	}
	close_over(g);
	for (i = 0; i < g->devices.n; i++)
		if (list[i].line && ++n > RULESET_LINES_MAX)
			list[i].line = false;
}

static bool
devices_same(const struct devices *a, const struct devices *b)
{
	size_t i;

	if (a->n != b->n)
		return false;
	for (i = 0; i < a->n; i++) {
		const struct device *x = &a->list[i], *y = &b->list[i];

		if (x->index != y->index || x->ether != y->ether ||
		    x->tagged != y->tagged || x->line != y->line ||
		    x->eapol != y->eapol || strcmp(x->name, y->name) != 0 ||
		    memcmp(x->mac, y->mac, 6) != 0)
			return false;
	}
	return true;
}

bool
ground_same(const struct ground *a, const struct ground *b)
{
	size_t i;

	if (!devices_same(&a->devices, &b->devices) || a->own.n != b->own.n ||
	    a->nhops != b->nhops || a->searching != b->searching ||
	    a->nrouters != b->nrouters || memcmp(a->routers, b->routers,
	    a->nrouters * sizeof(a->routers[0])) != 0)
		return false;
	for (i = 0; i < a->own.n; i++)
		if (a->own.list[i].device != b->own.list[i].device ||
		    a->own.list[i].len != b->own.list[i].len ||
		    a->own.list[i].leased != b->own.list[i].leased ||
		    memcmp(a->own.list[i].ip, b->own.list[i].ip,
		    a->own.list[i].len) != 0)
			return false;
	for (i = 0; i < a->nhops; i++)
		if (!hop_same(&a->hops[i], &b->hops[i]) ||
		    a->hops[i].pinned != b->hops[i].pinned)
			return false;
	return true;
}

bool
ground_is_hop(const struct ground *g, const uint8_t *ip, size_t len)
{
	size_t i;

	for (i = 0; i < g->nhops; i++)
		if (g->hops[i].len == len &&
		    memcmp(g->hops[i].ip, ip, len) == 0)
			return true;
	return false;
}
