/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Notices of nf_tables in words.  The messages are the kernel's own, of nft
 * and iptables-nft in a namespace of their own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/state/nftnote.h"
#include "common/base/id.h"

static const char chain[] =
    "68000000030a0004010000001574000001000003070001007a31000007000300"
    "696e00000c000200000000000000000114000400080001000000000108000200"
    "0000000008000500000000010b00070066696c746572000008000a0000000001"
    "0800060000000000";

static const char rule[] =
    "14010000060a000c010000002274000001000004070001007a31000007000200"
    "696e00000c0003000000000000000002e400040024000100090001006d657461"
    "0000000014000200080002000000001008000100000000012c00010008000100"
    "636d700020000200080001000000000108000200000000000c00030005000100"
    "06000000340001000c0001007061796c6f616400240002000800010000000001"
    "0800020000000002080003000000000208000400000000022c00010008000100"
    "636d700020000200080001000000000108000200000000000c00030006000100"
    "115c0000300001000e000100696d6d6564696174650000001c00020008000100"
    "00000000100002000c0002000800010000000001";

static const char element[] =
    "380000000c0a0004000000003374000001000006070001007a31000006000200"
    "7300000014000300100001000c00010008000100c0000201";

static const char xt_rule[] =
    "48010000060a00040400000041740000020000070b00010066696c7465720000"
    "0a000200494e5055540000000c00030000000000000000021001040024000100"
    "090001006d657461000000001400020008000200000000100800010000000001"
    "2c00010008000100636d70002000020008000100000000010800020000000000"
    "0c0003000500010006000000340001000c0001007061796c6f61640024000200"
    "0800010000000001080002000000000208000300000000020800040000000002"
    "2c00010008000100636d70002000020008000100000000010800020000000000"
    "0c00030006000100115d00002c0001000c000100636f756e746572001c000200"
    "0c00010000000000000000000c0002000000000000000000300001000e000100"
    "696d6d6564696174650000001c0002000800010000000000100002000c000200"
    "0800010000000001";

static const char redirect[] =
    "60010000060a000c040000004c74000002000008080001006e6174000f000200"
    "505245524f5554494e4700000c00030000000000000000022801040024000100"
    "090001006d657461000000001400020008000200000000100800010000000001"
    "2c00010008000100636d70002000020008000100000000010800020000000000"
    "0c0003000500010006000000340001000c0001007061796c6f61640024000200"
    "0800010000000001080002000000000208000300000000020800040000000002"
    "2c00010008000100636d70002000020008000100000000010800020000000000"
    "0c00030006000100005000002c0001000c000100636f756e746572001c000200"
    "0c00010000000000000000000c0002000000000000000000480001000b000100"
    "7461726765740000380002000d00010052454449524543540000000008000200"
    "000000001c000300010000000200000000000000000000001f901f9000000000";

static const char rule_gone[] =
    "14010000080a0000010000005674000001000009070001007a31000007000200"
    "696e00000c0003000000000000000002e400040024000100090001006d657461"
    "0000000014000200080002000000001008000100000000012c00010008000100"
    "636d700020000200080001000000000108000200000000000c00030005000100"
    "06000000340001000c0001007061796c6f616400240002000800010000000001"
    "0800020000000002080003000000000208000400000000022c00010008000100"
    "636d700020000200080001000000000108000200000000000c00030006000100"
    "115c0000300001000e000100696d6d6564696174650000001c00020008000100"
    "00000000100002000c0002000800010000000001";

static const char table_gone[] =
    "30000000020a0000010000005674000001000009070001007a31000008000300"
    "000000000c0004000000000000000001";

static const char end[] =
    "2c0000000f0a0000010000005674000000000009080001000000000908000200"
    "00007456080003006e667400";

static uint8_t bytes[1024] __attribute__((aligned(8)));

static struct nlmsghdr *
message(const char *hex)
{
	size_t len = strlen(hex) / 2;

	assert_true(len <= sizeof(bytes));
	assert_int_equal(hex_decode(bytes, len, hex), 0);
	return (struct nlmsghdr *)bytes;
}

static void
said_in_words(void **state)
{
	static const struct {
		const char *hex, *table, *text;
		bool gone, opens;
	} rows[] = {
		{chain, "inet z1", "chain in of inet z1 was set, policy "
		    "accept", false, true},
		{rule, "inet z1", "rule came into chain in of inet z1: port "
		    "4444 accept", false, false},
		{element, "inet z1", "set s of inet z1 has new members",
		    false, false},
		{xt_rule, "ip filter", "rule came into chain INPUT of ip "
		    "filter: port 4445 accept", false, false},
		{redirect, "ip nat", "rule came into chain PREROUTING of ip "
		    "nat: port 80 REDIRECT", false, false},
		{rule_gone, "inet z1", "rule left chain in of inet z1: port "
		    "4444 accept", true, false},
		{table_gone, "inet z1", "table inet z1 is gone", true, true},
	};
	struct nftnote n;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(nftnote_parse(message(rows[i].hex), &n), 0);
		assert_int_equal(n.what, NFTNOTE_CHANGE);
		assert_string_equal(n.table, rows[i].table);
		assert_string_equal(n.text, rows[i].text);
		assert_int_equal(n.gone, rows[i].gone);
		assert_int_equal(n.opens, rows[i].opens);
	}
}

static void
the_end_names_who(void **state)
{
	struct nftnote n;

	(void)state;
	assert_int_equal(nftnote_parse(message(end), &n), 0);
	assert_int_equal(n.what, NFTNOTE_END);
	assert_string_equal(n.program, "nft");
	assert_true(n.pid > 1);
}

/* Ours is told by the enforcer. */
static void
own_table_is_left_out(void **state)
{
	struct nlmsghdr *nlh = message(table_gone);
	struct nftnote n;
	struct rtattr {
		uint16_t len, type;
		char name[8];
	} *name = (void *)(bytes + 20);

	(void)state;
	name->len = 4 + 7;
	memcpy(name->name, "cordon", 7);
	nlh->nlmsg_len = 20 + 12;
	assert_int_equal(nftnote_parse(nlh, &n), 0);
	assert_int_equal(n.what, NFTNOTE_OTHER);
}

/* Whatever is cut off, nothing is read behind the end. */
static void
cut_anywhere(void **state)
{
	static const char *const all[] = {chain, rule, element, xt_rule,
	    redirect, rule_gone, table_gone, end};
	struct nlmsghdr *nlh;
	struct nftnote n;
	size_t i, len;
	void *copy;

	(void)state;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (len = sizeof(*nlh); len < strlen(all[i]) / 2; len++) {
			nlh = message(all[i]);
			copy = malloc(len);
			assert_non_null(copy);
			nlh->nlmsg_len = (uint32_t)len;
			memcpy(copy, nlh, len);
			nftnote_parse(copy, &n);
			free(copy);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(said_in_words),
		cmocka_unit_test(the_end_names_who),
		cmocka_unit_test(own_table_is_left_out),
		cmocka_unit_test(cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
