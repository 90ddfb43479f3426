/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ruleset_build: what an order means in rules.  Runs in the enforcer, pure.
 * One description of each allowed packet is written three ways: as inet
 * sees it, as bytes of an Ethernet frame, and as bytes of a packet on a
 * device without link layer.  All of it is payload and meta loads: no set, no
 * connection tracking, no interface name.
 */
#include "agent/enforcer/ruleset.h"

#include <limits.h>
#include <netinet/in.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_arp.h>
#include <linux/netfilter_bridge.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOPBACK_INDEX 1 /* LOOPBACK_IFINDEX, net/net_namespace.h */
#define RT_XFRM 4	 /* NFT_RT_XFRM */
#define TCP_SYN_ACK 0x12
#define TCP_SYN 0x02

enum lens {
	LENS_INET,   /* inet hooks: nfproto, network header */
	LENS_FRAME,  /* Ethernet frame */
	LENS_TAGGED, /* Ethernet frame with one 802.1Q tag */
	LENS_PACKET, /* device without link layer */
	LENS_ARP,    /* arp hooks */
};

enum way { WAY_OUT, WAY_IN };

/* Errors stick: the last functions of a build look once. */
struct builder {
	struct ruleset *rs;
	const struct ruleset_input *in;
	int rc;
};

/* -- expressions ---------------------------------------------------------- */

static void
add(struct builder *b, const struct expr *e)
{
	if (b->rc == 0)
		b->rc = ruleset_add_expr(b->rs, e);
}

static void
rule(struct builder *b, size_t chain)
{
	if (b->rc == 0)
		b->rc = ruleset_add_rule(b->rs, chain);
}

static void
meta(struct builder *b, uint32_t key)
{
	struct expr e = {.kind = EXPR_META, .key = key};

	add(b, &e);
}

static void
cmp(struct builder *b, uint32_t op, const void *data, uint32_t len)
{
	struct expr e = {.kind = EXPR_CMP, .key = op, .len = len};

	memcpy(e.data, data, len);
	add(b, &e);
}

static void
eq8(struct builder *b, uint8_t v)
{
	cmp(b, NFT_CMP_EQ, &v, 1);
}

static void
eq16(struct builder *b, uint16_t v)
{
	uint16_t n = htons(v);

	cmp(b, NFT_CMP_EQ, &n, 2);
}

/* For keys that the kernel holds in host order. */
static void
eq32h(struct builder *b, uint32_t v)
{
	cmp(b, NFT_CMP_EQ, &v, 4);
}

static void
mask(struct builder *b, const void *data, uint32_t len)
{
	struct expr e = {.kind = EXPR_MASK, .len = len};

	memcpy(e.data, data, len);
	add(b, &e);
}

/* LEN bytes at OFFSET of the network header, through the lens. */
static void
load(struct builder *b, enum lens lens, uint32_t offset, uint32_t len)
{
	struct expr e = {.kind = EXPR_PAYLOAD, .len = len, .offset = offset,
	    .key = NFT_PAYLOAD_NETWORK_HEADER};

	if (lens == LENS_FRAME || lens == LENS_TAGGED) {
		e.key = NFT_PAYLOAD_LL_HEADER;
		e.offset += lens == LENS_FRAME ? 14 : 18;
	}
	add(b, &e);
}

static void
load_link(struct builder *b, uint32_t offset, uint32_t len)
{
	struct expr e = {.kind = EXPR_PAYLOAD, .len = len, .offset = offset,
	    .key = NFT_PAYLOAD_LL_HEADER};

	add(b, &e);
}

/* What follows the link layer, told by the frame's own bytes. */
static void
ethertype(struct builder *b, enum lens lens, uint16_t type)
{
	switch (lens) {
	case LENS_INET:
		meta(b, NFT_META_NFPROTO);
		eq8(b, type == ETH_P_IP ? NFPROTO_IPV4 : NFPROTO_IPV6);
		break;
	case LENS_FRAME:
		load_link(b, 12, 2);
		eq16(b, type);
		break;
	case LENS_TAGGED:
		load_link(b, 12, 2);
		eq16(b, ETH_P_8021Q);
		load_link(b, 16, 2);
		eq16(b, type);
		break;
	case LENS_PACKET:
		meta(b, NFT_META_PROTOCOL);
		eq16(b, type);
		break;
	case LENS_ARP:
		break;
	}
}

static void
verdict(struct builder *b, int32_t code, const char *to)
{
	struct expr e = {.kind = EXPR_VERDICT, .code = code};

	snprintf(e.name, sizeof(e.name), "%s", to);
	add(b, &e);
}

static void
accept_it(struct builder *b)
{
	verdict(b, NF_ACCEPT, "");
}

/* -- packets -------------------------------------------------------------- */

/* IPv4 without options and not a fragment, or IPv6 without extensions. */
static void
network_header(struct builder *b, enum lens lens, bool v6, uint8_t protocol)
{
	static const uint8_t version_mask = 0xf0;
	static const uint8_t fragment_mask[2] = {0x3f, 0xff};

	ethertype(b, lens, v6 ? ETH_P_IPV6 : ETH_P_IP);
	load(b, lens, 0, 1);
	if (v6) {
		mask(b, &version_mask, 1);
		eq8(b, 0x60);
		load(b, lens, 6, 1);
		eq8(b, protocol);
		return;
	}
	eq8(b, 0x45);
	load(b, lens, 6, 2);
	mask(b, fragment_mask, 2);
	eq16(b, 0);
	load(b, lens, 9, 1);
	eq8(b, protocol);
}

/* The address of the peer: destination when it goes out, source when in. */
static void
address(struct builder *b, enum lens lens, enum way way, const uint8_t *addr,
    uint32_t len, uint32_t prefix)
{
	uint8_t bits[16] = {0}, want[16];
	uint32_t i;

	if (len == 16)
		load(b, lens, way == WAY_OUT ? 24 : 8, 16);
	else
		load(b, lens, way == WAY_OUT ? 16 : 12, 4);
	for (i = 0; i < prefix && i < len * 8; i++)
		bits[i / 8] |= (uint8_t)(0x80 >> (i % 8));
	for (i = 0; i < len; i++)
		want[i] = addr[i] & bits[i];
	if (prefix < len * 8)
		mask(b, bits, len);
	cmp(b, NFT_CMP_EQ, want, len);
}

/* TCP that does not open a connection: anything but SYN without ACK. */
static void
not_opening(struct builder *b, enum lens lens, uint32_t l4)
{
	static const uint8_t bits = TCP_SYN_ACK, syn = TCP_SYN;

	load(b, lens, l4 + 13, 1);
	mask(b, &bits, 1);
	cmp(b, NFT_CMP_NEQ, &syn, 1);
}

/*
 * One way of one allowed endpoint.  The port is the peer's when we open,
 * ours when the peer opens.  UID: only that user's sockets, or NULL.
 */
static void
endpoint(struct builder *b, size_t chain, enum lens lens, enum way way,
    const Cordon__Endpoint *ep, const uint32_t *uid)
{
	bool ours = ep->direction == CORDON__DIRECTION__DIRECTION_OUT;
	bool opening = ours == (way == WAY_OUT);
	bool v6 = ep->address.len == 16;
	uint32_t l4 = v6 ? 40 : 20;

	rule(b, chain);
	network_header(b, lens, v6, (uint8_t)ep->protocol);
	address(b, lens, way, ep->address.data, (uint32_t)ep->address.len,
	    ep->prefix_len);
	load(b, lens, opening ? l4 + 2 : l4, 2);
	eq16(b, (uint16_t)ep->port);
	if (!opening && ep->protocol == IPPROTO_TCP)
		not_opening(b, lens, l4);
	if (uid != NULL) {
		meta(b, NFT_META_SKUID);
		eq32h(b, *uid);
	}
	accept_it(b);
}

static void
udp_ports(struct builder *b, enum lens lens, uint32_t l4, uint16_t from,
    uint16_t to)
{
	load(b, lens, l4, 2);
	eq16(b, from);
	load(b, lens, l4 + 2, 2);
	eq16(b, to);
	accept_it(b);
}

/*
 * DHCP (RFC 2131, RFC 8415).  Out only as broadcast and to all servers: a
 * client whose unicast renewal is not answered rebinds that way in time.
 */
static void
dhcp(struct builder *b, size_t chain, enum lens lens, enum way way)
{
	static const uint8_t everyone[4] = {255, 255, 255, 255};
	static const uint8_t servers[16] = {0xff, 2, [13] = 1, [15] = 2};

	rule(b, chain);
	network_header(b, lens, false, IPPROTO_UDP);
	if (way == WAY_OUT)
		address(b, lens, way, everyone, 4, 32);
	udp_ports(b, lens, 20, way == WAY_OUT ? 68 : 67,
	    way == WAY_OUT ? 67 : 68);
	rule(b, chain);
	network_header(b, lens, true, IPPROTO_UDP);
	if (way == WAY_OUT)
		address(b, lens, way, servers, 16, 128);
	udp_ports(b, lens, 40, way == WAY_OUT ? 546 : 547,
	    way == WAY_OUT ? 547 : 546);
}

/* Neighbour discovery (RFC 4861): hop limit 255 proves it was not routed. */
static void
neighbour(struct builder *b, size_t chain, enum lens lens, uint8_t type)
{
	rule(b, chain);
	network_header(b, lens, true, IPPROTO_ICMPV6);
	load(b, lens, 7, 1);
	eq8(b, 255);
	load(b, lens, 40, 1);
	eq8(b, type);
	load(b, lens, 41, 1);
	eq8(b, 0);
	accept_it(b);
}

/* ARP (RFC 826): Ethernet and IPv4, request or reply. */
static void
arp(struct builder *b, size_t chain, enum lens lens, uint16_t op)
{
	static const uint8_t head[6] = {0, 1, 8, 0, 6, 4};

	rule(b, chain);
	ethertype(b, lens, ETH_P_ARP);
	load(b, lens, 0, 6);
	cmp(b, NFT_CMP_EQ, head, 6);
	load(b, lens, 6, 2);
	eq16(b, op);
	accept_it(b);
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
	    .hook = base->hook, .policy = NF_DROP};
	size_t i = 0;

	snprintf(c.name, sizeof(c.name), "%s", name);
	c.priority = base->first ? INT_MIN : INT_MAX;
	if (base->device != NULL)
		snprintf(c.device, sizeof(c.device), "%s", base->device);
	if (b->rc == 0)
		b->rc = ruleset_add_chain(b->rs, &c, &i);
	if (base->jump != NULL) {
		rule(b, i);
		verdict(b, NFT_JUMP, base->jump);
	}
	rule(b, i);
	snprintf(count.name, sizeof(count.name), "%s", RULESET_COUNTER);
	add(b, &count);
	verdict(b, NF_DROP, "");
	return i;
}

/* All that may pass one way, seen through LENS. */
static void
allowed(struct builder *b, size_t chain, enum lens lens, enum way way)
{
	const Cordon__OrderBody *o = b->in->body;
	const uint32_t *uid = NULL;
	size_t i;

	if (way == WAY_OUT && (lens == LENS_INET ||
	    (b->in->features & FEATURE_EGRESS_UID)))
		uid = &b->in->network_uid;
	for (i = 0; i < o->n_collectors; i++)
		endpoint(b, chain, lens, way, o->collectors[i], uid);
	if (b->in->profile != CORDON__PROFILE__PROFILE_STRICT)
		for (i = 0; i < o->n_allowed; i++)
			endpoint(b, chain, lens, way, o->allowed[i], NULL);
	if (lens == LENS_PACKET)
		return;
	neighbour(b, chain, lens, 135);
	neighbour(b, chain, lens, 136);
	if (way == WAY_IN)
		neighbour(b, chain, lens, 134); /* keeps the v6 route alive */
	dhcp(b, chain, lens, way);
	if (lens == LENS_INET)
		return;
	arp(b, chain, lens, 1);
	arp(b, chain, lens, 2);
}

/*
 * Loopback.  Coming in, the packet must have a route of its own: what was
 * sent through lo has one, a frame that something redirected into lo has not.
 */
static void
loopback(struct builder *b, size_t chain, enum way way)
{
	static const uint8_t missing = 0;

	rule(b, chain);
	meta(b, way == WAY_OUT ? NFT_META_OIF : NFT_META_IIF);
	eq32h(b, LOOPBACK_INDEX);
	if (way == WAY_IN && (b->in->features & FEATURE_RT)) {
		struct expr e = {.kind = EXPR_RT, .key = RT_XFRM};

		add(b, &e);
		cmp(b, NFT_CMP_EQ, &missing, 1);
	}
	accept_it(b);
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

/* The four base chains of one device. */
static void
device_chains(struct builder *b, size_t t, const struct device *d)
{
	struct base base = {.table = t, .device = d->name};
	const char *kind = !d->ether ? "packet" : d->tagged ? "tagged" :
	    "frame";
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
			snprintf(jump, sizeof(jump), "%s-%s", kind,
			    way == WAY_OUT ? "out" : "in");
			base.hook = way == WAY_OUT ? NF_NETDEV_EGRESS :
			    NF_NETDEV_INGRESS;
			base.first = first;
			base.jump = jump;
			base_chain(b, name, &base);
		}
}

static void
netdev_table(struct builder *b)
{
	size_t t = table(b, NFPROTO_NETDEV), c, i;

	c = plain_chain(b, t, "frame-out");
	allowed(b, c, LENS_FRAME, WAY_OUT);
	c = plain_chain(b, t, "frame-in");
	allowed(b, c, LENS_FRAME, WAY_IN);
	c = plain_chain(b, t, "tagged-out");
	allowed(b, c, LENS_FRAME, WAY_OUT);
	allowed(b, c, LENS_TAGGED, WAY_OUT);
	c = plain_chain(b, t, "tagged-in");
	allowed(b, c, LENS_FRAME, WAY_IN);
	allowed(b, c, LENS_TAGGED, WAY_IN);
	c = plain_chain(b, t, "packet-out");
	allowed(b, c, LENS_PACKET, WAY_OUT);
	c = plain_chain(b, t, "packet-in");
	allowed(b, c, LENS_PACKET, WAY_IN);
	for (i = 0; i < b->in->ndevices; i++)
		device_chains(b, t, &b->in->devices[i]);
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
	struct base base = {.jump = "resolve"};
	size_t c;

	base.table = table(b, NFPROTO_ARP);
	c = plain_chain(b, base.table, "resolve");
	arp(b, c, LENS_ARP, 1);
	arp(b, c, LENS_ARP, 2);
	base.hook = NF_ARP_IN;
	base_chain(b, "input-last", &base);
	base.hook = NF_ARP_OUT;
	base_chain(b, "output-last", &base);
	base.first = true;
	base_chain(b, "output-first", &base);
	base.hook = NF_ARP_IN;
	base_chain(b, "input-first", &base);
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
	inet_table(&b);
	if (in->features & (FEATURE_INGRESS | FEATURE_EGRESS))
		netdev_table(&b);
	if (in->features & FEATURE_BRIDGE)
		bridge_table(&b);
	if (in->features & FEATURE_ARP)
		arp_table(&b);
	if (b.rc != 0) {
		ruleset_free(&b.rs);
		return b.rc;
	}
	*out = b.rs;
	return 0;
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
