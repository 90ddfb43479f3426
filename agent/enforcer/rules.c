/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ruleset_build: what an order means in rules, on this host as it is now.
 * Runs in the enforcer, pure.  Tables, chains and the allowed peers; what
 * the link needs to live is in rules_link.c.
 */
#include "agent/enforcer/rules_int.h"

#include <limits.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_arp.h>
#include <linux/netfilter_bridge.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOPBACK_INDEX 1 /* LOOPBACK_IFINDEX, net/net_namespace.h */
#define LOOPBACK_NAME "lo" /* drivers/net/loopback.c */
#define RT_XFRM 4	 /* NFT_RT_XFRM */
#define TCP_SYN_ACK 0x12
#define TCP_SYN 0x02

/* -- allowed peers -------------------------------------------------------- */

/* TCP that does not open a connection: anything but SYN without ACK. */
static void
not_opening(struct builder *b, enum lens lens, uint32_t l4)
{
	static const uint8_t bits = TCP_SYN_ACK, syn = TCP_SYN;

	put_load(b, lens, l4 + 13, 1);
	put_mask(b, &bits, 1);
	put_cmp(b, NFT_CMP_NEQ, &syn, 1);
}

/* One way of one allowed endpoint. */
struct passage {
	size_t chain;
	enum lens lens;
	enum way way;
	const uint32_t *uid;   /* only that user's sockets, or NULL */
	const struct hop *hop; /* only to its link address, or NULL */
	const struct own_link *from; /* only from us, or NULL */
};

/* The port is the peer's when we open, ours when the peer opens. */
static void
endpoint(struct builder *b, const struct passage *p,
    const Cordon__Endpoint *ep)
{
	bool ours = ep->direction == CORDON__DIRECTION__DIRECTION_OUT;
	bool opening = ours == (p->way == WAY_OUT);
	bool v6 = ep->address.len == 16;
	uint32_t l4 = v6 ? 40 : 20;

	put_rule(b, p->chain);
	put_network(b, p->lens, v6, (uint8_t)ep->protocol);
	put_address(b, p->lens, p->way, ep->address.data,
	    (uint32_t)ep->address.len, ep->prefix_len);
	put_load(b, p->lens, opening ? l4 + 2 : l4, 2);
	put_eq16(b, (uint16_t)ep->port);
	if (!opening && ep->protocol == IPPROTO_TCP)
		not_opening(b, p->lens, l4);
	if (p->from != NULL) {
		put_load_link(b, 6, 6);
		put_cmp(b, NFT_CMP_EQ, p->from->mac, 6);
		put_is(b, p->lens, v6 ? 8 : 12, p->from->ip, p->from->len);
	}
	if (p->hop != NULL) {
		put_load_link(b, 0, 6);
		put_cmp(b, NFT_CMP_EQ, p->hop->mac, 6);
	}
	if (p->uid != NULL) {
		put_meta(b, NFT_META_SKUID);
		put_eq32h(b, *p->uid);
	}
	put_accept(b);
}

static bool
is_frame(enum lens lens)
{
	return lens == LENS_FRAME || lens == LENS_TAGGED;
}

/* On Ethernet a packet to a peer has one of our own addresses. */
static void
from_us(struct builder *b, struct passage p, const Cordon__Endpoint *ep)
{
	size_t i;

	if (p.way != WAY_OUT || !is_frame(p.lens)) {
		endpoint(b, &p, ep);
		return;
	}
	for (i = 0; i < b->nown; i++) {
		p.from = &b->own[i];
		if (p.from->len == ep->address.len)
			endpoint(b, &p, ep);
	}
}

/* Nothing leaves before we know to whom, unless that did not help. */
static bool
must_be_known(const struct builder *b)
{
	return (b->in->features & FEATURE_PIN) && !b->in->loose;
}

/*
 * The peers.  A reply may come from another link address than the one we
 * send to (routers that share an address do so): only the way out is held.
 */
static void
peers(struct builder *b, struct passage p)
{
	const Cordon__OrderBody *o = b->in->body;
	size_t i;

	if (p.way == WAY_OUT && (p.lens == LENS_INET ||
	    (b->in->features & FEATURE_EGRESS_UID)))
		p.uid = &b->in->network_uid;
	for (i = 0; i < o->n_collectors; i++) {
		const struct hop *hop = &b->in->hops[i];

		if (p.lens != LENS_INET && hop->device == 0)
			continue; /* there is no way to it now */
		if (is_frame(p.lens) && !hop->known && must_be_known(b))
			continue; /* it is being asked for */
		p.hop = hop->pinned && p.way == WAY_OUT &&
		    is_frame(p.lens) ? hop : NULL;
		from_us(b, p, o->collectors[i]);
	}
	p.uid = NULL;
	p.hop = NULL;
	if (b->in->profile != CORDON__PROFILE__PROFILE_STRICT)
		for (i = 0; i < o->n_allowed; i++)
			from_us(b, p, o->allowed[i]);
}

/* All that may pass one way, seen through LENS. */
static void
allowed(struct builder *b, size_t chain, enum lens lens, enum way way)
{
	const struct passage p = {.chain = chain, .lens = lens, .way = way};

	peers(b, p);
	if (lens == LENS_PACKET)
		return;
	put_neighbours(b, chain, lens, way);
	put_dhcp(b, chain, lens, way);
	if (lens != LENS_INET)
		put_arp(b, chain, lens, way);
}

/* -- chains --------------------------------------------------------------- */

static size_t
table(struct builder *b, uint8_t family)
{
	uint32_t flags = 0;
	size_t t = 0;

	if (b->in->features & FEATURE_OWNER) {
		flags |= TABLE_OWNER;
		if (b->in->features & FEATURE_PERSIST)
			flags |= TABLE_PERSIST;
	}
	if (b->rc == 0)
		b->rc = ruleset_add_table(b->rs, family, flags, &t);
	if (b->rc == 0)
		b->rs->tables[t].counter = true;
	return t;
}

static size_t
plain_chain(struct builder *b, size_t t, const char *name)
{
	struct chain c = {.table = t};
	size_t i = 0;

	snprintf(c.name, sizeof(c.name), "%s", name);
	if (b->rc == 0)
		b->rc = ruleset_add_chain(b->rs, &c, &i);
	return i;
}

struct base {
	size_t table;
	uint32_t hook;
	bool first;	    /* first priority, else last */
	const char *device; /* or NULL */
	const char *jump;   /* chain of what is allowed, or NULL: nothing */
	bool counts;	    /* drops nothing */
};

/*
 * A base chain drops by policy, and by its last rule as well: rules are
 * switched at one instant for all chains, policies one by one.
 */
static size_t
base_chain(struct builder *b, const char *name, const struct base *base)
{
	struct expr count = {.kind = EXPR_COUNT};
	struct chain c = {.table = base->table, .base = true,
	    .hook = base->hook, .policy = base->counts ? NF_ACCEPT : NF_DROP};
	size_t i = 0;

	snprintf(c.name, sizeof(c.name), "%s", name);
	c.priority = base->first ? INT_MIN : INT_MAX;
	if (base->device != NULL)
		snprintf(c.device, sizeof(c.device), "%s", base->device);
	if (b->rc == 0)
		b->rc = ruleset_add_chain(b->rs, &c, &i);
	if (base->jump != NULL) {
		put_rule(b, i);
		put_verdict(b, NFT_JUMP, base->jump);
	}
	put_rule(b, i);
	snprintf(count.name, sizeof(count.name), "%s", RULESET_COUNTER);
	put_expr(b, &count);
	put_verdict(b, base->counts ? NF_ACCEPT : NF_DROP, "");
	return i;
}

/*
 * Loopback.  Coming in, the packet must have a route of its own: what was
 * sent through lo has one, a frame that something redirected into lo has not.
 */
static void
loopback(struct builder *b, size_t chain, enum way way)
{
	static const uint8_t missing = 0;

	put_rule(b, chain);
	put_meta(b, way == WAY_OUT ? NFT_META_OIF : NFT_META_IIF);
	put_eq32h(b, LOOPBACK_INDEX);
	if (way == WAY_IN && (b->in->features & FEATURE_RT)) {
		struct expr e = {.kind = EXPR_RT, .key = RT_XFRM};

		put_expr(b, &e);
		put_cmp(b, NFT_CMP_EQ, &missing, 1);
	}
	put_accept(b);
}

static void
inet_table(struct builder *b)
{
	static const struct {
		const char *name;
		uint32_t hook;
		const char *jump;
	} hooks[] = {
	    {"prerouting", NF_INET_PRE_ROUTING, "in"},
	    {"input", NF_INET_LOCAL_IN, "in"},
	    {"forward", NF_INET_FORWARD, NULL},
	    {"output", NF_INET_LOCAL_OUT, "out"},
	    {"postrouting", NF_INET_POST_ROUTING, "out"},
	};
	size_t t = table(b, NFPROTO_INET), out, in, i;
	struct base base = {.table = t};
	char name[RULESET_NAME_MAX];
	int first;

	out = plain_chain(b, t, "out");
	loopback(b, out, WAY_OUT);
	allowed(b, out, LENS_INET, WAY_OUT);
	in = plain_chain(b, t, "in");
	loopback(b, in, WAY_IN);
	allowed(b, in, LENS_INET, WAY_IN);
	for (i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++)
		for (first = 0; first < 2; first++) {
			snprintf(name, sizeof(name), "%s-%s", hooks[i].name,
			    first ? "first" : "last");
			base.hook = hooks[i].hook;
			base.first = first;
			base.jump = hooks[i].jump;
			base_chain(b, name, &base);
		}
}

/*
 * A drill that counts: each packet that would be dropped is counted once,
 * where it comes in, goes out or is forwarded, and passes.  Nothing but IP
 * is looked at, and nothing else of the host is touched.
 */
static void
count_table(struct builder *b)
{
	size_t t = table(b, NFPROTO_INET), c;
	struct base base = {.table = t, .first = true, .counts = true};

	c = plain_chain(b, t, "out");
	loopback(b, c, WAY_OUT);
	allowed(b, c, LENS_INET, WAY_OUT);
	c = plain_chain(b, t, "in");
	loopback(b, c, WAY_IN);
	allowed(b, c, LENS_INET, WAY_IN);
	base.hook = NF_INET_FORWARD;
	base_chain(b, "forward-count", &base);
	base.hook = NF_INET_LOCAL_OUT;
	base.jump = "out";
	base_chain(b, "output-count", &base);
	base.hook = NF_INET_LOCAL_IN;
	base.jump = "in";
	base_chain(b, "input-count", &base);
}

/* The four base chains of one device; JUMP NULL: nothing passes. */
static void
device_chains(struct builder *b, size_t t, const struct device *d,
    const char *kind)
{
	struct base base = {.table = t, .device = d->name};
	char name[RULESET_NAME_MAX], jump[RULESET_NAME_MAX];
	int way, first;

	for (way = WAY_OUT; way <= WAY_IN; way++)
		for (first = 0; first < 2; first++) {
			if (!(b->in->features & (way == WAY_OUT ?
			    FEATURE_EGRESS : FEATURE_INGRESS)))
				continue;
			snprintf(name, sizeof(name), "%s-%s-%u",
			    way == WAY_OUT ? "egress" : "ingress",
			    first ? "first" : "last", d->index);
			base.hook = way == WAY_OUT ? NF_NETDEV_EGRESS :
			    NF_NETDEV_INGRESS;
			base.first = first;
			if (kind != NULL) {
				snprintf(jump, sizeof(jump), "%s-%s", kind,
				    way == WAY_OUT ? "out" : "in");
				base.jump = jump;
			}
			base_chain(b, name, &base);
		}
}

/* What may pass on a device, by the kind of its frames. */
#define KIND_NAME_MAX 32 /* "tagged" and a device's index */
enum kind { KIND_PACKET, KIND_FRAME, KIND_TAGGED };
static const char *const kinds[] = {"packet", "frame", "tagged"};

static void
kind_chains(struct builder *b, size_t t, enum kind kind)
{
	char name[RULESET_NAME_MAX];
	size_t c;
	int way;

	for (way = WAY_OUT; way <= WAY_IN; way++) {
		snprintf(name, sizeof(name), "%s-%s", kinds[kind],
		    way == WAY_OUT ? "out" : "in");
		c = plain_chain(b, t, name);
		allowed(b, c, kind == KIND_PACKET ? LENS_PACKET : LENS_FRAME,
		    (enum way)way);
		if (kind == KIND_TAGGED)
			allowed(b, c, LENS_TAGGED, (enum way)way);
	}
}

/* Devices of the line that have to prove themselves get that on top. */
static void
eapol_chains(struct builder *b, size_t t, const struct device *d,
    const char *kind, char name[KIND_NAME_MAX])
{
	char to[RULESET_NAME_MAX];
	size_t c;
	int way;

	snprintf(name, KIND_NAME_MAX, "%s-%u", kind, d->index);
	for (way = WAY_OUT; way <= WAY_IN; way++) {
		snprintf(to, sizeof(to), "%s-%s", name,
		    way == WAY_OUT ? "out" : "in");
		c = plain_chain(b, t, to);
		put_eapol(b, c, d, (enum way)way);
		put_rule(b, c);
		snprintf(to, sizeof(to), "%s-%s", kind,
		    way == WAY_OUT ? "out" : "in");
		put_verdict(b, NFT_JUMP, to);
	}
}

static enum kind
kind_of(const struct device *d)
{
	return !d->ether ? KIND_PACKET : d->tagged ? KIND_TAGGED : KIND_FRAME;
}

static void
line_chains(struct builder *b, size_t t, const struct device *d)
{
	const char *kind = kinds[kind_of(d)];
	char name[KIND_NAME_MAX];

	if (d->eapol != EAPOL_NONE && d->ether) {
		eapol_chains(b, t, d, kind, name);
		kind = name;
	}
	device_chains(b, t, d, kind);
}

static void
netdev_table(struct builder *b)
{
	size_t t = table(b, NFPROTO_NETDEV), i, n = 1;
	const char *except[1 + RULESET_LINES_MAX] = {LOOPBACK_NAME};
	bool others = b->in->features & FEATURE_PREFIX;
	bool needed[KIND_TAGGED + 1] = {false};

	for (i = 0; i < b->in->ndevices; i++)
		if (b->in->devices[i].line)
			needed[kind_of(&b->in->devices[i])] = true;
	for (i = 0; i <= KIND_TAGGED; i++)
		if (needed[i])
			kind_chains(b, t, (enum kind)i);
	for (i = 0; i < b->in->ndevices; i++) {
		const struct device *d = &b->in->devices[i];

		if (d->line)
			line_chains(b, t, d);
		else if (!others)
			device_chains(b, t, d, NULL);
		if (d->line && n <= RULESET_LINES_MAX)
			except[n++] = d->name;
	}
	if (others)
		put_other_devices(b, t, except, n);
}

/* Nothing is bridged through an isolated host. */
static void
bridge_table(struct builder *b)
{
	struct base base = {.hook = NF_BR_FORWARD};

	base.table = table(b, NFPROTO_BRIDGE);
	base_chain(b, "forward-last", &base);
	base.first = true;
	base_chain(b, "forward-first", &base);
}

static void
arp_table(struct builder *b)
{
	struct base base = {.jump = "in"};
	size_t c;

	base.table = table(b, NFPROTO_ARP);
	c = plain_chain(b, base.table, "in");
	put_arp(b, c, LENS_ARP, WAY_IN);
	c = plain_chain(b, base.table, "out");
	put_arp(b, c, LENS_ARP, WAY_OUT);
	base.hook = NF_ARP_IN;
	base_chain(b, "input-last", &base);
	base.first = true;
	base_chain(b, "input-first", &base);
	base.hook = NF_ARP_OUT;
	base.jump = "out";
	base_chain(b, "output-first", &base);
	base.first = false;
	base_chain(b, "output-last", &base);
}

/* -- the whole ------------------------------------------------------------- */

static void
add_mac(struct builder *b, const uint8_t *mac)
{
	size_t i;

	for (i = 0; i < b->nmac; i++)
		if (memcmp(b->mac[i], mac, 6) == 0)
			return;
	if (b->nmac < RULESET_OWN_MAX)
		b->mac[b->nmac++] = mac;
}

static void
add_own(struct builder *b, const struct own_address *a, const uint8_t *mac)
{
	if (a->leased && a->len == 4)
		b->lease4 = true;
	else if (a->leased)
		b->lease6 = true;
	if (b->nown < RULESET_OWN_MAX)
		b->own[b->nown++] = (struct own_link){a->ip, a->len, mac};
}

/*
 * Who we are on the devices of the line, and which families and leases it
 * lives on.
 */
static void
own_links(struct builder *b)
{
	const struct ruleset_input *in = b->in;
	size_t i, k;

	b->any = in->searching ||
	    in->profile != CORDON__PROFILE__PROFILE_STRICT;
	b->live4 = b->live6 = b->any;
	b->lease4 = b->lease6 = in->searching;
	for (i = 0; i < in->body->n_collectors; i++) {
		b->live4 = b->live4 || in->hops[i].len == 4;
		b->live6 = b->live6 || in->hops[i].len == 16;
	}
	for (i = 0; i < in->ndevices; i++) {
		const struct device *d = &in->devices[i];

		if (!d->line || !d->ether)
			continue;
		add_mac(b, d->mac);
		for (k = 0; k < in->nown; k++)
			if (in->own[k].device == d->index)
				add_own(b, &in->own[k], d->mac);
	}
}

static void
all_tables(struct builder *b)
{
	inet_table(b);
	if (b->in->features & (FEATURE_INGRESS | FEATURE_EGRESS))
		netdev_table(b);
	if (b->in->features & FEATURE_BRIDGE)
		bridge_table(b);
	if (b->in->features & FEATURE_ARP)
		arp_table(b);
}

int
ruleset_build(const struct ruleset_input *in, struct ruleset **out)
{
	struct builder b = {.in = in};

	if (in->profile != CORDON__PROFILE__PROFILE_STRICT &&
	    in->profile != CORDON__PROFILE__PROFILE_RECOVERY &&
	    in->profile != CORDON__PROFILE__PROFILE_LIMITED)
		return ERR_RANGE;
	if (in->ndevices > RULESET_DEVICES_MAX)
		return ERR_LIMIT;
	b.rs = ruleset_new();
	if (b.rs == NULL)
		return ERR_NOMEM;
	own_links(&b);
	if (ruleset_counts(in))
		count_table(&b);
	else
		all_tables(&b);
	if (b.rc != 0) {
		ruleset_free(&b.rs);
		return b.rc;
	}
	*out = b.rs;
	return 0;
}

bool
ruleset_counts(const struct ruleset_input *in)
{
	return in->body->mode == CORDON__MODE__MODE_DRILL_COUNT;
}

/* -- the same question for a socket ---------------------------------------- */

static bool
prefix_has(const Cordon__Endpoint *ep, const uint8_t *addr, size_t len)
{
	uint32_t i;

	if (ep->address.len != len)
		return false;
	for (i = 0; i < ep->prefix_len && i < len * 8; i++)
		if (((ep->address.data[i / 8] ^ addr[i / 8]) >>
		    (7 - i % 8)) & 1)
			return false;
	return true;
}

static bool
endpoint_has(const Cordon__Endpoint *ep, const uint8_t *addr, size_t len,
    uint8_t protocol, uint16_t local_port, uint16_t peer_port)
{
	uint16_t port = ep->direction == CORDON__DIRECTION__DIRECTION_IN ?
	    local_port : peer_port;

	return ep->protocol == protocol && ep->port == port &&
	    prefix_has(ep, addr, len);
}

bool
ruleset_peer_allowed(const struct ruleset_input *in, const uint8_t *addr,
    size_t len, uint8_t protocol, uint16_t local_port, uint16_t peer_port,
    uint32_t uid)
{
	size_t i;

	for (i = 0; i < in->body->n_collectors; i++)
		if (uid == in->network_uid && endpoint_has(
		    in->body->collectors[i], addr, len, protocol, local_port,
		    peer_port))
			return true;
	if (in->profile == CORDON__PROFILE__PROFILE_STRICT)
		return false;
	for (i = 0; i < in->body->n_allowed; i++)
		if (endpoint_has(in->body->allowed[i], addr, len, protocol,
		    local_port, peer_port))
			return true;
	return false;
}

bool
ruleset_address_named(const struct ruleset_input *in, const uint8_t *addr,
    size_t len)
{
	size_t i;

	for (i = 0; i < in->body->n_collectors; i++)
		if (prefix_has(in->body->collectors[i], addr, len))
			return true;
	if (in->profile == CORDON__PROFILE__PROFILE_STRICT)
		return false;
	for (i = 0; i < in->body->n_allowed; i++)
		if (prefix_has(in->body->allowed[i], addr, len))
			return true;
	return false;
}
