/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading our tables back.  Runs in the enforcer.  The bytes come from the
 * kernel, and are checked all the same: a wrong length here would decide
 * whether a host counts as cut off.
 */
#include "agent/enforcer/nft_read.h"

#include <arpa/inet.h>
#include <endian.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>

#define READ_TRIES 8
#define ATTRS_MAX 64

void
nft_view_done(struct nft_view *v)
{
	ruleset_free(&v->rs);
}

/* -- attributes ----------------------------------------------------------- */

struct attrs {
	const struct nlattr *at[ATTRS_MAX];
};

static void
attrs_add(struct attrs *a, const struct nlattr *attr)
{
	if (mnl_attr_get_type(attr) < ATTRS_MAX)
		a->at[mnl_attr_get_type(attr)] = attr;
}

static void
attrs_nested(struct attrs *a, const struct nlattr *nest)
{
	const struct nlattr *attr;

	memset(a, 0, sizeof(*a));
	mnl_attr_for_each_nested(attr, nest)
		attrs_add(a, attr);
}

static void
attrs_message(struct attrs *a, const struct nlmsghdr *nlh)
{
	const struct nlattr *attr;

	memset(a, 0, sizeof(*a));
	mnl_attr_for_each(attr, nlh, sizeof(struct nfgenmsg))
		attrs_add(a, attr);
}

/* A terminated string that fits into OUT. */
static int
get_str(const struct attrs *a, unsigned int type, char *out, size_t size)
{
	const char *s;
	size_t len;

	if (a->at[type] == NULL)
		return ERR_PROTO;
	s = mnl_attr_get_payload(a->at[type]);
	len = strnlen(s, mnl_attr_get_payload_len(a->at[type]));
	if (len == mnl_attr_get_payload_len(a->at[type]) || len >= size)
		return ERR_PROTO;
	memcpy(out, s, len + 1);
	return 0;
}

static int
get_u32(const struct attrs *a, unsigned int type, uint32_t *out)
{
	uint32_t v;

	if (a->at[type] == NULL ||
	    mnl_attr_get_payload_len(a->at[type]) != sizeof(v))
		return ERR_PROTO;
	memcpy(&v, mnl_attr_get_payload(a->at[type]), sizeof(v));
	*out = ntohl(v);
	return 0;
}

/* A small number that the kernel sends as 64 bits. */
static int
get_u64(const struct attrs *a, unsigned int type, uint32_t *out)
{
	uint64_t v;

	if (a->at[type] == NULL ||
	    mnl_attr_get_payload_len(a->at[type]) != sizeof(v))
		return ERR_PROTO;
	memcpy(&v, mnl_attr_get_payload(a->at[type]), sizeof(v));
	v = be64toh(v);
	if (v > UINT32_MAX)
		return ERR_PROTO;
	*out = (uint32_t)v;
	return 0;
}

/* NFTA_DATA_VALUE inside a nest: 1..16 bytes. */
static int
get_data(const struct attrs *a, unsigned int type, struct expr *e)
{
	const struct nlattr *value = NULL, *attr;
	uint16_t len;

	if (a->at[type] == NULL)
		return ERR_PROTO;
	mnl_attr_for_each_nested(attr, a->at[type])
		if (mnl_attr_get_type(attr) == NFTA_DATA_VALUE)
			value = attr;
	if (value == NULL)
		return ERR_PROTO;
	len = mnl_attr_get_payload_len(value);
	if (len == 0 || len > sizeof(e->data))
		return ERR_PROTO;
	memcpy(e->data, mnl_attr_get_payload(value), len);
	e->len = len;
	return 0;
}

/* -- expressions ---------------------------------------------------------- */

/* Every register must be the one that we use, else it is not our rule. */
static int
need(const struct attrs *a, unsigned int type, uint32_t value)
{
	uint32_t v;

	return get_u32(a, type, &v) == 0 && v == value ? 0 : ERR_PROTO;
}

static int
read_meta(const struct attrs *a, struct expr *e)
{
	e->kind = EXPR_META;
	return need(a, NFTA_META_DREG, NFT_REG_1) != 0 ? ERR_PROTO :
	    get_u32(a, NFTA_META_KEY, &e->key);
}

static int
read_rt(const struct attrs *a, struct expr *e)
{
	e->kind = EXPR_RT;
	return need(a, NFTA_RT_DREG, NFT_REG_1) != 0 ? ERR_PROTO :
	    get_u32(a, NFTA_RT_KEY, &e->key);
}

static int
read_payload(const struct attrs *a, struct expr *e)
{
	e->kind = EXPR_PAYLOAD;
	if (need(a, NFTA_PAYLOAD_DREG, NFT_REG_1) != 0 ||
	    get_u32(a, NFTA_PAYLOAD_BASE, &e->key) != 0 ||
	    get_u32(a, NFTA_PAYLOAD_OFFSET, &e->offset) != 0)
		return ERR_PROTO;
	return get_u32(a, NFTA_PAYLOAD_LEN, &e->len);
}

static int
read_mask(const struct attrs *a, struct expr *e)
{
	static const uint8_t zeros[16];
	struct expr x = {0};
	uint32_t len;

	e->kind = EXPR_MASK;
	if (need(a, NFTA_BITWISE_SREG, NFT_REG_1) != 0 ||
	    need(a, NFTA_BITWISE_DREG, NFT_REG_1) != 0 ||
	    get_u32(a, NFTA_BITWISE_LEN, &len) != 0 ||
	    get_data(a, NFTA_BITWISE_MASK, e) != 0 ||
	    get_data(a, NFTA_BITWISE_XOR, &x) != 0)
		return ERR_PROTO;
	if (a->at[NFTA_BITWISE_OP] != NULL &&
	    need(a, NFTA_BITWISE_OP, NFT_BITWISE_BOOL) != 0)
		return ERR_PROTO;
	return e->len == len && x.len == len &&
	    memcmp(x.data, zeros, len) == 0 ? 0 : ERR_PROTO;
}

static int
read_cmp(const struct attrs *a, struct expr *e)
{
	e->kind = EXPR_CMP;
	if (need(a, NFTA_CMP_SREG, NFT_REG_1) != 0 ||
	    get_u32(a, NFTA_CMP_OP, &e->key) != 0)
		return ERR_PROTO;
	return get_data(a, NFTA_CMP_DATA, e);
}

static int
read_count(const struct attrs *a, struct expr *e)
{
	e->kind = EXPR_COUNT;
	return need(a, NFTA_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER) != 0 ?
	    ERR_PROTO : get_str(a, NFTA_OBJREF_IMM_NAME, e->name,
	    sizeof(e->name));
}

static int
read_limit(const struct attrs *a, struct expr *e)
{
	uint32_t burst;

	e->kind = EXPR_LIMIT;
	if (need(a, NFTA_LIMIT_TYPE, NFT_LIMIT_PKTS) != 0 ||
	    need(a, NFTA_LIMIT_FLAGS, 0) != 0 ||
	    get_u64(a, NFTA_LIMIT_RATE, &e->key) != 0 ||
	    get_u64(a, NFTA_LIMIT_UNIT, &e->offset) != 0 ||
	    get_u32(a, NFTA_LIMIT_BURST, &burst) != 0)
		return ERR_PROTO;
	e->code = (int32_t)burst;
	return 0;
}

static int
read_verdict(const struct attrs *a, struct expr *e)
{
	struct attrs data, v;
	uint32_t code;

	e->kind = EXPR_VERDICT;
	if (need(a, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT) != 0 ||
	    a->at[NFTA_IMMEDIATE_DATA] == NULL)
		return ERR_PROTO;
	attrs_nested(&data, a->at[NFTA_IMMEDIATE_DATA]);
	if (data.at[NFTA_DATA_VERDICT] == NULL)
		return ERR_PROTO;
	attrs_nested(&v, data.at[NFTA_DATA_VERDICT]);
	if (get_u32(&v, NFTA_VERDICT_CODE, &code) != 0)
		return ERR_PROTO;
	e->code = (int32_t)code;
	if (v.at[NFTA_VERDICT_CHAIN] != NULL)
		return get_str(&v, NFTA_VERDICT_CHAIN, e->name,
		    sizeof(e->name));
	return 0;
}

static const struct {
	const char *name;
	int (*read)(const struct attrs *a, struct expr *e);
} readers[] = {
    {"meta", read_meta},
    {"payload", read_payload},
    {"bitwise", read_mask},
    {"cmp", read_cmp},
    {"rt", read_rt},
    {"objref", read_count},
    {"limit", read_limit},
    {"immediate", read_verdict},
};

/* Never fails on what it does not know: that is EXPR_OTHER. */
static int
read_expr(struct ruleset *rs, const struct nlattr *nest)
{
	struct expr e = {0};
	struct attrs outer, inner = {{0}};
	char name[RULESET_NAME_MAX];
	size_t i;

	attrs_nested(&outer, nest);
	if (get_str(&outer, NFTA_EXPR_NAME, name, sizeof(name)) != 0)
		return ERR_PROTO;
	if (outer.at[NFTA_EXPR_DATA] != NULL)
		attrs_nested(&inner, outer.at[NFTA_EXPR_DATA]);
	for (i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
		if (strcmp(readers[i].name, name) == 0 &&
		    readers[i].read(&inner, &e) == 0)
			return ruleset_add_expr(rs, &e);
	memset(&e, 0, sizeof(e));
	e.kind = EXPR_OTHER;
	snprintf(e.name, sizeof(e.name), "%s", name);
	return ruleset_add_expr(rs, &e);
}

/* -- messages ------------------------------------------------------------- */

static int
read_table(struct nft_view *v, uint8_t family, const struct attrs *a)
{
	uint32_t flags = 0;
	size_t index;

	if (a->at[NFTA_TABLE_FLAGS] != NULL &&
	    get_u32(a, NFTA_TABLE_FLAGS, &flags) != 0)
		return ERR_PROTO;
	if (a->at[NFTA_TABLE_OWNER] != NULL &&
	    get_u32(a, NFTA_TABLE_OWNER, &v->owner) != 0)
		return ERR_PROTO;
	if (ruleset_find_table(v->rs, family) != SIZE_MAX)
		return ERR_PROTO;
	return ruleset_add_table(v->rs, family, flags, &index);
}

/* NFTA_DEVICE_NAME, NFTA_DEVICE_PREFIX: a name that fits. */
static int
read_name(const struct nlattr *attr, char out[16])
{
	const char *s = mnl_attr_get_payload(attr);
	size_t max = mnl_attr_get_payload_len(attr), len = strnlen(s, max);

	if (len >= 16 || (len == max &&
	    mnl_attr_get_type(attr) == NFTA_DEVICE_NAME))
		return ERR_PROTO;
	memcpy(out, s, len);
	out[len] = '\0';
	return 0;
}

/*
 * The devices of a netdev chain: one name goes into the chain, more of them
 * and prefixes become hooknames of the chain that was just added.
 */
static int
read_hooknames(struct ruleset *rs, const struct nlattr *list)
{
	const struct nlattr *attr;
	char name[16];
	int rc = 0;

	mnl_attr_for_each_nested(attr, list) {
		if (rc == 0)
			rc = read_name(attr, name);
		if (rc == 0)
			rc = ruleset_add_hookname(rs, name,
			    mnl_attr_get_type(attr) != NFTA_DEVICE_NAME);
	}
	return rc;
}

/* *MANY: the nest of devices if it is not one plain name. */
static int
read_device(const struct attrs *hook, struct chain *c,
    const struct nlattr **many)
{
	const struct nlattr *attr, *only = NULL;
	size_t n = 0;

	*many = NULL;
	if (hook->at[NFTA_HOOK_DEVS] != NULL) {
		mnl_attr_for_each_nested(attr, hook->at[NFTA_HOOK_DEVS]) {
			only = attr;
			n++;
		}
		if (n == 1 && mnl_attr_get_type(only) == NFTA_DEVICE_NAME)
			return read_name(only, c->device);
		*many = hook->at[NFTA_HOOK_DEVS];
		return 0;
	}
	if (hook->at[NFTA_HOOK_DEV] != NULL)
		return get_str(hook, NFTA_HOOK_DEV, c->device,
		    sizeof(c->device));
	return 0;
}

static int
read_chain(struct nft_view *v, size_t table, const struct attrs *a)
{
	const struct nlattr *many = NULL;
	struct chain c = {.table = table};
	struct attrs hook;
	uint32_t priority;
	size_t index;
	int rc;

	if (get_str(a, NFTA_CHAIN_NAME, c.name, sizeof(c.name)) != 0 ||
	    ruleset_find_chain(v->rs, table, c.name) != SIZE_MAX)
		return ERR_PROTO;
	if (a->at[NFTA_CHAIN_HOOK] != NULL) {
		c.base = true;
		attrs_nested(&hook, a->at[NFTA_CHAIN_HOOK]);
		if (get_u32(&hook, NFTA_HOOK_HOOKNUM, &c.hook) != 0 ||
		    get_u32(&hook, NFTA_HOOK_PRIORITY, &priority) != 0 ||
		    get_u32(a, NFTA_CHAIN_POLICY, &c.policy) != 0 ||
		    read_device(&hook, &c, &many) != 0)
			return ERR_PROTO;
		c.priority = (int32_t)priority;
	}
	rc = ruleset_add_chain(v->rs, &c, &index);
	if (rc == 0 && many != NULL)
		rc = read_hooknames(v->rs, many);
	return rc;
}

static int
read_rule(struct nft_view *v, size_t table, const struct attrs *a)
{
	char name[RULESET_NAME_MAX];
	const struct nlattr *attr;
	size_t chain;
	int rc;

	if (get_str(a, NFTA_RULE_CHAIN, name, sizeof(name)) != 0)
		return ERR_PROTO;
	chain = ruleset_find_chain(v->rs, table, name);
	if (chain == SIZE_MAX)
		return ERR_PROTO;
	rc = ruleset_add_rule(v->rs, chain);
	if (rc != 0 || a->at[NFTA_RULE_EXPRESSIONS] == NULL)
		return rc;
	mnl_attr_for_each_nested(attr, a->at[NFTA_RULE_EXPRESSIONS]) {
		rc = read_expr(v->rs, attr);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* Our named counter; any other object has no business in our table. */
static int
read_object(struct nft_view *v, size_t table, const struct attrs *a)
{
	char name[RULESET_NAME_MAX];
	struct attrs data;
	uint64_t packets;
	uint32_t type;

	if (get_str(a, NFTA_OBJ_NAME, name, sizeof(name)) != 0 ||
	    get_u32(a, NFTA_OBJ_TYPE, &type) != 0 ||
	    a->at[NFTA_OBJ_DATA] == NULL)
		return ERR_PROTO;
	if (type != NFT_OBJECT_COUNTER || strcmp(name, RULESET_COUNTER) != 0)
		return 0;
	attrs_nested(&data, a->at[NFTA_OBJ_DATA]);
	if (data.at[NFTA_COUNTER_PACKETS] == NULL ||
	    mnl_attr_get_payload_len(data.at[NFTA_COUNTER_PACKETS]) !=
	    sizeof(packets))
		return ERR_PROTO;
	memcpy(&packets, mnl_attr_get_payload(data.at[NFTA_COUNTER_PACKETS]),
	    sizeof(packets));
	v->rs->tables[table].counter = true;
	v->dropped += be64toh(packets);
	return 0;
}

int
nft_read_message(struct nft_view *v, const struct nlmsghdr *nlh)
{
	const struct nfgenmsg *g;
	char name[RULESET_NAME_MAX];
	struct attrs a;
	size_t table;

	if (nlh->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*g))
		return ERR_PROTO;
	g = mnl_nlmsg_get_payload(nlh);
	attrs_message(&a, nlh);
	/* The table's name is attribute 1 in all four kinds. */
	if (get_str(&a, NFTA_TABLE_NAME, name, sizeof(name)) != 0)
		return 0;
	if (strcmp(name, RULESET_TABLE) != 0)
		return 0;
	if ((nlh->nlmsg_type & 0xff) == NFT_MSG_NEWTABLE)
		return read_table(v, g->nfgen_family, &a);
	table = ruleset_find_table(v->rs, g->nfgen_family);
	if (table == SIZE_MAX)
		return ERR_AGAIN; /* it came after the tables were read */
	switch (nlh->nlmsg_type & 0xff) {
	case NFT_MSG_NEWCHAIN:
		return read_chain(v, table, &a);
	case NFT_MSG_NEWRULE:
		return read_rule(v, table, &a);
	case NFT_MSG_NEWOBJ:
		return read_object(v, table, &a);
	default:
		return ERR_PROTO;
	}
}

static int
on_message(void *arg, const struct nlmsghdr *nlh)
{
	return nft_read_message(arg, nlh);
}

static int
dump(struct netlink *nl, uint16_t type, uint8_t family, struct nft_view *v)
{
	uint8_t bytes[256] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr((char *)bytes, type,
	    family, NLM_F_DUMP, 0);

	if (type == NFT_MSG_GETRULE || type == NFT_MSG_GETOBJ)
		mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, RULESET_TABLE);
	return netlink_ask(nl, nlh, on_message, v, NULL);
}

/* Asked by table name, the kernel stops after one family: ask for each. */
static int
dump_all(struct netlink *nl, struct nft_view *v)
{
	size_t i;
	int rc;

	rc = dump(nl, NFT_MSG_GETTABLE, AF_UNSPEC, v);
	if (rc == 0 && v->rs->ntables > 0)
		rc = dump(nl, NFT_MSG_GETCHAIN, AF_UNSPEC, v);
	for (i = 0; i < v->rs->ntables && rc == 0; i++)
		rc = dump(nl, NFT_MSG_GETOBJ, v->rs->tables[i].family, v);
	for (i = 0; i < v->rs->ntables && rc == 0; i++)
		rc = dump(nl, NFT_MSG_GETRULE, v->rs->tables[i].family, v);
	return rc;
}

int
nft_read(struct netlink *nl, struct nft_view *out, struct why *why)
{
	struct nft_view v;
	int tries, rc = ERR_AGAIN;

	for (tries = 0; tries < READ_TRIES && rc == ERR_AGAIN; tries++) {
		memset(&v, 0, sizeof(v));
		v.rs = ruleset_new();
		if (v.rs == NULL)
			return why_set(why, ERR_NOMEM, "read-back");
		rc = dump_all(nl, &v);
		if (rc != 0)
			nft_view_done(&v);
	}
	if (rc != 0)
		return why_set(why, rc, "read-back of nf_tables: %s",
		    err_str(rc));
	*out = v;
	return 0;
}
