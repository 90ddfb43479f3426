/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Small builders over libnftnl.  Runs in the enforcer.
 */
#include "agent/enforcer/nft_expr.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

static struct nftnl_expr *
make_load(const struct expr *e)
{
	struct nftnl_expr *x;

	if (e->kind == EXPR_META) {
		x = nftnl_expr_alloc("meta");
		if (x == NULL)
			return NULL;
		nftnl_expr_set_u32(x, NFTNL_EXPR_META_KEY, e->key);
		nftnl_expr_set_u32(x, NFTNL_EXPR_META_DREG, NFT_REG_1);
		return x;
	}
	if (e->kind == EXPR_RT) {
		x = nftnl_expr_alloc("rt");
		if (x == NULL)
			return NULL;
		nftnl_expr_set_u32(x, NFTNL_EXPR_RT_KEY, e->key);
		nftnl_expr_set_u32(x, NFTNL_EXPR_RT_DREG, NFT_REG_1);
		return x;
	}
	x = nftnl_expr_alloc("payload");
	if (x == NULL)
		return NULL;
	nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_BASE, e->key);
	nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
	nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_OFFSET, e->offset);
	nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_LEN, e->len);
	return x;
}

static struct nftnl_expr *
make_mask(const struct expr *e)
{
	static const uint8_t zeros[16];
	struct nftnl_expr *x = nftnl_expr_alloc("bitwise");

	if (x == NULL)
		return NULL;
	nftnl_expr_set_u32(x, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(x, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(x, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
	nftnl_expr_set_u32(x, NFTNL_EXPR_BITWISE_LEN, e->len);
	nftnl_expr_set(x, NFTNL_EXPR_BITWISE_MASK, e->data, e->len);
	nftnl_expr_set(x, NFTNL_EXPR_BITWISE_XOR, zeros, e->len);
	return x;
}

static struct nftnl_expr *
make_cmp(const struct expr *e)
{
	struct nftnl_expr *x = nftnl_expr_alloc("cmp");

	if (x == NULL)
		return NULL;
	nftnl_expr_set_u32(x, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(x, NFTNL_EXPR_CMP_OP, e->key);
	nftnl_expr_set(x, NFTNL_EXPR_CMP_DATA, e->data, e->len);
	return x;
}

static struct nftnl_expr *
make_count(const struct expr *e)
{
	struct nftnl_expr *x = nftnl_expr_alloc("objref");

	if (x == NULL)
		return NULL;
	nftnl_expr_set_u32(x, NFTNL_EXPR_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
	nftnl_expr_set_str(x, NFTNL_EXPR_OBJREF_IMM_NAME, e->name);
	return x;
}

static struct nftnl_expr *
make_limit(const struct expr *e)
{
	struct nftnl_expr *x = nftnl_expr_alloc("limit");

	if (x == NULL)
		return NULL;
	nftnl_expr_set_u64(x, NFTNL_EXPR_LIMIT_RATE, e->key);
	nftnl_expr_set_u64(x, NFTNL_EXPR_LIMIT_UNIT, e->offset);
	nftnl_expr_set_u32(x, NFTNL_EXPR_LIMIT_BURST, (uint32_t)e->code);
	nftnl_expr_set_u32(x, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
	nftnl_expr_set_u32(x, NFTNL_EXPR_LIMIT_FLAGS, 0);
	return x;
}

static struct nftnl_expr *
make_verdict(const struct expr *e)
{
	struct nftnl_expr *x = nftnl_expr_alloc("immediate");

	if (x == NULL)
		return NULL;
	nftnl_expr_set_u32(x, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(x, NFTNL_EXPR_IMM_VERDICT, (uint32_t)e->code);
	if (e->name[0] != '\0')
		nftnl_expr_set_str(x, NFTNL_EXPR_IMM_CHAIN, e->name);
	return x;
}

struct nftnl_expr *
nft_expr_make(const struct expr *e)
{
	switch (e->kind) {
	case EXPR_META:
	case EXPR_RT:
	case EXPR_PAYLOAD:
		return make_load(e);
	case EXPR_MASK:
		return make_mask(e);
	case EXPR_CMP:
		return make_cmp(e);
	case EXPR_COUNT:
		return make_count(e);
	case EXPR_LIMIT:
		return make_limit(e);
	case EXPR_VERDICT:
		return make_verdict(e);
	case EXPR_OTHER:
		break;
	}
	return NULL;
}
