/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the BPF programs let through, run by the kernel itself on frames
 * made here (BPF_PROG_TEST_RUN).  The table mirrors that of the rules.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/pkt_cls.h>

#include "agent/guard/programs.h"
#include "agent/guard/rules.h"
#include "common/wire/order.pb-c.h"

#define OUR_UID 0 /* of the socket that the kernel lends a trial */

enum { IN = 1, OUT = 2 };

/* One frame; zero is the usual. */
struct frame {
	const char *name;
	int passes;	 /* IN and OUT */
	uint16_t type;	 /* Ethernet; 0: by V6 */
	bool v6, tagged, no_link;
	uint8_t first, protocol, flags, hops;
	uint16_t fragment;
	const char *from, *to; /* NULL: ours, the collector's */
	uint16_t sport, dport;
	size_t cut, more; /* bytes less, or more, at the end of the packet */
	size_t tail;	  /* bytes behind it, of which its header says nothing */
	bool silent;	  /* its header says no length: a super-packet */
	uint8_t l4[2];	  /* of what is neither TCP nor UDP */
	uint8_t station[6]; /* link address it goes to */
};

static struct programs *programs;

static size_t
put_ip(const struct frame *f, uint8_t *p, const char *from, const char *to)
{
	if (!f->v6) {
		p[0] = f->first != 0 ? f->first : 0x45;
		p[6] = (uint8_t)(f->fragment >> 8);
		p[7] = (uint8_t)f->fragment;
		p[8] = 64;
		p[9] = f->protocol;
		inet_pton(AF_INET, from, p + 12);
		inet_pton(AF_INET, to, p + 16);
		return 20;
	}
	p[0] = f->first != 0 ? f->first : 0x60;
	p[6] = f->protocol;
	p[7] = f->hops != 0 ? f->hops : 64;
	inet_pton(AF_INET6, from, p + 8);
	inet_pton(AF_INET6, to, p + 24);
	return 40;
}

/* L4 is LEN bytes long; its IP header ends there. */
static void
say_length(const struct frame *f, uint8_t *l4, size_t len)
{
	uint8_t *at = f->v6 ? l4 - 36 : l4 - 18;

	len += f->v6 ? 0 : 20;
	at[0] = f->silent ? 0 : (uint8_t)(len >> 8);
	at[1] = f->silent ? 0 : (uint8_t)len;
}

static size_t
make(const struct frame *f, bool out, uint8_t *p)
{
	const char *us = f->v6 ? "fd00::1" : "10.0.0.1";
	const char *them = f->v6 ? "fd00::2" : "10.0.0.2";
	uint16_t type = f->type != 0 ? f->type : f->v6 ? 0x86dd : 0x0800;
	size_t n = 0;

	memset(p, 0, 2048);
	if (!f->no_link) {
		memcpy(p, f->station, 6);
		n = 12;
		if (f->tagged) {
			p[n] = 0x81;
			n += 4;
		}
		p[n] = (uint8_t)(type >> 8);
		p[n + 1] = (uint8_t)type;
		n += 2;
	}
	if (type == 0x0806) {
		static const uint8_t head[] = {0, 1, 8, 0, 6, 4, 0};

		memcpy(p + n, head, sizeof(head));
		p[n + 7] = f->l4[0];
		return n + 28 + f->more - f->cut;
	}
	n += put_ip(f, p + n, f->from != NULL ? f->from : out ? us : them,
	    f->to != NULL ? f->to : out ? them : us);
	if (f->protocol != IPPROTO_TCP && f->protocol != IPPROTO_UDP) {
		p[n] = f->l4[0];
		p[n + 1] = f->l4[1];
		say_length(f, p + n, 24 + f->more);
		return n + 24 + f->more - f->cut + f->tail;
	}
	say_length(f, p + n, 20 + f->more);
	p[n] = (uint8_t)(f->sport >> 8);
	p[n + 1] = (uint8_t)f->sport;
	p[n + 2] = (uint8_t)(f->dport >> 8);
	p[n + 3] = (uint8_t)f->dport;
	p[n + 13] = f->flags;
	return n + 20 + f->more - f->cut + f->tail;
}

static bool
passes(int program, bool out, const uint8_t *frame, size_t len)
{
	uint8_t back[4096];
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame,
	    .data_size_in = (uint32_t)len, .data_out = back,
	    .data_size_out = sizeof(back), .repeat = 1);
	int rc = bpf_prog_test_run_opts(program, &o);

	if (rc != 0)
		fail_msg("test run of %zu bytes: %s", len, strerror(-rc));
	return o.retval == (out ? (uint32_t)TC_ACT_OK : (uint32_t)XDP_PASS);
}

static void
judge(const struct frame *f)
{
	enum shape shape = f->no_link ? SHAPE_PACKET : SHAPE_FRAME;
	uint8_t p[2048];
	size_t len;
	int way;

	for (way = IN; way <= OUT; way++) {
		struct frame g = *f;

		/* Ports are those of a frame that goes out. */
		if (way == IN) {
			g.sport = f->dport;
			g.dport = f->sport;
		}
		len = make(&g, way == OUT, p);
		/* For a trial on the way out the kernel takes no frame that
		 * ends inside its IP header, and none without Ethernet. */
		if (way == OUT && (f->cut > 20 || f->no_link))
			continue;
		if (passes(way == IN ? programs_in(programs, shape) :
		    programs_out(programs, shape), way == OUT, p, len) !=
		    ((f->passes & way) != 0))
			fail_msg("%s, %s: wrong", f->name, way == IN ? "in" :
			    "out");
	}
}

#define TCP IPPROTO_TCP
#define UDP IPPROTO_UDP
#define SYN 0x02
#define ACK 0x10
#define LINE .protocol = TCP, .sport = 40000, .dport = 443
#define LINE6 .v6 = true, LINE

static const struct frame frames[] = {
	{"the line", IN | OUT, LINE, .flags = ACK},
	{"the line by v6", IN | OUT, LINE6, .flags = ACK},
	{"the line in a VLAN", IN | OUT, LINE, .tagged = true, .flags = ACK},
	{"the line by v6 in a VLAN", IN | OUT, LINE6, .tagged = true,
	    .flags = ACK},
	{"the line on a device without link layer", IN, LINE, .no_link = true,
	    .flags = ACK},
	{"the line by v6 without link layer", IN, LINE6, .no_link = true,
	    .flags = ACK},
	{"opening the line", OUT, LINE, .flags = SYN},
	{"the answer to it", IN | OUT, LINE, .flags = SYN | ACK},
	{"opening by v6", OUT, LINE6, .flags = SYN},
	{"with options", 0, LINE, .first = 0x46},
	{"not version 4", 0, LINE, .first = 0x55},
	{"not version 6", 0, LINE6, .first = 0x50},
	{"a fragment", 0, LINE, .fragment = 1},
	{"more fragments", 0, LINE, .fragment = 0x2000},
	{"may not be fragmented", IN | OUT, LINE, .fragment = 0x4000,
	    .flags = ACK},
	{"an extension header", 0, .v6 = true, .protocol = 44},
	{"another port", 0, .protocol = TCP, .sport = 443, .dport = 80},
	{"the port on the other side", 0, .protocol = TCP, .sport = 443,
	    .dport = 40000},
	{"UDP to that port", 0, .protocol = UDP, .sport = 4000, .dport = 443},
	{"another address", 0, LINE, .to = "10.0.0.3", .from = "10.0.0.3"},
	{"another address by v6", 0, LINE6, .to = "fd00::3",
	    .from = "fd00::3"},
	{"ICMP", 0, .protocol = 1, .l4 = {8, 0}},
	{"GRE to the collector", 0, .protocol = 47},
	{"SCTP", 0, .protocol = 132},
	{"another kind of frame", 0, .type = 0x88cc, LINE},
	{"two VLAN tags", 0, .tagged = true, .type = 0x8100, LINE},
	{"cut inside TCP", 0, LINE, .cut = 8, .flags = ACK},
	{"cut inside IP", 0, LINE, .cut = 25},
	{"cut inside v6", 0, LINE6, .cut = 30},
	{"allowed by prefix", IN | OUT, .protocol = UDP, .sport = 5000,
	    .dport = 53, .to = "10.9.77.1", .from = "10.9.77.1"},
	{"beside the prefix", 0, .protocol = UDP, .sport = 5000, .dport = 53,
	    .to = "10.10.77.1", .from = "10.10.77.1"},
	{"v6 by prefix", IN | OUT, .v6 = true, .protocol = TCP, .flags = ACK,
	    .sport = 5000, .dport = 636, .to = "fd01:2:ffff::9",
	    .from = "fd01:2:ffff::9"},
	{"v6 beside the prefix", 0, .v6 = true, .protocol = TCP,
	    .flags = ACK, .sport = 5000, .dport = 636, .to = "fd01:3::9",
	    .from = "fd01:3::9"},
	{"they open", IN, .protocol = TCP, .sport = 22, .dport = 5000,
	    .flags = SYN, .to = "10.0.0.7", .from = "10.0.0.7"},
	{"they go on", IN | OUT, .protocol = TCP, .sport = 22, .dport = 5000,
	    .flags = ACK, .to = "10.0.0.7", .from = "10.0.0.7"},
	{"DHCP", IN | OUT, .protocol = UDP, .sport = 68, .dport = 67,
	    .to = "255.255.255.255", .from = "0.0.0.0"},
	{"DHCP answer", IN, .protocol = UDP, .sport = 68, .dport = 67,
	    .to = "10.0.0.1", .from = "10.0.0.254"},
	{"DHCPv6", IN | OUT, .v6 = true, .protocol = UDP, .sport = 546,
	    .dport = 547, .to = "ff02::1:2", .from = "fd00::1"},
	{"DHCPv6 to somebody", IN, .v6 = true, .protocol = UDP, .sport = 546,
	    .dport = 547, .to = "fd00::5", .from = "fd00::5"},
	{"ARP request", IN | OUT, .type = 0x0806, .l4 = {1}},
	{"ARP reply in a VLAN", IN | OUT, .type = 0x0806, .tagged = true,
	    .l4 = {2}},
	{"ARP padded", IN | OUT, .type = 0x0806, .l4 = {2}, .more = 18},
	{"ARP that carries something", IN, .type = 0x0806, .l4 = {1},
	    .more = 1000},
	{"RARP", 0, .type = 0x0806, .l4 = {3}},
	{"ARP without link layer", 0, .type = 0x0806, .no_link = true,
	    .l4 = {1}},
	{"neighbour solicitation", IN | OUT, .v6 = true, .protocol = 58,
	    .hops = 255, .l4 = {135, 0}},
	{"neighbour advertisement", IN | OUT, .v6 = true, .protocol = 58,
	    .hops = 255, .l4 = {136, 0}},
	{"one that was routed", 0, .v6 = true, .protocol = 58, .hops = 254,
	    .l4 = {136, 0}},
	{"one that carries something", IN, .v6 = true, .protocol = 58,
	    .hops = 255, .l4 = {136, 0}, .more = 500},
	{"router solicitation", OUT, .v6 = true, .protocol = 58, .hops = 255,
	    .l4 = {133, 0}},
	{"802.1X", IN, .type = 0x888e, LINE},
	{"DHCP with a file in it", IN, .protocol = UDP, .sport = 68,
	    .dport = 67, .to = "255.255.255.255", .from = "10.0.0.254",
	    .more = 600},
	{"router advertisement", IN, .v6 = true, .protocol = 58, .hops = 255,
	    .l4 = {134, 0}},
	{"bytes behind the packet", 0, LINE, .flags = ACK, .more = 100,
	    .tail = 5},
	{"many bytes behind it", 0, LINE, .flags = ACK, .tail = 500},
	{"bytes behind it by v6", 0, LINE6, .flags = ACK, .more = 100,
	    .tail = 5},
	{"bytes behind it in a VLAN", 0, LINE, .tagged = true, .flags = ACK,
	    .more = 100, .tail = 5},
	{"bytes behind it without link layer", 0, LINE, .no_link = true,
	    .flags = ACK, .more = 100, .tail = 5},
	{"a check behind it", IN, LINE, .flags = ACK, .more = 100, .tail = 4},
	{"padded to the least", IN, LINE, .flags = ACK, .tail = 6},
	{"padded to the least in a VLAN", IN, LINE, .tagged = true,
	    .flags = ACK, .tail = 6},
	{"padded, with a check", IN, LINE, .flags = ACK, .tail = 14},
	{"padded beyond it", 0, LINE, .flags = ACK, .tail = 15},
	{"shorter than it says", 0, LINE, .flags = ACK, .more = 9, .cut = 8},
	{"says no length", 0, LINE, .flags = ACK, .silent = true,
	    .more = 100},
	{"says no length by v6", 0, LINE6, .flags = ACK, .silent = true,
	    .more = 100},
	{"redirect", 0, .v6 = true, .protocol = 58, .hops = 255,
	    .l4 = {137, 0}},
	{"echo", 0, .v6 = true, .protocol = 58, .hops = 255, .l4 = {128, 0}},
};

static void
endpoint(Cordon__Endpoint *e, const char *address, uint32_t prefix,
    uint32_t protocol, uint32_t port, bool in, uint8_t bytes[16])
{
	bool v6 = strchr(address, ':') != NULL;

	cordon__endpoint__init(e);
	inet_pton(v6 ? AF_INET6 : AF_INET, address, bytes);
	e->address.data = bytes;
	e->address.len = v6 ? 16 : 4;
	e->prefix_len = prefix;
	e->protocol = protocol;
	e->port = port;
	e->direction = in ? CORDON__DIRECTION__DIRECTION_IN :
	    CORDON__DIRECTION__DIRECTION_OUT;
}

static int
load(uint32_t uid, bool held, struct why *why)
{
	static uint8_t station[6] = {2, 0, 0, 0, 0, 9};
	ProtobufCBinaryData hop[2] = {{6, station}, {0, NULL}};
	Cordon__Endpoint e[5], *at[] = {&e[0], &e[1], &e[2], &e[3], &e[4]};
	Cordon__GuardSet m = CORDON__GUARD_SET__INIT;
	struct program_rules rules;
	uint8_t bytes[5][16];

	endpoint(&e[0], "10.0.0.2", 32, TCP, 443, false, bytes[0]);
	endpoint(&e[1], "fd00::2", 128, TCP, 443, false, bytes[1]);
	endpoint(&e[2], "10.9.0.0", 16, UDP, 53, false, bytes[2]);
	endpoint(&e[3], "fd01:2::", 32, TCP, 636, false, bytes[3]);
	endpoint(&e[4], "10.0.0.7", 32, TCP, 22, true, bytes[4]);
	m.network_uid = uid;
	m.lease = true;
	m.hops = hop;
	m.n_hops = held ? 2 : 0;
	m.eapol = held ? PROGRAM_EAPOL_GROUP : PROGRAM_EAPOL_NO;
	m.collectors = at;
	m.n_collectors = 2;
	m.allowed = at + 2;
	m.n_allowed = 3;
	assert_int_equal(rules_of(&m, &rules, NULL), 0);
	assert_int_equal(rules.n, 5);
	programs_free(&programs);
	return programs_load(&rules, &programs, why);
}

/* Where the kernel gives us no BPF; that it takes none of ours is red. */
static void
skip_without_bpf(struct why *why)
{
	if (load(0, false, why) == 0 || (strstr(why->text, "not permitted") ==
	    NULL && strstr(why->text, "not implemented") == NULL))
		return;
	print_message("%s\n", why->text);
	skip();
}

static void
test_table(void **state)
{
	struct why why = {""};
	size_t i;

	(void)state;
	skip_without_bpf(&why);
	if (load(OUR_UID, false, &why) != 0)
		fail_msg("%s", why.text);
	for (i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
		judge(&frames[i]);
}

/* Only the network process's sockets may use the line. */
static void
test_user(void **state)
{
	static const struct frame line = {"the line of somebody else", IN,
	    LINE, .flags = ACK};

	struct why why = {""};

	(void)state;
	skip_without_bpf(&why);
	assert_int_equal(load(4711, false, NULL), 0);
	judge(&line);
	programs_free(&programs);
}

/* One station for the first collector, any for the second; 802.1X. */
static void
test_held(void **state)
{
	static const struct frame kept[] = {
		{"elsewhere", IN, LINE, .flags = ACK},
		{"not held", IN | OUT, LINE6, .flags = ACK},
		{"to the hop", IN | OUT, LINE, .flags = ACK,
		    .station = {2, 0, 0, 0, 0, 9}},
		{"802.1X to the next bridge", IN | OUT, .type = 0x888e, LINE,
		    .station = {0x01, 0x80, 0xc2, 0, 0, 3}},
		{"802.1X to somebody", IN, .type = 0x888e, LINE},
	};
	struct why why = {""};
	size_t i;

	(void)state;
	skip_without_bpf(&why);
	assert_int_equal(load(OUR_UID, true, NULL), 0);
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		judge(&kept[i]);
	programs_free(&programs);
}

static void
test_rules_refused(void **state)
{
	static const struct {
		uint32_t prefix, protocol, port;
		size_t len;
	} bad[] = {
		{33, TCP, 443, 4}, {129, TCP, 443, 16}, {32, 1, 443, 4},
		{32, TCP, 0, 4}, {32, TCP, 65536, 4}, {32, TCP, 443, 5},
		{0, TCP, 443, 0},
	};
	Cordon__GuardSet m = CORDON__GUARD_SET__INIT;
	Cordon__Endpoint e, *at[PROGRAM_PEERS_MAX + 1];
	struct program_rules rules;
	uint8_t bytes[16] = {0};
	struct why why;
	size_t i;

	(void)state;
	m.collectors = at;
	m.n_collectors = 1;
	at[0] = &e;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		endpoint(&e, "10.0.0.2", bad[i].prefix, bad[i].protocol,
		    bad[i].port, false, bytes);
		e.address.len = bad[i].len;
		if (rules_of(&m, &rules, &why) != ERR_PROTO)
			fail_msg("case %zu was taken", i);
	}
	endpoint(&e, "10.0.0.2", 32, TCP, 443, false, bytes);
	for (i = 0; i <= PROGRAM_PEERS_MAX; i++)
		at[i] = &e;
	m.n_collectors = PROGRAM_PEERS_MAX;
	assert_int_equal(rules_of(&m, &rules, &why), 0);
	m.n_allowed = 1;
	m.allowed = at;
	assert_int_equal(rules_of(&m, &rules, &why), ERR_PROTO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_rules_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
