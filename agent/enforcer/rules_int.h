/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside of ruleset_build: how a rule is written.  One description of a
 * packet is written several ways, through a lens: as the inet hooks see it,
 * as bytes of an Ethernet frame, as bytes of a packet on a device without
 * link layer, as the arp hooks see it.  Errors stick in the builder; the
 * last function of a build looks once.
 */
#ifndef CORDON_ENFORCER_RULES_INT_H
#define CORDON_ENFORCER_RULES_INT_H

#include "agent/enforcer/ruleset.h"

enum lens {
	LENS_INET,   /* inet hooks: nfproto, network header */
	LENS_FRAME,  /* Ethernet frame */
	LENS_TAGGED, /* Ethernet frame with one 802.1Q tag */
	LENS_PACKET, /* device without link layer */
	LENS_ARP,    /* arp hooks */
};

enum way { WAY_OUT, WAY_IN };

/* An own address and the link address that goes with it. */
struct own_link {
	const uint8_t *ip;
	uint8_t len;
	const uint8_t *mac;
};

struct builder {
	struct ruleset *rs;
	const struct ruleset_input *in;
	struct own_link own[RULESET_OWN_MAX]; /* on devices of the line */
	size_t nown;
	const uint8_t *mac[RULESET_OWN_MAX]; /* of those devices, each once */
	size_t nmac;
	bool any;	     /* more than known stations may be talked to */
	bool live4, live6;   /* the line needs ARP, neighbour discovery */
	bool lease4, lease6; /* and a client has to renew its address */
	int rc;
};

/* -- expressions, rules_expr.c -- */
void put_expr(struct builder *b, const struct expr *e);
void put_rule(struct builder *b, size_t chain);
void put_meta(struct builder *b, uint32_t key);
void put_cmp(struct builder *b, uint32_t op, const void *data, uint32_t len);
void put_eq8(struct builder *b, uint8_t v);
void put_eq16(struct builder *b, uint16_t v);
void put_eq32h(struct builder *b, uint32_t v); /* a key in host order */
void put_mask(struct builder *b, const void *data, uint32_t len);
/* LEN bytes at OFFSET of the network header, through the lens. */
void put_load(struct builder *b, enum lens lens, uint32_t offset,
    uint32_t len);
/* The same of the link header, of an Ethernet lens. */
void put_load_link(struct builder *b, uint32_t offset, uint32_t len);
/*
 * LEN bytes at OFFSET of the network header are DATA.  Not asked where the
 * kernel cannot reach so far (FEATURE_FAR): only DHCP's last bytes lie there.
 */
void put_is(struct builder *b, enum lens lens, uint32_t offset,
    const void *data, uint32_t len);
/* What follows the link layer, told by the frame's own bytes. */
void put_ethertype(struct builder *b, enum lens lens, uint16_t type);
/* At most RATE packets in SECONDS, with so many at once. */
void put_limit(struct builder *b, uint32_t rate, uint32_t seconds,
    uint32_t burst);
void put_verdict(struct builder *b, int32_t code, const char *to);
void put_accept(struct builder *b);
/* IPv4 without options and not a fragment, or IPv6 without extensions. */
void put_network(struct builder *b, enum lens lens, bool v6,
    uint8_t protocol);
/* The peer's address: destination when it goes out, source when in. */
void put_address(struct builder *b, enum lens lens, enum way way,
    const uint8_t *addr, uint32_t len, uint32_t prefix);

/* -- what keeps the line alive, rules_link.c -- */
/* ARP (RFC 826). */
void put_arp(struct builder *b, size_t chain, enum lens lens, enum way way);
/* Neighbour discovery (RFC 4861). */
void put_neighbours(struct builder *b, size_t chain, enum lens lens,
    enum way way);
/* DHCP (RFC 2131, RFC 8415). */
void put_dhcp(struct builder *b, size_t chain, enum lens lens, enum way way);
/* IEEE 802.1X; D says whether this device needs it. */
void put_eapol(struct builder *b, size_t chain, const struct device *d,
    enum way way);

/* -- devices yet to come, rules_names.c -- */
/*
 * Chains without rules that drop all that goes out of or comes into any
 * device, present or future, whose name is not in EXCEPT.
 */
void put_other_devices(struct builder *b, size_t table,
    const char *const *except, size_t n);

#endif
