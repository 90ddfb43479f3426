/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Expressions and the parts that every rule is made of.  Runs in the
 * enforcer, pure.  All of it is payload and meta loads: no set, no
 * connection tracking, no interface name.
 */
#include "agent/enforcer/rules_int.h"

#include <netinet/in.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <string.h>

void
put_expr(struct builder *b, const struct expr *e)
{
	if (b->rc == 0)
		b->rc = ruleset_add_expr(b->rs, e);
}

void
put_rule(struct builder *b, size_t chain)
{
	if (b->rc == 0)
		b->rc = ruleset_add_rule(b->rs, chain);
}

void
put_meta(struct builder *b, uint32_t key)
{
	struct expr e = {.kind = EXPR_META, .key = key};

	put_expr(b, &e);
}

void
put_cmp(struct builder *b, uint32_t op, const void *data, uint32_t len)
{
	struct expr e = {.kind = EXPR_CMP, .key = op, .len = len};

	memcpy(e.data, data, len);
	put_expr(b, &e);
}

void
put_eq8(struct builder *b, uint8_t v)
{
	put_cmp(b, NFT_CMP_EQ, &v, 1);
}

void
put_eq16(struct builder *b, uint16_t v)
{
	uint16_t n = htons(v);

	put_cmp(b, NFT_CMP_EQ, &n, 2);
}

void
put_eq32h(struct builder *b, uint32_t v)
{
	put_cmp(b, NFT_CMP_EQ, &v, 4);
}

void
put_mask(struct builder *b, const void *data, uint32_t len)
{
	struct expr e = {.kind = EXPR_MASK, .len = len};

	memcpy(e.data, data, len);
	put_expr(b, &e);
}

/* What stands before the network header, as LENS counts. */
static uint32_t
before(enum lens lens)
{
	return lens == LENS_FRAME ? 14 : lens == LENS_TAGGED ? 18 : 0;
}

void
put_load(struct builder *b, enum lens lens, uint32_t offset, uint32_t len)
{
	struct expr e = {.kind = EXPR_PAYLOAD, .len = len,
	    .offset = offset + before(lens),
	    .key = NFT_PAYLOAD_NETWORK_HEADER};

	if (lens == LENS_FRAME || lens == LENS_TAGGED)
		e.key = NFT_PAYLOAD_LL_HEADER;
	put_expr(b, &e);
}

void
put_load_link(struct builder *b, uint32_t offset, uint32_t len)
{
	struct expr e = {.kind = EXPR_PAYLOAD, .len = len, .offset = offset,
	    .key = NFT_PAYLOAD_LL_HEADER};

	put_expr(b, &e);
}

void
put_is(struct builder *b, enum lens lens, uint32_t offset, const void *data,
    uint32_t len)
{
	/* Such a rule would be refused, and all others with it. */
	if (offset + before(lens) > RULES_NEAR_MAX &&
	    !(b->in->features & FEATURE_FAR))
		return;
	put_load(b, lens, offset, len);
	put_cmp(b, NFT_CMP_EQ, data, len);
}

void
put_ethertype(struct builder *b, enum lens lens, uint16_t type)
{
	switch (lens) {
	case LENS_INET:
		put_meta(b, NFT_META_NFPROTO);
		put_eq8(b, type == ETH_P_IP ? NFPROTO_IPV4 : NFPROTO_IPV6);
		break;
	case LENS_FRAME:
		put_load_link(b, 12, 2);
		put_eq16(b, type);
		break;
	case LENS_TAGGED:
		put_load_link(b, 12, 2);
		put_eq16(b, ETH_P_8021Q);
		put_load_link(b, 16, 2);
		put_eq16(b, type);
		break;
	case LENS_PACKET:
		put_meta(b, NFT_META_PROTOCOL);
		put_eq16(b, type);
		break;
	case LENS_ARP:
		break;
	}
}

void
put_limit(struct builder *b, uint32_t rate, uint32_t seconds, uint32_t burst)
{
	struct expr e = {.kind = EXPR_LIMIT, .key = rate, .offset = seconds,
	    .code = (int32_t)burst};

	put_expr(b, &e);
}

void
put_verdict(struct builder *b, int32_t code, const char *to)
{
	struct expr e = {.kind = EXPR_VERDICT, .code = code};

	snprintf(e.name, sizeof(e.name), "%s", to);
	put_expr(b, &e);
}

void
put_accept(struct builder *b)
{
	put_verdict(b, NF_ACCEPT, "");
}

void
put_network(struct builder *b, enum lens lens, bool v6, uint8_t protocol)
{
	static const uint8_t version_mask = 0xf0;
	static const uint8_t fragment_mask[2] = {0x3f, 0xff};

	put_ethertype(b, lens, v6 ? ETH_P_IPV6 : ETH_P_IP);
	put_load(b, lens, 0, 1);
	if (v6) {
		put_mask(b, &version_mask, 1);
		put_eq8(b, 0x60);
		put_load(b, lens, 6, 1);
		put_eq8(b, protocol);
		return;
	}
	put_eq8(b, 0x45);
	put_load(b, lens, 6, 2);
	put_mask(b, fragment_mask, 2);
	put_eq16(b, 0);
	put_load(b, lens, 9, 1);
	put_eq8(b, protocol);
}

void
put_address(struct builder *b, enum lens lens, enum way way,
    const uint8_t *addr, uint32_t len, uint32_t prefix)
{
	uint8_t bits[16] = {0}, want[16];
	uint32_t i;

	if (len == 16)
		put_load(b, lens, way == WAY_OUT ? 24 : 8, 16);
	else
		put_load(b, lens, way == WAY_OUT ? 16 : 12, 4);
	for (i = 0; i < prefix && i < len * 8; i++)
		bits[i / 8] |= (uint8_t)(0x80 >> (i % 8));
	for (i = 0; i < len; i++)
		want[i] = addr[i] & bits[i];
	if (prefix < len * 8)
		put_mask(b, bits, len);
	put_cmp(b, NFT_CMP_EQ, want, len);
}
