/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What messages about routes, rules and addresses become, and mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "agent/state/routes.h"

#define SEVERITY(x) CORDON__SEVERITY__SEVERITY_##x
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define V4 AF_INET
#define V6 AF_INET6

struct message {
	struct nlmsghdr nlh;
	uint8_t rest[512];
} __attribute__((aligned(4)));

/* IP, else NAME, else the number V. */
struct attr {
	unsigned short type;
	const char *ip, *name;
	uint32_t v;
};

static struct routes_link devices[] = {{2, false, "eth0"},
	{3, true, "cali1"}};
static const struct routes_links links = {devices, 2, 2};

static void
put(struct message *m, unsigned short type, const void *data, size_t len)
{
	struct rtattr *a = (void *)((char *)m +
	    NLMSG_ALIGN(m->nlh.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	if (len > 0)
		memcpy(RTA_DATA(a), data, len);
	m->nlh.nlmsg_len = (uint32_t)(NLMSG_ALIGN(m->nlh.nlmsg_len) +
	    RTA_ALIGN(a->rta_len));
}

static void
put_all(struct message *m, const struct attr *a, size_t n)
{
	uint8_t ip[16];
	int family;

	for (; n > 0 && a->type != 0; a++, n--) {
		if (a->ip == NULL) {
			put(m, a->type, a->name != NULL ? (const void *)
			    a->name : &a->v, a->name != NULL ?
			    strlen(a->name) + 1 : sizeof(a->v));
			continue;
		}
		family = strchr(a->ip, ':') != NULL ? V6 : V4;
		assert_int_equal(inet_pton(family, a->ip, ip), 1);
		put(m, a->type, ip, family == V6 ? 16 : 4);
	}
}

/* Also with each end cut off: no more is read than there is. */
static void
check(const struct message *m, const char *key, const char *value)
{
	struct facts *f = facts_new(), *scrap = facts_new();
	struct nlmsghdr *cut;
	const char *is;
	uint32_t n;

	assert_int_equal(routes_parse(&m->nlh, &links, f), 0);
	assert_int_equal(facts_seal(f), 0);
	is = key == NULL ? NULL : facts_get(f, key);
	if (facts_count(f) != (key != NULL) || (key != NULL &&
	    (is == NULL || strcmp(is, value) != 0)))
		fail_msg("%s, %s: %s", key, value, facts_count(f) > 0 ?
		    facts_value(f, 0) : "nothing");
	assert_int_equal(routes_concern(&m->nlh), key != NULL);
	for (n = sizeof(*cut); n < m->nlh.nlmsg_len; n++) {
		cut = malloc(n);
		memcpy(cut, m, n);
		cut->nlmsg_len = n;
		assert_int_equal(routes_parse(cut, &links, scrap), 0);
		routes_concern(cut);
		free(cut);
	}
	facts_free(&scrap);
	facts_free(&f);
}

static void
test_routes(void **state)
{
	static const struct {
		uint8_t family, len, type, protocol;
		struct attr attr[4];
		const char *key, *value;
	} rows[] = {
		{V4, 32, RTN_BLACKHOLE, RTPROT_BOOT,
		    {{.type = RTA_DST, .ip = "203.0.113.77"}},
		    "route 203.0.113.77/32 table main",
		    "is thrown away (blackhole)"},
		{V4, 24, RTN_UNREACHABLE, RTPROT_KERNEL,
		    {{.type = RTA_DST, .ip = "203.0.113.0"},
		    {.type = RTA_TABLE, .v = 1000}},
		    "route 203.0.113.0/24 table 1000",
		    "is refused (unreachable)"},
		{V6, 48, RTN_PROHIBIT, RTPROT_STATIC,
		    {{.type = RTA_DST, .ip = "2001:db8::"},
		    {.type = RTA_TABLE, .v = RT_TABLE_LOCAL}},
		    "route 2001:db8::/48 table local",
		    "is refused (prohibit)"},
		{V6, 128, RTN_THROW, RTPROT_KERNEL,
		    {{.type = RTA_DST, .ip = "2001:db8::1"}},
		    "route 2001:db8::1/128 table main",
		    "is not in this table (throw)"},
		{V4, 26, RTN_BLACKHOLE, RTPROT_BIRD,
		    {{.type = RTA_DST, .ip = "10.244.1.0"}},
		    "route 10.244.1.0/26 table main",
		    "is thrown away (blackhole, protocol 12)"},
		{V4, 0, RTN_UNREACHABLE, RTPROT_KERNEL, {{.type = 0}},
		    "route 0.0.0.0/0 table main",
		    "is refused (unreachable)"},
		{V6, 0, RTN_UNREACHABLE, RTPROT_KERNEL, {{.type = 0}},
		    NULL, NULL},
		{V4, 32, RTN_UNICAST, RTPROT_BOOT,
		    {{.type = RTA_DST, .ip = "203.0.113.7"},
		    {.type = RTA_GATEWAY, .ip = "192.0.2.9"},
		    {.type = RTA_OIF, .v = 2}},
		    "route 203.0.113.7/32 table main",
		    "leads to 192.0.2.9 on eth0"},
		{V6, 128, RTN_UNICAST, RTPROT_STATIC,
		    {{.type = RTA_DST, .ip = "2001:db8::1"},
		    {.type = RTA_GATEWAY, .ip = "fe80::1"},
		    {.type = RTA_OIF, .v = 9}},
		    "route 2001:db8::1/128 table main",
		    "leads to fe80::1 on device 9"},
		{V4, 32, RTN_UNICAST, RTPROT_BOOT,
		    {{.type = RTA_DST, .ip = "203.0.113.7"},
		    {.type = RTA_OIF, .v = 2}},
		    "route 203.0.113.7/32 table main", "leads out on eth0"},
		{V4, 32, RTN_UNICAST, RTPROT_BOOT,
		    {{.type = RTA_DST, .ip = "203.0.113.7"},
		    {.type = RTA_NH_ID, .v = 7}},
		    "route 203.0.113.7/32 table main",
		    "leads to next hop 7"},
		{V4, 32, RTN_LOCAL, RTPROT_BOOT,
		    {{.type = RTA_DST, .ip = "203.0.113.7"},
		    {.type = RTA_TABLE, .v = RT_TABLE_LOCAL}},
		    "route 203.0.113.7/32 table local",
		    "ends on this host"},
		/* By others, to networks, of the kernel, broken. */
		{V4, 32, RTN_UNICAST, RTPROT_DHCP,
		    {{.type = RTA_DST, .ip = "203.0.113.7"},
		    {.type = RTA_GATEWAY, .ip = "192.0.2.9"}}, NULL, NULL},
		{V4, 32, RTN_UNICAST, RTPROT_ZEBRA,
		    {{.type = RTA_DST, .ip = "203.0.113.7"}}, NULL, NULL},
		{V6, 128, RTN_UNICAST, RTPROT_RA,
		    {{.type = RTA_DST, .ip = "2001:db8::1"}}, NULL, NULL},
		{V4, 24, RTN_UNICAST, RTPROT_STATIC,
		    {{.type = RTA_DST, .ip = "203.0.113.0"}}, NULL, NULL},
		{V4, 32, RTN_LOCAL, RTPROT_KERNEL,
		    {{.type = RTA_DST, .ip = "192.0.2.1"}}, NULL, NULL},
		{V4, 32, RTN_BROADCAST, RTPROT_KERNEL,
		    {{.type = RTA_DST, .ip = "192.0.2.255"}}, NULL, NULL},
		{V4, 33, RTN_BLACKHOLE, RTPROT_BOOT,
		    {{.type = RTA_DST, .ip = "192.0.2.1"}}, NULL, NULL},
		{V4, 32, RTN_BLACKHOLE, RTPROT_BOOT,
		    {{.type = RTA_DST, .ip = "2001:db8::1"}}, NULL, NULL},
		{V4, 32, RTN_BLACKHOLE, RTPROT_BOOT, {{.type = 0}}, NULL,
		    NULL},
		{99, 0, RTN_BLACKHOLE, RTPROT_BOOT, {{.type = 0}}, NULL,
		    NULL},
	};
	struct message m;
	struct rtmsg *h = NLMSG_DATA(&m.nlh);
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		memset(&m, 0, sizeof(m));
		m.nlh.nlmsg_type = RTM_NEWROUTE;
		m.nlh.nlmsg_len = NLMSG_LENGTH(sizeof(*h));
		*h = (struct rtmsg){.rtm_family = rows[i].family,
		    .rtm_dst_len = rows[i].len, .rtm_type = rows[i].type,
		    .rtm_protocol = rows[i].protocol,
		    .rtm_table = RT_TABLE_MAIN};
		put_all(&m, rows[i].attr, COUNT(rows[i].attr));
		check(&m, rows[i].key, rows[i].value);
	}
	h->rtm_flags = RTM_F_CLONED;
	check(&m, NULL, NULL);
}

/* RTA_VIA, RTA_MULTIPATH: what stands in attributes of its own. */
static void
test_hops(void **state)
{
	static const char key[] = "route 203.0.113.7/32 table main";
	struct message m = {.nlh = {.nlmsg_type = RTM_NEWROUTE,
	    .nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg))}}, start;
	struct rtmsg *h = NLMSG_DATA(&m.nlh);
	const uint8_t to[] = {203, 0, 113, 7};
	const uint8_t via[] = {V6, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0,
	    0, 0, 0, 0, 0, 1};
	uint8_t hops[] = {
		16, 0, 0, 0, 2, 0, 0, 0, 8, 0, RTA_GATEWAY, 0, 192, 0, 2, 9,
		16, 0, 0, 0, 2, 0, 0, 0, 8, 0, RTA_GATEWAY, 0, 192, 0, 2, 8,
	};
	struct facts *f = facts_new();
	uint32_t container = 3;

	(void)state;
	*h = (struct rtmsg){.rtm_family = V4, .rtm_dst_len = 32,
	    .rtm_type = RTN_UNICAST, .rtm_protocol = RTPROT_BOOT,
	    .rtm_table = RT_TABLE_MAIN};
	put(&m, RTA_DST, to, sizeof(to));
	start = m;
	put(&m, RTA_VIA, via, sizeof(via));
	check(&m, key, "leads to fe80::1");
	m = start;
	put(&m, RTA_MULTIPATH, hops, sizeof(hops));
	check(&m, key, "leads to 192.0.2.8 on eth0; "
	    "leads to 192.0.2.9 on eth0");
	m = start;
	hops[16] = 99; /* longer than all */
	put(&m, RTA_MULTIPATH, hops, sizeof(hops));
	check(&m, key, "leads to 192.0.2.9 on eth0");
	m = start;
	put(&m, RTA_OIF, &container, sizeof(container));
	assert_true(routes_concern(&m.nlh)); /* it knows no devices */
	m.nlh.nlmsg_type = RTM_DELROUTE;
	assert_true(routes_concern(&m.nlh));
	m.nlh.nlmsg_type = RTM_NEWROUTE;
	assert_int_equal(routes_parse(&m.nlh, &links, f), 0);
	assert_int_equal(facts_count(f), 0);
	facts_free(&f);
}

static void
test_rules(void **state)
{
	static const uint16_t ports[] = {443, 444};
	static const uint32_t uids[] = {0, 999};
	static const struct {
		uint8_t family, from, to, action;
		uint32_t flags;
		struct attr attr[5];
		const char *key, *value;
	} rows[] = {
		{V4, 0, 0, FR_ACT_TO_TBL, 0,
		    {{.type = FRA_TABLE, .v = RT_TABLE_LOCAL}}, "rule 0",
		    "everything looks up table local"},
		{V4, 8, 0, FR_ACT_TO_TBL, 0,
		    {{.type = FRA_SRC, .ip = "10.0.0.0"},
		    {.type = FRA_PRIORITY, .v = 100},
		    {.type = FRA_TABLE, .v = 77}}, "rule 100",
		    "from 10.0.0.0/8 looks up table 77"},
		{V6, 0, 128, FR_ACT_PROHIBIT, 0,
		    {{.type = FRA_DST, .ip = "2001:db8::7"},
		    {.type = FRA_PRIORITY, .v = 101}}, "IPv6 rule 101",
		    "to 2001:db8::7/128 is refused (prohibit)"},
		{V4, 0, 0, FR_ACT_TO_TBL, FIB_RULE_INVERT,
		    {{.type = FRA_FWMARK, .v = 0xca6c},
		    {.type = FRA_FWMASK, .v = 0xffff},
		    {.type = FRA_TABLE, .v = 51820},
		    {.type = FRA_SUPPRESS_PREFIXLEN, .v = 0}}, "rule 0",
		    "all but mark 0xca6c/0xffff looks up table 51820, but "
		    "not for routes up to /0"},
		{V4, 0, 0, FR_ACT_GOTO, 0,
		    {{.type = FRA_IIFNAME, .name = "eth0"},
		    {.type = FRA_OIFNAME, .name = "tun0"},
		    {.type = FRA_GOTO, .v = 200}}, "rule 0",
		    "in by eth0 out by tun0 goes on at rule 200"},
		{V4, 0, 0, FR_ACT_TO_TBL, 0,
		    {{.type = FRA_L3MDEV, .v = 1},
		    {.type = FRA_PRIORITY, .v = 1000}}, "rule 1000",
		    "everything looks up the table of its VRF"},
		{V4, 0, 0, FR_ACT_BLACKHOLE, 0, {{.type = 0}}, "rule 0",
		    "everything is thrown away (blackhole)"},
		{V4, 0, 0, FR_ACT_NOP, 0, {{.type = 0}}, "rule 0",
		    "everything does nothing (3)"},
	};
	struct message m;
	struct fib_rule_hdr *h = NLMSG_DATA(&m.nlh);
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		memset(&m, 0, sizeof(m));
		m.nlh.nlmsg_type = RTM_NEWRULE;
		m.nlh.nlmsg_len = NLMSG_LENGTH(sizeof(*h));
		*h = (struct fib_rule_hdr){.family = rows[i].family,
		    .src_len = rows[i].from, .dst_len = rows[i].to,
		    .action = rows[i].action, .flags = rows[i].flags};
		put_all(&m, rows[i].attr, COUNT(rows[i].attr));
		check(&m, rows[i].key, rows[i].value);
	}
	h->tos = 0x10;
	put(&m, FRA_UID_RANGE, uids, sizeof(uids));
	put(&m, FRA_IP_PROTO, "\6", 1);
	put(&m, FRA_DPORT_RANGE, ports, sizeof(ports));
	put(&m, FRA_SPORT_RANGE, ports, 3); /* broken: left out */
	check(&m, "rule 0", "tos 0x10 uids 0-999 protocol 6 destination "
	    "ports 443-444 does nothing (3)");
	h->src_len = 33;
	m.nlh.nlmsg_type = RTM_DELRULE;
	assert_true(routes_concern(&m.nlh));
}

static void
test_addresses(void **state)
{
	static const struct {
		uint8_t family, len;
		uint32_t device;
		struct attr attr[2];
		const char *key;
	} rows[] = {
		{V4, 32, 1, {{.type = IFA_ADDRESS, .ip = "10.0.0.1"},
		    {.type = IFA_LOCAL, .ip = "203.0.113.9"}},
		    "address 203.0.113.9/32 on lo"},
		{V6, 128, 1, {{.type = IFA_ADDRESS, .ip = "2001:db8::9"}},
		    "address 2001:db8::9/128 on lo"},
		{V4, 8, 1, {{.type = IFA_LOCAL, .ip = "127.0.0.1"}}, NULL},
		{V6, 128, 1, {{.type = IFA_ADDRESS, .ip = "::1"}}, NULL},
		{V4, 32, 2, {{.type = IFA_LOCAL, .ip = "203.0.113.9"}},
		    NULL},
		{V4, 33, 1, {{.type = IFA_LOCAL, .ip = "203.0.113.9"}},
		    NULL},
		{V6, 32, 1, {{.type = IFA_LOCAL, .ip = "203.0.113.9"}},
		    NULL},
		{V4, 0, 1, {{.type = 0}}, NULL},
	};
	struct message m;
	struct ifaddrmsg *h = NLMSG_DATA(&m.nlh);
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		memset(&m, 0, sizeof(m));
		m.nlh.nlmsg_type = RTM_NEWADDR;
		m.nlh.nlmsg_len = NLMSG_LENGTH(sizeof(*h));
		*h = (struct ifaddrmsg){.ifa_family = rows[i].family,
		    .ifa_prefixlen = rows[i].len,
		    .ifa_index = rows[i].device};
		put_all(&m, rows[i].attr, COUNT(rows[i].attr));
		check(&m, rows[i].key, "belongs to this host");
	}
}

static void
test_links(void **state)
{
	struct message m = {.nlh = {.nlmsg_type = RTM_NEWLINK,
	    .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg))}};
	struct ifinfomsg *h = NLMSG_DATA(&m.nlh);
	const uint8_t kind[] = {9, 0, IFLA_INFO_KIND, 0, 'v', 'e', 't', 'h',
	    0};
	struct routes_links l = {NULL, 0, 0};
	size_t i;

	(void)state;
	h->ifi_index = 7;
	put(&m, IFLA_IFNAME, "a name that is too long", 24);
	for (i = 0; i < 20; i++)
		assert_int_equal(routes_take_link(&m.nlh, &l), 0);
	put(&m, IFLA_LINKINFO, kind, sizeof(kind));
	assert_int_equal(routes_take_link(&m.nlh, &l), 0);
	m.nlh.nlmsg_len = NLMSG_LENGTH(sizeof(*h)) - 1;
	assert_int_equal(routes_take_link(&m.nlh, &l), 0);
	assert_int_equal(l.n, 21);
	assert_int_equal(l.at[0].index, 7);
	assert_string_equal(l.at[0].name, "a name that is ");
	assert_false(l.at[19].veth);
	assert_true(l.at[20].veth);
	routes_links_done(&l);
}

static void
test_tells(void **state)
{
	static const struct {
		enum fact_how how;
		const char *key, *was, *is;
		Cordon__Severity severity; /* NONE: the kind's own */
		const char *text; /* NULL: nothing */
	} rows[] = {
		{FACT_ADDED, "route 203.0.113.77/32 table main", NULL,
		    "is thrown away (blackhole)", SEVERITY(NONE),
		    "route to 203.0.113.77/32 is thrown away (blackhole), "
		    "table main"},
		{FACT_ADDED, "route 10.0.0.0/26 table main", NULL,
		    "is thrown away (blackhole, protocol 12)", SEVERITY(LOW),
		    "route to 10.0.0.0/26 is thrown away (blackhole, "
		    "protocol 12), table main"},
		{FACT_CHANGED, "route 192.0.2.7/32 table main",
		    "leads to 192.0.2.1 on eth0", "leads out on tun0",
		    SEVERITY(LOW), "route to 192.0.2.7/32 leads out on tun0, "
		    "table main; before: leads to 192.0.2.1 on eth0"},
		{FACT_REMOVED, "route 192.0.2.7/32 table 7",
		    "is refused (prohibit)", NULL, SEVERITY(INFO),
		    "route to 192.0.2.7/32, table 7 is gone; before: is "
		    "refused (prohibit)"},
		{FACT_FOUND, "route 192.0.2.7/32 table 7", NULL,
		    "is refused (prohibit)", SEVERITY(NONE), NULL},
		{FACT_ADDED, "rule 100", NULL, "from 10.0.0.0/8 looks up "
		    "table 77", SEVERITY(LOW), "rule 100: from 10.0.0.0/8 "
		    "looks up table 77"},
		{FACT_ADDED, "IPv6 rule 9", NULL, "everything is refused "
		    "(unreachable)", SEVERITY(NONE), "IPv6 rule 9: "
		    "everything is refused (unreachable)"},
		{FACT_ADDED, "rule 32766", NULL, "everything looks up table "
		    "main", SEVERITY(NONE), NULL},
		{FACT_REMOVED, "rule 32766", "everything looks up table "
		    "main", NULL, SEVERITY(NONE), "rule 32766 is gone; "
		    "before: everything looks up table main"},
		{FACT_REMOVED, "rule 9", "everything looks up table main",
		    NULL, SEVERITY(INFO), "rule 9 is gone; before: "
		    "everything looks up table main"},
		{FACT_CHANGED, "rule 0", "everything looks up table local",
		    "everything looks up table 7", SEVERITY(NONE), "rule 0: "
		    "everything looks up table 7; before: everything looks "
		    "up table local"},
		{FACT_ADDED, "address 203.0.113.9/32 on lo", NULL, "belongs "
		    "to this host", SEVERITY(LOW), "address 203.0.113.9/32 "
		    "on lo belongs to this host"},
	};
	struct state_told told;
	struct fact_change c;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		c = (struct fact_change){rows[i].how, rows[i].key,
		    rows[i].was, rows[i].is};
		memset(&told, 0, sizeof(told));
		assert_int_equal(routes_source.tell(&c, &told),
		    rows[i].text != NULL);
		if (rows[i].text == NULL)
			continue;
		assert_string_equal(told.text, rows[i].text);
		assert_string_equal(told.kind, "net.route");
		assert_string_equal(told.object, rows[i].key);
		assert_int_equal(told.severity, rows[i].severity);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_hops),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
