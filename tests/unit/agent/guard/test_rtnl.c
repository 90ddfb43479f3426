/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Devices as rtnetlink tells them, and the list of displaced programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>

#include "agent/guard/displaced.h"
#include "agent/guard/rtnl.h"

static uint8_t bytes[1024] __attribute__((aligned(8)));

static struct nlmsghdr *
message(uint16_t type, int index, uint16_t hardware)
{
	struct nlmsghdr *nlh;
	struct ifinfomsg *info;

	memset(bytes, 0, sizeof(bytes));
	nlh = mnl_nlmsg_put_header(bytes);
	nlh->nlmsg_type = type;
	info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));
	info->ifi_index = index;
	info->ifi_type = hardware;
	return nlh;
}

static void
test_port(void **state)
{
	struct nlmsghdr *nlh = message(RTM_NEWLINK, 7, ARPHRD_ETHER);
	struct nlattr *nest;
	struct port p;

	(void)state;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "eth0.5");
	mnl_attr_put_u32(nlh, IFLA_LINK, 2);
	mnl_attr_put_u32(nlh, IFLA_MASTER, 9);
	nest = mnl_attr_nest_start(nlh, IFLA_XDP);
	mnl_attr_put_u8(nlh, IFLA_XDP_ATTACHED, XDP_ATTACHED_SKB);
	mnl_attr_put_u32(nlh, IFLA_XDP_PROG_ID, 41);
	mnl_attr_nest_end(nlh, nest);
	assert_int_equal(rtnl_parse_port(nlh, &p), 0);
	assert_int_equal(p.index, 7);
	assert_int_equal(p.lower, 2);
	assert_int_equal(p.master, 9);
	assert_string_equal(p.name, "eth0.5");
	assert_true(p.ether && !p.loopback);
	assert_int_equal(p.xdp_generic, 41);
	assert_int_equal(p.xdp_native, 0);
	/* The lower device of a veth is somebody else's. */
	mnl_attr_put_u32(nlh, IFLA_LINK_NETNSID, 0);
	assert_int_equal(rtnl_parse_port(nlh, &p), 0);
	assert_int_equal(p.lower, 0);
}

static void
test_both_modes(void **state)
{
	struct nlmsghdr *nlh = message(RTM_NEWLINK, 1, ARPHRD_LOOPBACK);
	struct nlattr *nest;
	struct port p;

	(void)state;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "lo");
	nest = mnl_attr_nest_start(nlh, IFLA_XDP);
	mnl_attr_put_u8(nlh, IFLA_XDP_ATTACHED, XDP_ATTACHED_MULTI);
	mnl_attr_put_u32(nlh, IFLA_XDP_DRV_PROG_ID, 5);
	mnl_attr_put_u32(nlh, IFLA_XDP_HW_PROG_ID, 6);
	mnl_attr_nest_end(nlh, nest);
	assert_int_equal(rtnl_parse_port(nlh, &p), 0);
	assert_true(p.loopback && !p.ether);
	assert_int_equal(p.xdp_native, 5);
	assert_int_equal(p.xdp_hardware, 6);
}

static void
test_no_port(void **state)
{
	struct nlmsghdr *nlh = message(RTM_DELLINK, 7, ARPHRD_ETHER);
	struct port p;

	(void)state;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "eth0");
	assert_int_equal(rtnl_parse_port(nlh, &p), ERR_NOENT);
	nlh = message(RTM_NEWLINK, 7, ARPHRD_ETHER);
	assert_int_equal(rtnl_parse_port(nlh, &p), ERR_NOENT); /* no name */
	nlh->nlmsg_len = sizeof(*nlh) + 4; /* cut */
	assert_int_equal(rtnl_parse_port(nlh, &p), ERR_NOENT);
}

static void
test_displaced(void **state)
{
	struct displaced_list l = {.n = 0};
	struct displaced *d;
	uint32_t i;
	int fd;

	(void)state;
	for (i = 0; i < DISPLACED_MAX; i++)
		assert_non_null(displaced_add(&l, i, 100 + i, 2));
	assert_null(displaced_add(&l, 1, 1, 2));
	d = displaced_add(&l, 3, 103, 2); /* is there */
	assert_ptr_equal(d, displaced_find(&l, 3, 103));
	assert_int_equal(l.n, DISPLACED_MAX);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	d->fd = fd;
	displaced_drop(&l, d);
	assert_null(displaced_find(&l, 3, 103));
	assert_int_equal(fcntl(fd, F_GETFD), -1); /* closed */
	displaced_clear(&l);
	assert_int_equal(l.n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_port),
		cmocka_unit_test(test_both_modes),
		cmocka_unit_test(test_no_port),
		cmocka_unit_test(test_displaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
