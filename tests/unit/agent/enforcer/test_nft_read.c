/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Read-back on malformed netlink: wrong lengths, wrong order, foreign data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "agent/enforcer/foreign.h"
#include "agent/enforcer/netlink.h"
#include "agent/enforcer/nft_read.h"
#include "agent/enforcer/watch.h"

static uint8_t bytes[4096] __attribute__((aligned(8)));
static struct nlmsghdr *m;

static void
begin(uint16_t type, uint8_t family)
{
	struct nfgenmsg *g;

	memset(bytes, 0, sizeof(bytes));
	m = mnl_nlmsg_put_header(bytes);
	m->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	g = mnl_nlmsg_put_extra_header(m, sizeof(*g));
	g->nfgen_family = family;
}

static void
table_message(uint32_t flags)
{
	begin(NFT_MSG_NEWTABLE, NFPROTO_INET);
	mnl_attr_put_strz(m, NFTA_TABLE_NAME, RULESET_TABLE);
	mnl_attr_put_u32(m, NFTA_TABLE_FLAGS, htonl(flags));
}

static void
chain_message(const char *name)
{
	begin(NFT_MSG_NEWCHAIN, NFPROTO_INET);
	mnl_attr_put_strz(m, NFTA_CHAIN_TABLE, RULESET_TABLE);
	mnl_attr_put_strz(m, NFTA_CHAIN_NAME, name);
}

static void
new_view(struct nft_view *v)
{
	memset(v, 0, sizeof(*v));
	v->rs = ruleset_new();
	assert_non_null(v->rs);
}

/* A view with the table and one chain "out". */
static void
set_view(struct nft_view *v)
{
	new_view(v);
	table_message(6);
	assert_int_equal(nft_read_message(v, m), 0);
	chain_message("out");
	assert_int_equal(nft_read_message(v, m), 0);
}

static void
tables(void **state)
{
	struct nft_view v;

	(void)state;
	new_view(&v);
	chain_message("out"); /* before its table */
	assert_int_equal(nft_read_message(&v, m), ERR_AGAIN);
	table_message(6);
	mnl_attr_put_u32(m, NFTA_TABLE_OWNER, htonl(4711));
	assert_int_equal(nft_read_message(&v, m), 0);
	assert_int_equal(v.owner, 4711);
	assert_int_equal(v.rs->tables[0].flags, 6);
	assert_int_equal(nft_read_message(&v, m), ERR_PROTO); /* twice */
	begin(NFT_MSG_NEWTABLE, NFPROTO_ARP);
	mnl_attr_put_strz(m, NFTA_TABLE_NAME, "filter"); /* not ours */
	assert_int_equal(nft_read_message(&v, m), 0);
	begin(NFT_MSG_NEWTABLE, NFPROTO_ARP);
	mnl_attr_put(m, NFTA_TABLE_NAME, 6, "cordon"); /* no terminator */
	assert_int_equal(nft_read_message(&v, m), 0);
	begin(NFT_MSG_NEWTABLE, NFPROTO_ARP);
	mnl_attr_put_strz(m, NFTA_TABLE_NAME, RULESET_TABLE);
	mnl_attr_put_u16(m, NFTA_TABLE_FLAGS, 1); /* too short */
	assert_int_equal(nft_read_message(&v, m), ERR_PROTO);
	m->nlmsg_type = 3;
	assert_int_equal(nft_read_message(&v, m), ERR_PROTO);
	assert_int_equal(v.rs->ntables, 1);
	nft_view_done(&v);
}

static void
chains(void **state)
{
	char name[RULESET_NAME_MAX + 1];
	struct nft_view v;
	struct nlattr *hook;

	(void)state;
	set_view(&v);
	assert_int_equal(nft_read_message(&v, m), ERR_PROTO); /* twice */
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	chain_message(name); /* longer than ours ever are */
	assert_int_equal(nft_read_message(&v, m), ERR_PROTO);
	chain_message("base");
	hook = mnl_attr_nest_start(m, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(m, NFTA_HOOK_HOOKNUM, htonl(3));
	mnl_attr_nest_end(m, hook);
	assert_int_equal(nft_read_message(&v, m), ERR_PROTO); /* no prio */
	chain_message("base");
	hook = mnl_attr_nest_start(m, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(m, NFTA_HOOK_HOOKNUM, htonl(3));
	mnl_attr_put_u32(m, NFTA_HOOK_PRIORITY, htonl((uint32_t)INT32_MIN));
	mnl_attr_nest_end(m, hook);
	assert_int_equal(nft_read_message(&v, m), ERR_PROTO); /* no policy */
	mnl_attr_put_u32(m, NFTA_CHAIN_POLICY, htonl(NF_DROP));
	assert_int_equal(nft_read_message(&v, m), 0);
	assert_int_equal(v.rs->chains[1].priority, INT32_MIN);
	nft_view_done(&v);
}

/* One expression of a rule; DATA is put in as its data attributes. */
static void
rule_message(const char *name, void (*data)(void))
{
	struct nlattr *list, *elem, *nest;

	begin(NFT_MSG_NEWRULE, NFPROTO_INET);
	mnl_attr_put_strz(m, NFTA_RULE_TABLE, RULESET_TABLE);
	mnl_attr_put_strz(m, NFTA_RULE_CHAIN, "out");
	list = mnl_attr_nest_start(m, NFTA_RULE_EXPRESSIONS);
	elem = mnl_attr_nest_start(m, NFTA_LIST_ELEM);
	mnl_attr_put_strz(m, NFTA_EXPR_NAME, name);
	nest = mnl_attr_nest_start(m, NFTA_EXPR_DATA);
	if (data != NULL)
		data();
	mnl_attr_nest_end(m, nest);
	mnl_attr_nest_end(m, elem);
	mnl_attr_nest_end(m, list);
}

static void
meta_good(void)
{
	mnl_attr_put_u32(m, NFTA_META_DREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(m, NFTA_META_KEY, htonl(NFT_META_SKUID));
}

static void
meta_other_register(void)
{
	mnl_attr_put_u32(m, NFTA_META_DREG, htonl(NFT_REG_2));
	mnl_attr_put_u32(m, NFTA_META_KEY, htonl(NFT_META_SKUID));
}

static void
meta_short(void)
{
	mnl_attr_put_u32(m, NFTA_META_DREG, htonl(NFT_REG_1));
	mnl_attr_put_u16(m, NFTA_META_KEY, 1);
}

static void
cmp(size_t len)
{
	static const uint8_t data[64];
	struct nlattr *nest;

	mnl_attr_put_u32(m, NFTA_CMP_SREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(m, NFTA_CMP_OP, htonl(NFT_CMP_EQ));
	nest = mnl_attr_nest_start(m, NFTA_CMP_DATA);
	mnl_attr_put(m, NFTA_DATA_VALUE, len, data);
	mnl_attr_nest_end(m, nest);
}

static void
cmp_16(void)
{
	cmp(16);
}

static void
cmp_17(void)
{
	cmp(17);
}

static void
cmp_0(void)
{
	cmp(0);
}

static void
bitwise(uint8_t xor_with)
{
	const uint8_t mask[2] = {0x3f, 0xff}, x[2] = {0, xor_with};
	struct nlattr *nest;

	mnl_attr_put_u32(m, NFTA_BITWISE_SREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(m, NFTA_BITWISE_DREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(m, NFTA_BITWISE_LEN, htonl(2));
	nest = mnl_attr_nest_start(m, NFTA_BITWISE_MASK);
	mnl_attr_put(m, NFTA_DATA_VALUE, 2, mask);
	mnl_attr_nest_end(m, nest);
	nest = mnl_attr_nest_start(m, NFTA_BITWISE_XOR);
	mnl_attr_put(m, NFTA_DATA_VALUE, 2, x);
	mnl_attr_nest_end(m, nest);
}

static void
mask_good(void)
{
	bitwise(0);
}

static void
mask_xor(void)
{
	bitwise(1);
}

static void
verdict_good(void)
{
	struct nlattr *data, *v;

	mnl_attr_put_u32(m, NFTA_IMMEDIATE_DREG, htonl(NFT_REG_VERDICT));
	data = mnl_attr_nest_start(m, NFTA_IMMEDIATE_DATA);
	v = mnl_attr_nest_start(m, NFTA_DATA_VERDICT);
	mnl_attr_put_u32(m, NFTA_VERDICT_CODE, htonl((uint32_t)NFT_JUMP));
	mnl_attr_put_strz(m, NFTA_VERDICT_CHAIN, "in");
	mnl_attr_nest_end(m, v);
	mnl_attr_nest_end(m, data);
}

static void
expressions(void **state)
{
	static const struct {
		const char *name;
		void (*data)(void);
		enum expr_kind kind;
	} cases[] = {
	    {"meta", meta_good, EXPR_META},
	    {"meta", meta_other_register, EXPR_OTHER},
	    {"meta", meta_short, EXPR_OTHER},
	    {"meta", NULL, EXPR_OTHER},
	    {"cmp", cmp_16, EXPR_CMP},
	    {"cmp", cmp_17, EXPR_OTHER},
	    {"cmp", cmp_0, EXPR_OTHER},
	    {"cmp", meta_good, EXPR_OTHER},
	    {"bitwise", mask_good, EXPR_MASK},
	    {"bitwise", mask_xor, EXPR_OTHER},
	    {"immediate", verdict_good, EXPR_VERDICT},
	    {"immediate", meta_good, EXPR_OTHER},
	    {"payload", meta_good, EXPR_OTHER},
	    {"objref", NULL, EXPR_OTHER},
	    {"rt", meta_short, EXPR_OTHER},
	    {"queue", NULL, EXPR_OTHER},
	};
	struct nft_view v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_view(&v);
		rule_message(cases[i].name, cases[i].data);
		assert_int_equal(nft_read_message(&v, m), 0);
		assert_int_equal(v.rs->nexprs, 1);
		if (v.rs->exprs[0].kind != cases[i].kind)
			fail_msg("case %zu: %s", i, cases[i].name);
		nft_view_done(&v);
	}
	set_view(&v);
	rule_message("meta", meta_good);
	mnl_attr_put_strz(m, NFTA_RULE_CHAIN, "nowhere");
	assert_int_equal(nft_read_message(&v, m), ERR_PROTO);
	nft_view_done(&v);
}

/* Any byte of a rule changed: read, or refused, and never past the end. */
static void
any_byte(void **state)
{
	struct nft_view v;
	uint8_t value;
	size_t i;

	(void)state;
	for (i = NLMSG_HDRLEN; ; i++)
		for (value = 0; value < 255; value += 51) {
			set_view(&v);
			rule_message("cmp", cmp_16);
			if (i >= m->nlmsg_len) {
				nft_view_done(&v);
				return;
			}
			bytes[i] = value;
			nft_read_message(&v, m);
			nft_view_done(&v);
		}
}

/* A message is one only if its aligned end is there, too. */
static void
borders(void **state)
{
	static const struct {
		uint32_t len;
		int left;
		bool ok;
	} cases[] = {
	    {16, 16, true}, {20, 20, true}, {20, 24, true},
	    {15, 64, false}, {0, 64, false}, {20, 19, false},
	    {18, 18, false}, {18, 20, true}, {17, 19, false},
	    {UINT32_MAX, 64, false}, {UINT32_MAX - 2, 64, false},
	    {0x80000000U, 64, false}, {16, 15, false}, {16, -1, false},
	};
	struct nlmsghdr h = {0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		h.nlmsg_len = cases[i].len;
		if (netlink_ok(&h, cases[i].left) != cases[i].ok)
			fail_msg("case %zu", i);
	}
}

static void
objects(void **state)
{
	struct nft_view v;
	struct nlattr *nest;
	int good;

	(void)state;
	for (good = 0; good < 2; good++) {
		set_view(&v);
		begin(NFT_MSG_NEWOBJ, NFPROTO_INET);
		mnl_attr_put_strz(m, NFTA_OBJ_TABLE, RULESET_TABLE);
		mnl_attr_put_strz(m, NFTA_OBJ_NAME, RULESET_COUNTER);
		mnl_attr_put_u32(m, NFTA_OBJ_TYPE, htonl(NFT_OBJECT_COUNTER));
		nest = mnl_attr_nest_start(m, NFTA_OBJ_DATA);
		if (good)
			mnl_attr_put_u64(m, NFTA_COUNTER_PACKETS,
			    htobe64(42));
		else
			mnl_attr_put_u32(m, NFTA_COUNTER_PACKETS, 42);
		mnl_attr_nest_end(m, nest);
		assert_int_equal(nft_read_message(&v, m),
		    good ? 0 : ERR_PROTO);
		assert_int_equal(v.dropped, good ? 42 : 0);
		assert_int_equal(v.rs->tables[0].counter, good);
		nft_view_done(&v);
	}
}

static void
who(void **state)
{
	struct watch_who w;

	(void)state;
	begin(NFT_MSG_NEWRULE, NFPROTO_INET);
	assert_int_equal(watch_parse(m, &w), ERR_NOENT);
	begin(NFT_MSG_NEWGEN, 0);
	assert_int_equal(watch_parse(m, &w), 0);
	assert_int_equal(w.pid, 0);
	mnl_attr_put_u32(m, NFTA_GEN_PROC_PID, htonl(77));
	mnl_attr_put_strz(m, NFTA_GEN_PROC_NAME, "n\nft");
	assert_int_equal(watch_parse(m, &w), 0);
	assert_int_equal(w.pid, 77);
	assert_string_equal(w.program, "n\\x0aft");
	begin(NFT_MSG_NEWGEN, 0);
	mnl_attr_put_u16(m, NFTA_GEN_PROC_PID, 1);
	assert_int_equal(watch_parse(m, &w), 0);
	assert_int_equal(w.pid, 0);
}

static void
pictures(void **state)
{
	char text[FOREIGN_TEXT_MAX];
	struct buf a, b;

	(void)state;
	buf_init(&a, FOREIGN_MAX);
	buf_init(&b, FOREIGN_MAX);
	table_message(0); /* ours is never in it */
	assert_int_equal(foreign_line(m, &a), 0);
	assert_int_equal(a.len, 0);
	begin(NFT_MSG_NEWTABLE, NFPROTO_IPV4);
	mnl_attr_put_strz(m, NFTA_TABLE_NAME, "other");
	mnl_attr_put_u64(m, NFTA_TABLE_HANDLE, 1);
	assert_int_equal(foreign_line(m, &a), 0);
	begin(NFT_MSG_NEWTABLE, NFPROTO_IPV4);
	mnl_attr_put_strz(m, NFTA_TABLE_NAME, "other");
	mnl_attr_put_u64(m, NFTA_TABLE_HANDLE, 99); /* loaded again */
	assert_int_equal(foreign_line(m, &b), 0);
	foreign_compare(&a, &b, text, sizeof(text));
	assert_string_equal(text, "");
	mnl_attr_put_u32(m, NFTA_TABLE_FLAGS, htonl(1)); /* dormant */
	buf_clear(&b);
	assert_int_equal(foreign_line(m, &b), 0);
	foreign_compare(&a, &b, text, sizeof(text));
	assert_non_null(strstr(text, "gone: table ip other"));
	assert_non_null(strstr(text, "new: table ip other"));
	buf_clear(&b);
	foreign_compare(&b, &b, text, sizeof(text));
	assert_string_equal(text, "");
	foreign_compare(&a, &b, text, sizeof(text));
	assert_non_null(strstr(text, "gone:"));
	buf_done(&a);
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tables), cmocka_unit_test(chains),
	    cmocka_unit_test(expressions), cmocka_unit_test(any_byte),
	    cmocka_unit_test(borders),
	    cmocka_unit_test(objects), cmocka_unit_test(who),
	    cmocka_unit_test(pictures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
