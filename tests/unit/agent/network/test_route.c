/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way to an address, as this machine's own kernel tells it. */
#include <net/if_arp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/network/route.h"

static void
test_loopback_is_no_tunnel(void **state)
{
	static const uint8_t v4[4] = {127, 0, 0, 1}, v6[16] = {[15] = 1};
	struct route_way w;

	(void)state;
	assert_int_equal(route_way(v4, sizeof(v4), &w), 0);
	assert_string_equal(w.device, "lo");
	assert_false(w.tunnel);
	if (route_way(v6, sizeof(v6), &w) == 0) /* no IPv6 everywhere */
		assert_string_equal(w.device, "lo");
	assert_int_equal(route_way(v4, 3, &w), ERR_RANGE);
}

static void
test_kinds(void **state)
{
	static const struct {
		uint16_t type;
		const char *kind;
		bool tunnel;
	} rows[] = {
		{ARPHRD_ETHER, "", false}, {ARPHRD_ETHER, "bond", false},
		{ARPHRD_ETHER, "vlan", false}, {ARPHRD_ETHER, "veth", false},
		{ARPHRD_ETHER, "bridge", false},
		{ARPHRD_NONE, "wireguard", true}, {ARPHRD_NONE, "", true},
		{ARPHRD_ETHER, "tun", true}, {ARPHRD_PPP, "", true},
		{ARPHRD_NONE, "xfrm", true}, {ARPHRD_IPGRE, "gre", true},
		{ARPHRD_ETHER, "vxlan", true}, {ARPHRD_LOOPBACK, "", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(route_is_tunnel(rows[i].type, rows[i].kind),
		    rows[i].tunnel);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loopback_is_no_tunnel),
		cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
