/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts of /proc and messages of rtnetlink that name ways past the rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>

#include "agent/sensors/bypass.h"
#include "agent/sensors/hooks.h"
#include "agent/state/holders.h"
#include "agent/state/sockline.h"

static void
test_packet(void **state)
{
	static const struct {
		const char *line;
		bool good;
		uint32_t device;
		uint64_t inode;
	} rows[] = {
		{"00000000a1b2c3d4 3      3    0003   2     1       0      "
		 "0      48213 ", true, 2, 48213},
		{"0000000000000000 3 10 888e 0 1 0 101 7", true, 0, 7},
		{"sk               RefCnt Type Proto  Iface R Rmem   User   "
		 "Inode", false, 0, 0},
		{"", false, 0, 0},
		{"0 3 3 0003 2 1 0 0", false, 0, 0},
		{"0 3 3 0003 2 1 0 0 0", false, 0, 0},
	};
	uint64_t inode;
	uint32_t device;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (sock_line_packet(rows[i].line, &device, &inode) !=
		    rows[i].good)
			fail_msg("\"%s\"", rows[i].line);
		if (!rows[i].good)
			continue;
		assert_int_equal(device, rows[i].device);
		assert_int_equal(inode, rows[i].inode);
	}
}

static void
test_protocols(void **state)
{
	static const char text[] =
	    "protocol  size sockets  memory press maxhdr  slab module\n"
	    "XDPX      1000      9      -1   NI       0   no   kernel\n"
	    "XDP       1024      2      -1   NI       0   no   kernel\n"
	    "PACKET    1472      1      -1   NI       0   no   kernel\n";

	(void)state;
	assert_int_equal(bypass_parse_protocols(text, "XDP"), 2);
	assert_int_equal(bypass_parse_protocols(text, "PACKET"), 1);
	assert_int_equal(bypass_parse_protocols(text, "TCP"), 0);
	assert_int_equal(bypass_parse_protocols("", "XDP"), 0);
	assert_int_equal(bypass_parse_protocols("XDP x y\n", "XDP"), 0);
}

static void
test_holders(void **state)
{
	(void)state;
	assert_int_equal(holders_parse_link("socket:[4711]"), 4711);
	assert_int_equal(holders_parse_link("socket:[4711"), 0);
	assert_int_equal(holders_parse_link("pipe:[4711]"), 0);
	assert_int_equal(holders_parse_link("/tmp/socket:[1]"), 0);
	assert_int_equal(holders_parse_fdinfo("pos:\t0\nprog_type:\t6\n"
	    "prog_id:\t81\n", "prog_id:"), 81);
	assert_int_equal(holders_parse_fdinfo("pos:\t0\nlink_type:\txdp\n"
	    "link_id:\t7\nprog_id:\t81\n", "link_id:"), 7);
	assert_int_equal(holders_parse_fdinfo("xprog_id:\t81\n",
	    "prog_id:"), 0);
	assert_int_equal(holders_parse_fdinfo("pos:\t0\n", "prog_id:"), 0);
}

/* -- messages -------------------------------------------------------------- */

static union {
	struct nlmsghdr nlh;
	uint8_t bytes[1024];
} msg;

static void *
begin(uint16_t type, size_t head)
{
	memset(&msg, 0, sizeof(msg));
	msg.nlh.nlmsg_type = type;
	msg.nlh.nlmsg_len = (uint32_t)NLMSG_SPACE(head);
	return NLMSG_DATA(&msg.nlh);
}

static struct rtattr *
put(unsigned short type, const void *data, size_t len)
{
	struct rtattr *a = (void *)(msg.bytes + msg.nlh.nlmsg_len);

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	if (len > 0)
		memcpy(RTA_DATA(a), data, len);
	msg.nlh.nlmsg_len += (uint32_t)RTA_SPACE(len);
	return a;
}

static void
test_xdp(void **state)
{
	struct ifinfomsg *info = begin(RTM_NEWLINK, sizeof(*info));
	static struct hooks h;
	const uint32_t id = 55;
	struct rtattr *nest;

	(void)state;
	info->ifi_index = 3;
	put(IFLA_IFNAME, "eth9", 5);
	nest = put(IFLA_XDP, NULL, 0);
	put(IFLA_XDP_SKB_PROG_ID, &id, sizeof(id));
	nest->rta_len = (unsigned short)(msg.bytes + msg.nlh.nlmsg_len -
	    (uint8_t *)nest);
	hooks_parse_link(&msg.nlh, &h);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.at[0].kind, HOOK_XDP);
	assert_int_equal(h.at[0].device, 3);
	assert_int_equal(h.at[0].program, 55);
	assert_string_equal(h.at[0].name, "eth9");
	/* A nest that says it is longer than the message holds nothing. */
	nest->rta_len = 4000;
	h.n = 0;
	hooks_parse_link(&msg.nlh, &h);
	assert_int_equal(h.n, 0);
}

static void
test_filter(void **state)
{
	struct tcmsg *tc = begin(RTM_NEWTFILTER, sizeof(*tc));
	static struct hooks h;

	(void)state;
	tc->tcm_ifindex = 3;
	tc->tcm_parent = 0x10000;
	tc->tcm_info = 0xc0000008;
	put(TCA_KIND, "u32", 4);
	hooks_parse_filter(&msg.nlh, "eth9", &h);
	hooks_parse_filter(&msg.nlh, "eth9", &h); /* another part of it */
	assert_int_equal(h.n, 1);
	assert_int_equal(h.at[0].kind, HOOK_FILTER);
	assert_string_equal(h.at[0].filter, "u32");
	assert_string_equal(h.at[0].name, "eth9");
	assert_int_equal(h.at[0].program, 0);
	tc->tcm_info++;
	hooks_parse_filter(&msg.nlh, "eth9", &h);
	assert_int_equal(h.n, 2);
	msg.nlh.nlmsg_len = sizeof(msg.nlh) + 4;
	hooks_parse_filter(&msg.nlh, "eth9", &h);
	assert_int_equal(h.n, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packet),
		cmocka_unit_test(test_protocols),
		cmocka_unit_test(test_holders),
		cmocka_unit_test(test_xdp),
		cmocka_unit_test(test_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
