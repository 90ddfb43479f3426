/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What keeps the line to the collector alive below IP: neighbours, leases,
 * the switch's own check.  Runs in the enforcer, pure.  On Ethernet every
 * byte that goes out is given, or there are so few of them in a minute that
 * they carry nothing; the inet hooks cannot see frames and are looser, the
 * devices behind them are not.  A frame passes each rule twice, at the first
 * and at the last priority, and counts twice against its limit.
 */
#include "agent/enforcer/rules_int.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#define TYPE_EAPOL 0x888e /* IEEE 802.1X-2020, 11.1.4 */

static const uint8_t zeros[16];

static bool
is_frame(enum lens lens)
{
	return lens == LENS_FRAME || lens == LENS_TAGGED;
}

/* Must stations that we do not know be asked and answered? */
static bool
is_loose(const struct builder *b)
{
	return b->any || b->in->loose;
}

/* The frame is from this link address and LEN bytes long without a tag. */
static void
from_link(struct builder *b, enum lens lens, const uint8_t *mac,
    uint32_t len)
{
	if (!is_frame(lens))
		return;
	put_load_link(b, 6, 6);
	put_cmp(b, NFT_CMP_EQ, mac, 6);
	if (lens == LENS_TAGGED)
		len += 4;
	put_meta(b, NFT_META_LEN);
	put_eq32h(b, len);
}

/* At most 511 bytes: a lease never takes more, a file does. */
static void
is_short(struct builder *b, enum lens lens)
{
	static const uint32_t bits = ~511u;

	if (!is_frame(lens))
		return;
	put_meta(b, NFT_META_LEN);
	put_mask(b, &bits, sizeof(bits));
	put_eq32h(b, 0);
}

/* -- answers and questions ------------------------------------------------- */

/* HOP and nobody else; NULL: anybody. */
typedef void talk_fn(struct builder *b, size_t chain, enum lens lens,
    const struct own_link *own, const struct hop *hop);

/* The same two in ARP and in neighbour discovery. */
struct talk {
	talk_fn *reply, *ask;
};

/*
 * What may leave from OWN: a pinned next hop is answered, another one is
 * asked for; anybody is answered where a hop is not known yet, where the
 * line is loose or where an address is leased: a lease is renewed from
 * there by unicast (RFC 2131, 4.1).
 */
static void
talk_out(struct builder *b, size_t chain, enum lens lens,
    const struct own_link *own, const struct talk *t)
{
	bool all = is_loose(b) || (own->len == 4 ? b->lease4 : b->lease6);
	size_t k;

	for (k = 0; k < b->in->body->n_collectors; k++) {
		const struct hop *hop = &b->in->hops[k];

		if (hop->len != own->len || hop->device == 0)
			continue;
		if (hop->pinned)
			t->reply(b, chain, lens, own, hop);
		else
			t->ask(b, chain, lens, own, hop);
		all = all || !hop->pinned;
	}
	if (all)
		t->reply(b, chain, lens, own, NULL);
	if (b->any)
		t->ask(b, chain, lens, own, NULL);
}

/* -- ARP ------------------------------------------------------------------- */

/* Ethernet and IPv4, OP 1 (request) or 2 (reply). */
static void
arp_head(struct builder *b, size_t chain, enum lens lens, uint8_t op)
{
	const uint8_t head[8] = {0, ARPHRD_ETHER, 8, 0, 6, 4, 0, op};

	put_rule(b, chain);
	put_ethertype(b, lens, ETH_P_ARP);
	put_is(b, lens, 0, head, sizeof(head));
}

/* The sender is us, in both of its addresses. */
static void
arp_sender(struct builder *b, enum lens lens, const struct own_link *o)
{
	uint8_t sender[10];

	memcpy(sender, o->mac, 6);
	memcpy(sender + 6, o->ip, 4);
	put_is(b, lens, 8, sender, sizeof(sender));
}

/* To one station, not to a group. */
static void
to_one(struct builder *b, enum lens lens)
{
	static const uint8_t group = 1;

	if (!is_frame(lens))
		return;
	put_load_link(b, 0, 1);
	put_mask(b, &group, 1);
	put_eq8(b, 0);
}

static void
to_hop(struct builder *b, enum lens lens, const struct hop *hop)
{
	if (!is_frame(lens))
		return;
	put_load_link(b, 0, 6);
	put_cmp(b, NFT_CMP_EQ, hop->mac, 6);
}

/* To HOP and nobody else; NULL: to whoever asked, and seldom. */
static void
accept_to(struct builder *b, enum lens lens, const struct hop *hop)
{
	if (hop != NULL) {
		to_hop(b, lens, hop);
	} else {
		to_one(b, lens);
		put_limit(b, 2, 1, 20);
	}
	put_accept(b);
}

static void
arp_reply_out(struct builder *b, size_t chain, enum lens lens,
    const struct own_link *o, const struct hop *hop)
{
	uint8_t target[10];

	arp_head(b, chain, lens, ARPOP_REPLY);
	from_link(b, lens, o->mac, 42);
	arp_sender(b, lens, o);
	if (hop != NULL) {
		memcpy(target, hop->mac, 6);
		memcpy(target + 6, hop->ip, 4);
		put_is(b, lens, 18, target, sizeof(target));
	}
	accept_to(b, lens, hop);
}

/* Who has HOP?  NULL: whoever, for profiles that name whole networks. */
static void
arp_request_out(struct builder *b, size_t chain, enum lens lens,
    const struct own_link *o, const struct hop *hop)
{
	arp_head(b, chain, lens, ARPOP_REQUEST);
	from_link(b, lens, o->mac, 42);
	arp_sender(b, lens, o);
	put_is(b, lens, 18, zeros, 6);
	if (hop != NULL)
		put_is(b, lens, 24, hop->ip, 4);
	put_limit(b, 20, 1, 40);
	put_accept(b);
}

static void
arp_out(struct builder *b, size_t chain, enum lens lens)
{
	static const struct talk arp = {arp_reply_out, arp_request_out};
	size_t i;

	for (i = 0; i < b->nown; i++)
		if (b->own[i].len == 4)
			talk_out(b, chain, lens, &b->own[i], &arp);
}

static void
arp_in(struct builder *b, size_t chain, enum lens lens)
{
	size_t i;

	for (i = 0; i < b->nown; i++) {
		if (b->own[i].len != 4)
			continue;
		arp_head(b, chain, lens, ARPOP_REQUEST);
		put_is(b, lens, 24, b->own[i].ip, 4);
		put_accept(b);
		arp_head(b, chain, lens, ARPOP_REPLY);
		put_is(b, lens, 24, b->own[i].ip, 4);
		put_accept(b);
	}
}

void
put_arp(struct builder *b, size_t chain, enum lens lens, enum way way)
{
	if (b->live4 && way == WAY_OUT)
		arp_out(b, chain, lens);
	else if (b->live4)
		arp_in(b, chain, lens);
}

/* -- neighbour discovery --------------------------------------------------- */

/* ICMPv6 that was not routed here: hop limit 255 (RFC 4861, 11.2). */
static void
nd_head(struct builder *b, size_t chain, enum lens lens, uint8_t type)
{
	const uint8_t code[2] = {type, 0};

	put_rule(b, chain);
	put_network(b, lens, true, IPPROTO_ICMPV6);
	put_load(b, lens, 7, 1);
	put_eq8(b, 255);
	put_is(b, lens, 40, code, sizeof(code));
}

/* Our link address as the one option, at OFFSET. */
static void
nd_option(struct builder *b, enum lens lens, uint32_t offset, uint8_t kind,
    const uint8_t *mac)
{
	uint8_t option[8] = {kind, 1};

	memcpy(option + 2, mac, 6);
	put_is(b, lens, offset, option, sizeof(option));
}

/* No traffic class, no flow label; LEN bytes of payload; from us. */
static void
nd_from(struct builder *b, enum lens lens, const struct own_link *o,
    uint8_t len)
{
	const uint8_t head[6] = {0x60, 0, 0, 0, 0, len};

	from_link(b, lens, o->mac, 14 + 40 + len);
	put_is(b, lens, 0, head, sizeof(head));
	put_is(b, lens, 8, o->ip, 16);
}

static void
advertise_out(struct builder *b, size_t chain, enum lens lens,
    const struct own_link *o, const struct hop *hop)
{
	nd_head(b, chain, lens, ND_NEIGHBOR_ADVERT);
	nd_from(b, lens, o, 32);
	put_is(b, lens, 45, zeros, 3);
	put_is(b, lens, 48, o->ip, 16);
	nd_option(b, lens, 64, ND_OPT_TARGET_LINKADDR, o->mac);
	if (hop != NULL)
		put_is(b, lens, 24, hop->ip, 16);
	accept_to(b, lens, hop);
}

/* To the solicited-node group of HOP (RFC 4291, 2.7.1); NULL: anybody's. */
static void
solicit_out(struct builder *b, size_t chain, enum lens lens,
    const struct own_link *o, const struct hop *hop)
{
	uint8_t group[16] = {0xff, 2, [11] = 1, [12] = 0xff};

	nd_head(b, chain, lens, ND_NEIGHBOR_SOLICIT);
	nd_from(b, lens, o, 32);
	if (hop != NULL) {
		memcpy(group + 13, hop->ip + 13, 3);
		put_is(b, lens, 24, group, 16);
		put_is(b, lens, 48, hop->ip, 16);
	} else {
		put_is(b, lens, 24, group, 13);
	}
	put_is(b, lens, 44, zeros, 4);
	nd_option(b, lens, 64, ND_OPT_SOURCE_LINKADDR, o->mac);
	put_limit(b, 20, 1, 40);
	put_accept(b);
}

/* Is there a router?  Asked when the line has none. */
static void
router_solicit_out(struct builder *b, size_t chain, enum lens lens,
    const struct own_link *o)
{
	static const uint8_t routers[16] = {0xff, 2, [15] = 2};

	nd_head(b, chain, lens, ND_ROUTER_SOLICIT);
	nd_from(b, lens, o, 16);
	put_is(b, lens, 24, routers, 16);
	put_is(b, lens, 44, zeros, 4);
	nd_option(b, lens, 48, ND_OPT_SOURCE_LINKADDR, o->mac);
	put_limit(b, 2, 1, 8);
	put_accept(b);
}

static void
neighbours_out(struct builder *b, size_t chain, enum lens lens)
{
	static const struct talk nd = {advertise_out, solicit_out};
	size_t i;

	for (i = 0; i < b->nown; i++) {
		const struct own_link *own = &b->own[i];

		if (own->len != 16)
			continue;
		if (is_loose(b) && own->ip[0] == 0xfe &&
		    (own->ip[1] & 0xc0) == 0x80)
			router_solicit_out(b, chain, lens, own);
		talk_out(b, chain, lens, own, &nd);
	}
}

static void
any_neighbour(struct builder *b, size_t chain, enum lens lens, uint8_t type)
{
	nd_head(b, chain, lens, type);
	put_accept(b);
}

static void
from_station(struct builder *b, size_t chain, enum lens lens, uint8_t type,
    const uint8_t ip[16])
{
	nd_head(b, chain, lens, type);
	put_is(b, lens, 8, ip, 16);
	put_accept(b);
}

/* Advertisements keep address and route alive: those of our routers. */
static void
neighbours_in(struct builder *b, size_t chain, enum lens lens)
{
	/* payload without an option, which one who knows us may send, and
	 * with the asker's link address */
	static const uint8_t bare[2] = {0, 24}, asks[2] = {0, 32};
	static const uint8_t option[2] = {ND_OPT_SOURCE_LINKADDR, 1};
	size_t i;

	for (i = 0; i < b->nown; i++) {
		if (b->own[i].len != 16)
			continue;
		nd_head(b, chain, lens, ND_NEIGHBOR_SOLICIT);
		put_is(b, lens, 4, bare, 2);
		put_is(b, lens, 48, b->own[i].ip, 16);
		put_accept(b);
		nd_head(b, chain, lens, ND_NEIGHBOR_SOLICIT);
		put_is(b, lens, 4, asks, 2);
		put_is(b, lens, 48, b->own[i].ip, 16);
		put_is(b, lens, 64, option, 2);
		put_accept(b);
	}
	if (is_loose(b)) {
		any_neighbour(b, chain, lens, ND_ROUTER_ADVERT);
		any_neighbour(b, chain, lens, ND_NEIGHBOR_ADVERT);
		return;
	}
	for (i = 0; i < b->in->body->n_collectors; i++) {
		const struct hop *hop = &b->in->hops[i];

		if (hop->len != 16 || hop->device == 0)
			continue;
		from_station(b, chain, lens, ND_ROUTER_ADVERT, hop->ip);
		if (!hop->pinned)
			from_station(b, chain, lens, ND_NEIGHBOR_ADVERT,
			    hop->ip);
	}
	for (i = 0; i < b->in->nrouters; i++)
		from_station(b, chain, lens, ND_ROUTER_ADVERT,
		    b->in->routers[i].ip);
}

void
put_neighbours(struct builder *b, size_t chain, enum lens lens, enum way way)
{
	if (!b->live6)
		return;
	if (way == WAY_IN) {
		neighbours_in(b, chain, lens);
	} else if (is_frame(lens)) {
		neighbours_out(b, chain, lens);
	} else {
		any_neighbour(b, chain, lens, ND_ROUTER_SOLICIT);
		any_neighbour(b, chain, lens, ND_NEIGHBOR_SOLICIT);
		any_neighbour(b, chain, lens, ND_NEIGHBOR_ADVERT);
	}
}

/* -- DHCP ------------------------------------------------------------------ */

static void
udp_ports(struct builder *b, enum lens lens, uint32_t l4, uint16_t from,
    uint16_t to)
{
	put_load(b, lens, l4, 2);
	put_eq16(b, from);
	put_load(b, lens, l4 + 2, 2);
	put_eq16(b, to);
}

/* RFC 2131, 2: for the device with link address MAC; OP 1 asks, 2 answers. */
static void
bootp(struct builder *b, enum lens lens, uint8_t op, const uint8_t *mac)
{
	const uint8_t head[3] = {op, ARPHRD_ETHER, 6};
	static const uint8_t cookie[4] = {99, 130, 83, 99};
	const uint32_t at = 20 + 8;
	uint8_t hardware[16] = {0};

	memcpy(hardware, mac, 6);
	put_is(b, lens, at, head, 3);
	put_is(b, lens, at + 28, hardware, 16);
	put_is(b, lens, at + 236, cookie, 4);
}

/* What a client that asks leaves empty. */
static void
bootp_empty(struct builder *b, enum lens lens)
{
	const uint32_t at = 20 + 8;
	uint32_t k;

	put_is(b, lens, at + 3, zeros, 1);   /* hops */
	put_is(b, lens, at + 16, zeros, 12); /* yiaddr, siaddr, giaddr */
	for (k = 0; k < 192; k += 16)	     /* sname, file */
		put_is(b, lens, at + 44 + k, zeros, 16);
}

static void
frame_from_to(struct builder *b, const uint8_t *mac, const uint8_t to[6])
{
	put_load_link(b, 0, 6);
	put_cmp(b, NFT_CMP_EQ, to, 6);
	put_load_link(b, 6, 6);
	put_cmp(b, NFT_CMP_EQ, mac, 6);
	put_limit(b, 20, 60, 12);
}

/*
 * Out only as broadcast and to all servers: a client whose unicast renewal
 * is not answered rebinds that way in time.
 */
static void
dhcp4_out(struct builder *b, size_t chain, enum lens lens, const uint8_t *mac)
{
	static const uint8_t everyone[6] = {255, 255, 255, 255, 255, 255};

	put_rule(b, chain);
	put_network(b, lens, false, IPPROTO_UDP);
	put_address(b, lens, WAY_OUT, everyone, 4, 32);
	udp_ports(b, lens, 20, 68, 67);
	is_short(b, lens);
	bootp(b, lens, 1, mac);
	bootp_empty(b, lens);
	if (is_frame(lens))
		frame_from_to(b, mac, everyone);
	put_accept(b);
}

static void
dhcp6_out(struct builder *b, size_t chain, enum lens lens, const uint8_t *mac)
{
	static const uint8_t servers[16] = {0xff, 2, [13] = 1, [15] = 2};
	static const uint8_t group[6] = {0x33, 0x33, 0, 1, 0, 2};

	put_rule(b, chain);
	put_network(b, lens, true, IPPROTO_UDP);
	put_address(b, lens, WAY_OUT, servers, 16, 128);
	udp_ports(b, lens, 40, 546, 547);
	is_short(b, lens);
	if (is_frame(lens))
		frame_from_to(b, mac, group);
	put_accept(b);
}

static void
dhcp4_in(struct builder *b, size_t chain, enum lens lens, const uint8_t *mac)
{
	put_rule(b, chain);
	put_network(b, lens, false, IPPROTO_UDP);
	udp_ports(b, lens, 20, 67, 68);
	bootp(b, lens, 2, mac);
	put_accept(b);
}

void
put_dhcp(struct builder *b, size_t chain, enum lens lens, enum way way)
{
	size_t i;

	for (i = 0; i < b->nmac; i++) {
		if (b->lease4 && way == WAY_OUT)
			dhcp4_out(b, chain, lens, b->mac[i]);
		else if (b->lease4)
			dhcp4_in(b, chain, lens, b->mac[i]);
		if (b->lease6 && way == WAY_OUT)
			dhcp6_out(b, chain, lens, b->mac[i]);
	}
	if (b->lease6 && way == WAY_IN) {
		put_rule(b, chain);
		put_network(b, lens, true, IPPROTO_UDP);
		udp_ports(b, lens, 40, 547, 546);
		put_accept(b);
	}
}

/* -- 802.1X ---------------------------------------------------------------- */

void
put_eapol(struct builder *b, size_t chain, const struct device *d,
    enum way way)
{
	/* ends at the next bridge, which never forwards it */
	static const uint8_t group[6] = {0x01, 0x80, 0xc2, 0, 0, 3};

	if (d->eapol == EAPOL_NONE)
		return;
	put_rule(b, chain);
	put_ethertype(b, LENS_FRAME, TYPE_EAPOL);
	if (way == WAY_OUT) {
		put_load_link(b, 6, 6);
		put_cmp(b, NFT_CMP_EQ, d->mac, 6);
		if (d->eapol == EAPOL_GROUP) {
			put_load_link(b, 0, 6);
			put_cmp(b, NFT_CMP_EQ, group, 6);
		}
		put_limit(b, 40, 1, 80);
	}
	put_accept(b);
}
