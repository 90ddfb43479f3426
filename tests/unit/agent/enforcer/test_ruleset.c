/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rules without a kernel: each chain is run, expression by expression, over
 * packets, so that what passes is tested and not how it is written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "agent/enforcer/ruleset.h"
#include "common/base/id.h"

#define UID 990

/* -- a small nf_tables ------------------------------------------------------- */

struct packet {
	uint8_t link[14 + 4 + 600];
	size_t link_len; /* 0: no link layer */
	size_t len;	 /* all bytes */
	uint32_t uid;	 /* of the sending socket */
	bool has_socket;
	uint32_t in, out; /* device indexes */
	bool routed;	  /* has a route: true loopback */
};

static const uint8_t *
network(const struct packet *p, size_t *left)
{
	*left = p->len - p->link_len;
	return p->link + p->link_len;
}

/* False: the rule does not match (NFT_BREAK). */
static bool
load_meta(const struct packet *p, uint32_t key, uint8_t reg[16])
{
	size_t left;
	const uint8_t *nh = network(p, &left);
	uint16_t type = htons(nh[0] >> 4 == 6 ? 0x86dd : 0x0800);

	memset(reg, 0, 16);
	switch (key) {
	case NFT_META_NFPROTO:
		reg[0] = nh[0] >> 4 == 6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
		return true;
	case NFT_META_PROTOCOL:
		memcpy(reg, &type, 2);
		return true;
	case NFT_META_LEN: {
		uint32_t len = (uint32_t)p->len;

		memcpy(reg, &len, 4);
		return true;
	}
	case NFT_META_SKUID:
		memcpy(reg, &p->uid, 4);
		return p->has_socket;
	case NFT_META_IIF:
		memcpy(reg, &p->in, 4);
		return p->in != 0;
	case NFT_META_OIF:
		memcpy(reg, &p->out, 4);
		return p->out != 0;
	default:
		fail_msg("meta %u", key);
		return false;
	}
}

static bool
load_payload(const struct packet *p, const struct expr *e, uint8_t reg[16])
{
	size_t start = e->key == NFT_PAYLOAD_LL_HEADER ? 0 : p->link_len;

	memset(reg, 0, 16);
	if (e->key == NFT_PAYLOAD_LL_HEADER && p->link_len == 0)
		return false;
	assert_true(e->key == NFT_PAYLOAD_LL_HEADER ||
	    e->key == NFT_PAYLOAD_NETWORK_HEADER);
	if (start + e->offset + e->len > p->len)
		return false;
	memcpy(reg, p->link + start + e->offset, e->len);
	return true;
}

static int run_chain(const struct ruleset *rs, size_t c,
    const struct packet *p);

#define CONTINUE 100

static int
run_rule(const struct ruleset *rs, size_t table, const struct rule *r,
    const struct packet *p)
{
	uint8_t reg[16] = {0};
	size_t i, k;
	bool same;

	for (i = 0; i < r->count; i++) {
		const struct expr *e = &rs->exprs[r->first + i];

		switch (e->kind) {
		case EXPR_META:
			if (!load_meta(p, e->key, reg))
				return CONTINUE;
			break;
		case EXPR_PAYLOAD:
			if (!load_payload(p, e, reg))
				return CONTINUE;
			break;
		case EXPR_MASK:
			for (k = 0; k < e->len; k++)
				reg[k] &= e->data[k];
			break;
		case EXPR_CMP:
			same = memcmp(reg, e->data, e->len) == 0;
			if (same != (e->key == NFT_CMP_EQ))
				return CONTINUE;
			break;
		case EXPR_RT:
			if (!p->routed)
				return CONTINUE;
			reg[0] = 0;
			break;
		case EXPR_COUNT:
		case EXPR_LIMIT:
			break;
		case EXPR_VERDICT:
			if (e->code != NFT_JUMP)
				return e->code;
			return run_chain(rs, ruleset_find_chain(rs, table,
			    e->name), p);
		case EXPR_OTHER:
			fail();
		}
	}
	return CONTINUE;
}

static int
run_chain(const struct ruleset *rs, size_t c, const struct packet *p)
{
	size_t r;
	int v;

	assert_true(c < rs->nchains);
	for (r = rs->chains[c].first; r != SIZE_MAX; r = rs->rules[r].next) {
		v = run_rule(rs, rs->chains[c].table, &rs->rules[r], p);
		if (v != CONTINUE)
			return v;
	}
	return CONTINUE;
}

/* -- an order and packets ------------------------------------------------------ */

static uint8_t c4[4] = {10, 9, 0, 2}, net4[4] = {10, 7, 0, 0};
static uint8_t c6[16] = {0xfd, 9, [15] = 2};
static Cordon__Endpoint ends[4], *collectors[] = {&ends[0], &ends[1]},
    *allowed[] = {&ends[2], &ends[3]};
static Cordon__OrderBody body;
#define MAC {2, 0, 0, 0, 0, 1}
#define HOP {2, 0, 0, 0, 0, 2}
static const uint8_t mac[6] = MAC, hop_mac[6] = HOP;
static const struct device devices[] = {
    {.index = 2, .name = "eth0", .ether = true, .line = true, .mac = MAC},
    {.index = 3, .name = "eth1", .ether = true, .tagged = true, .line = true,
	.mac = MAC, .eapol = EAPOL_GROUP},
    {.index = 7, .name = "tun0", .line = true},
    {.index = 9, .name = "docker0", .ether = true, .mac = {2, 9}},
};
static struct own_address own[] = {
    {.device = 2, .ip = {10, 9, 0, 1}, .len = 4},
    {.device = 2, .ip = {0xfd, 9, [15] = 1}, .len = 16},
    {.device = 2, .ip = {0xfe, 0x80, [15] = 1}, .len = 16},
    {.device = 3, .ip = {10, 9, 0, 1}, .len = 4},
    {.device = 3, .ip = {0xfd, 9, [15] = 1}, .len = 16},
};
static const struct hop pinned[] = {
    {.device = 2, .ip = {10, 9, 0, 2}, .len = 4, .known = true,
	.pinned = true, .mac = HOP},
    {.device = 2, .ip = {0xfd, 9, [15] = 2}, .len = 16, .known = true,
	.pinned = true, .mac = HOP},
};
static const struct hop unknown[] = {
    {.device = 2, .ip = {10, 9, 0, 2}, .len = 4},
    {.device = 2, .ip = {0xfd, 9, [15] = 2}, .len = 16},
};
static const struct hop nowhere[2];
static const struct hop *hops = pinned;
static bool searching, loose;
static Cordon__Mode mode = CORDON__MODE__MODE_ENFORCE;

static void
endpoint(Cordon__Endpoint *e, uint8_t *a, size_t len, uint32_t prefix,
    uint32_t protocol, uint32_t port, Cordon__Direction way)
{
	cordon__endpoint__init(e);
	e->address.data = a;
	e->address.len = len;
	e->prefix_len = prefix;
	e->protocol = protocol;
	e->port = port;
	e->direction = way;
}

static int
build(Cordon__Profile profile, unsigned int features, struct ruleset **rs)
{
	struct ruleset_input in = {.body = &body, .profile = profile,
	    .network_uid = UID, .devices = devices, .ndevices = 4,
	    .own = own, .nown = 5, .hops = hops, .searching = searching, .loose = loose,
	    .features = features};

	cordon__order_body__init(&body);
	endpoint(&ends[0], c4, 4, 32, 6, 443, 1);
	endpoint(&ends[1], c6, 16, 128, 6, 443, 1);
	endpoint(&ends[2], net4, 4, 17, 17, 53, 1);
	endpoint(&ends[3], net4, 4, 16, 6, 22, 2);
	body.collectors = collectors;
	body.n_collectors = 2;
	body.allowed = allowed;
	body.n_allowed = 2;
	body.mode = mode;
	return ruleset_build(&in, rs);
}

enum link { PLAIN, FRAME, TAGGED };

struct shape {
	const char *name;
	const char *src, *dst;
	uint8_t proto;
	uint16_t sport, dport;
	uint8_t flags;	/* TCP; ICMPv6 type */
	uint8_t first;	/* other first byte of the IP header, or 0 */
	uint16_t frag;
	uint8_t hops;	/* or 0: 64 */
	bool out;
	uint32_t uid;
	bool strict, recovery; /* must pass */
};

static void
make(const struct shape *s, enum link link, struct packet *p)
{
	static const uint8_t tag[4] = {0x81, 0, 0, 5};
	bool v6 = strchr(s->src, ':') != NULL;
	uint16_t type = htons(v6 ? 0x86dd : 0x0800), v;
	uint8_t *h, *t;

	memset(p, 0, sizeof(*p));
	if (link != PLAIN) {
		memcpy(p->link + 12, link == TAGGED ? tag :
		    (const uint8_t *)&type, link == TAGGED ? 4 : 2);
		if (link == TAGGED)
			memcpy(p->link + 16, &type, 2);
		p->link_len = link == TAGGED ? 18 : 14;
		memcpy(p->link, s->out ? hop_mac : mac, 6);
		memcpy(p->link + 6, s->out ? mac : hop_mac, 6);
	}
	h = p->link + p->link_len;
	t = h + (v6 ? 40 : 20);
	h[0] = s->first != 0 ? s->first : v6 ? 0x60 : 0x45;
	v = htons(s->frag);
	if (!v6)
		memcpy(h + 6, &v, 2);
	h[v6 ? 6 : 9] = s->proto;
	h[v6 ? 7 : 8] = s->hops != 0 ? s->hops : 64;
	inet_pton(v6 ? AF_INET6 : AF_INET, s->src, h + (v6 ? 8 : 12));
	inet_pton(v6 ? AF_INET6 : AF_INET, s->dst, h + (v6 ? 24 : 16));
	v = htons(s->sport);
	memcpy(t, &v, 2);
	v = htons(s->dport);
	memcpy(t + 2, &v, 2);
	if (s->proto == 58) {
		t[0] = s->flags;
		t[1] = 0;
	} else {
		t[13] = s->flags;
	}
	p->len = (size_t)(t + 20 - p->link);
	p->uid = s->uid;
	p->has_socket = s->out;
	p->in = s->out ? 0 : 2;
	p->out = s->out ? 2 : 0;
	p->routed = true;
}

#define H4 "10.9.0.1"
#define H6 "fd09::1"
#define P4 "10.9.0.2"
#define P6 "fd09::2"
#define SYN 0x02
#define ACK 0x10
static const struct shape shapes[] = {
    {"syn to collector", H4, P4, 6, 4000, 443, SYN, 0, 0, 0, 1, UID, 1, 1},
    {"v6 syn to collector", H6, P6, 6, 4000, 443, SYN, 0, 0, 0, 1, UID, 1, 1},
    {"do not fragment", H4, P4, 6, 4000, 443, ACK, 0, 0x4000, 0, 1, UID, 1, 1},
    {"another user", H4, P4, 6, 4000, 443, SYN, 0, 0, 0, 1, 0, 0, 0},
    {"v6, another user", H6, P6, 6, 4000, 443, SYN, 0, 0, 0, 1, 0, 0, 0},
    {"other port", H4, P4, 6, 4000, 444, SYN, 0, 0, 0, 1, UID, 0, 0},
    {"collector's port as source", H4, P4, 6, 443, 80, SYN, 0, 0, 0, 1, UID, 0, 0},
    {"other address", H4, "10.9.0.3", 6, 4000, 443, SYN, 0, 0, 0, 1, UID, 0, 0},
    {"UDP to it", H4, P4, 17, 4000, 443, 0, 0, 0, 0, 1, UID, 0, 0},
    {"options", H4, P4, 6, 4000, 443, SYN, 0x46, 0, 0, 1, UID, 0, 0},
    {"version 4 in v6", H6, P6, 6, 4000, 443, SYN, 0x40, 0, 0, 1, UID, 0, 0},
    {"first fragment", H4, P4, 6, 4000, 443, SYN, 0, 0x2000, 0, 1, UID, 0, 0},
    {"later fragment", H4, P4, 6, 4000, 443, SYN, 0, 0x0010, 0, 1, UID, 0, 0},
    {"echo request", H4, P4, 1, 0x800, 0, 0, 0, 0, 0, 1, UID, 0, 0},
    {"v6 echo request", H6, P6, 58, 0, 0, 128, 0, 0, 255, 1, UID, 0, 0},
    {"neighbour solicitation", H6, P6, 58, 0, 0, 135, 0, 0, 255, 1, 0, 1, 1},
    {"neighbour, routed", H6, P6, 58, 0, 0, 135, 0, 0, 64, 1, 0, 0, 0},
    {"router advertisement out", H6, P6, 58, 0, 0, 134, 0, 0, 255, 1, 0, 0, 0},
    {"router advertisement in", P6, H6, 58, 0, 0, 134, 0, 0, 255, 0, 0, 1, 1},
    {"redirect in", P6, H6, 58, 0, 0, 137, 0, 0, 255, 0, 0, 0, 0},
    {"advertisement in", P6, H6, 58, 0, 0, 136, 0, 0, 255, 0, 0, 0, 1},
    {"router advertisement of another", "fd09::7", H6, 58, 0, 0, 134, 0, 0, 255, 0, 0, 0, 1},
    {"reply of collector", P4, H4, 6, 443, 4000, SYN | ACK, 0, 0, 0, 0, 0, 1, 1},
    {"v6 reply", P6, H6, 6, 443, 4000, ACK, 0, 0, 0, 0, 0, 1, 1},
    {"reset of collector", P4, H4, 6, 443, 4000, 0x14, 0, 0, 0, 0, 0, 1, 1},
    {"collector opens", P4, H4, 6, 443, 22, SYN, 0, 0, 0, 0, 0, 0, 0},
    {"v6 collector opens", P6, H6, 6, 443, 22, SYN, 0, 0, 0, 0, 0, 0, 0},
    {"from its other port", P4, H4, 6, 80, 4000, ACK, 0, 0, 0, 0, 0, 0, 0},
    {"DNS", H4, "10.9.0.53", 17, 4000, 53, 0, 0, 0, 0, 1, 0, 0, 0},
    {"DHCP broadcast", "0.0.0.0", "255.255.255.255", 17, 68, 67, 0, 0, 0, 0, 1, 0, 0, 0},
    {"DHCP unicast", H4, P4, 17, 68, 67, 0, 0, 0, 0, 1, 0, 0, 0},
    {"DHCP reply", P4, H4, 17, 67, 68, 0, 0, 0, 0, 0, 0, 0, 0},
    {"DHCP request in", P4, H4, 17, 68, 67, 0, 0, 0, 0, 0, 0, 0, 0},
    {"DHCPv6", H6, "ff02::1:2", 17, 546, 547, 0, 0, 0, 0, 1, 0, 0, 0},
    {"DHCPv6 to one", H6, P6, 17, 546, 547, 0, 0, 0, 0, 1, 0, 0, 0},
    {"DHCPv6 reply", P6, H6, 17, 547, 546, 0, 0, 0, 0, 0, 0, 0, 0},
    {"named server", H4, "10.7.100.1", 17, 4000, 53, 0, 0, 0, 0, 1, 0, 0, 1},
    {"beside its prefix", H4, "10.7.128.1", 17, 4000, 53, 0, 0, 0, 0, 1, 0, 0, 0},
    {"its reply", "10.7.100.1", H4, 17, 53, 4000, 0, 0, 0, 0, 0, 0, 0, 1},
    {"named peer opens", "10.7.200.1", H4, 6, 4000, 22, SYN, 0, 0, 0, 0, 0, 0, 1},
    {"our reply to it", H4, "10.7.200.1", 6, 22, 4000, SYN | ACK, 0, 0, 0, 1, 0, 0, 1},
    {"we open to it", H4, "10.7.200.1", 6, 22, 4000, SYN, 0, 0, 0, 1, 0, 0, 0},
    {"another port of it", "10.7.200.1", H4, 6, 4000, 23, SYN, 0, 0, 0, 0, 0, 0, 0},
};

static void
check(const struct ruleset *rs, uint8_t family, const char *chain,
    const struct shape *s, enum link link, bool want)
{
	struct packet p;
	size_t t = ruleset_find_table(rs, family);
	int v;

	make(s, link, &p);
	v = run_chain(rs, ruleset_find_chain(rs, t, chain), &p);
	if ((v == NF_ACCEPT) != want)
		fail_msg("%s in %s %s: verdict %d", s->name,
		    family_name(family), chain, v);
}

static void
every_packet(void **state)
{
	struct ruleset *strict, *recovery;
	const struct ruleset *rs;
	size_t i, k;

	(void)state;
	assert_int_equal(build(2, FEATURES_ALL, &strict), 0);
	assert_int_equal(build(3, FEATURES_ALL, &recovery), 0);
	for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		for (k = 0; k < 2; k++) {
			const struct shape *s = &shapes[i];
			bool want = k == 0 ? s->strict : s->recovery;
			bool line = s->proto != 58;
			/* what goes out below IP is given to the byte */
			bool frame = want && (line || !s->out);

			rs = k == 0 ? strict : recovery;
			check(rs, NFPROTO_INET, s->out ? "output-first" :
			    "input-last", s, PLAIN, want);
			check(rs, NFPROTO_INET, s->out ? "postrouting-last" :
			    "prerouting-first", s, PLAIN, want);
			check(rs, NFPROTO_INET, "forward-first", s, PLAIN,
			    false);
			check(rs, NFPROTO_NETDEV, s->out ? "egress-last-2" :
			    "ingress-first-2", s, FRAME, frame);
			check(rs, NFPROTO_NETDEV, s->out ? "egress-last-2" :
			    "ingress-first-2", s, TAGGED, false);
			check(rs, NFPROTO_NETDEV, s->out ? "egress-first-3" :
			    "ingress-last-3", s, TAGGED, frame);
			check(rs, NFPROTO_NETDEV, s->out ? "egress-first-7" :
			    "ingress-last-7", s, PLAIN, want && line);
			check(rs, NFPROTO_BRIDGE, "forward-last", s, FRAME,
			    false);
		}
	ruleset_free(&strict);
	ruleset_free(&recovery);
}

static void
loopback(void **state)
{
	struct shape s = {.src = "127.0.0.1", .dst = "127.0.0.1", .proto = 6,
	    .sport = 4000, .dport = 25, .flags = SYN};
	struct ruleset *rs;
	struct packet p;
	size_t in, out;

	(void)state;
	assert_int_equal(build(2, FEATURES_ALL, &rs), 0);
	in = ruleset_find_chain(rs, 0, "input-first");
	out = ruleset_find_chain(rs, 0, "output-last");
	make(&s, PLAIN, &p);
	p.in = 1;
	assert_int_equal(run_chain(rs, in, &p), NF_ACCEPT);
	p.routed = false; /* a frame that something put into lo */
	assert_int_equal(run_chain(rs, in, &p), NF_DROP);
	p.in = 0;
	p.out = 1;
	assert_int_equal(run_chain(rs, out, &p), NF_ACCEPT);
	p.out = 2;
	assert_int_equal(run_chain(rs, out, &p), NF_DROP);
	ruleset_free(&rs);
}

/*
 * A frame that may leave, and the bytes of it that are free.  Every other
 * byte, changed in any bit, keeps it in.
 */
struct exact {
	const char *name;
	const struct hop *hops;
	bool leased, searching;
	size_t len, nfree;
	struct {
		size_t from, to; /* not including */
	} free[4];
	const char *bytes; /* hexadecimal; the rest is zeros */
};

#define ETH "020000000002" "020000000001"
#define ALL "ffffffffffff" "020000000001"
#define S6 "fd090000000000000000000000000001"
#define L6 "fe800000000000000000000000000001"
#define D6 "fd090000000000000000000000000002"
static const struct exact frames[] = {
    {"ARP reply", pinned, false, false, 42, 0, {{0, 0}},
	ETH "0806" "0001080006040002" "020000000001" "0a090001"
	"020000000002" "0a090002"},
    {"ARP reply to whoever asked", unknown, false, false, 42, 2,
	{{0, 6}, {32, 42}},
	ETH "0806" "0001080006040002" "020000000001" "0a090001"
	"020000000002" "0a090002"},
    {"ARP request", unknown, false, false, 42, 1, {{0, 6}},
	ALL "0806" "0001080006040001" "020000000001" "0a090001"
	"000000000000" "0a090002"},
    {"neighbour advertisement", pinned, false, false, 86, 2,
	{{56, 59}, {0, 0}},
	ETH "86dd" "6000000000203aff" S6 D6 "8800" "0000" "60000000" S6
	"0201" "020000000001"},
    {"neighbour solicitation", unknown, false, false, 86, 2,
	{{0, 6}, {56, 58}},
	ETH "86dd" "6000000000203aff" S6 "ff0200000000000000000001ff000002"
	"8700" "0000" "00000000" D6 "0101" "020000000001"},
    {"router solicitation", nowhere, false, true, 70, 2,
	{{0, 6}, {56, 58}},
	ETH "86dd" "6000000000103aff" L6 "ff020000000000000000000000000002"
	"8500" "0000" "00000000" "0101" "020000000001"},
    {"DHCP", pinned, true, false, 330, 4,
	/* IP: service, length, id, fragment bit, ttl, sum, source; UDP: length,
	 * sum; xid, secs, flags, ciaddr; options */
	{{15, 21}, {22, 30}, {38, 42}, {46, 58}},
	ALL "0800" "45000000000000004011000000000000ffffffff"
	"0044" "0043" "0000" "0000" "01010600"},
};

static void
exact_frame(const struct exact *e, struct packet *p)
{
	static const uint8_t cookie[4] = {99, 130, 83, 99};

	memset(p, 0, sizeof(*p));
	p->link_len = 14;
	p->len = e->len;
	p->has_socket = true;
	p->out = 2;
	assert_int_equal(hex_decode(p->link, strlen(e->bytes) / 2, e->bytes),
	    0);
	if (e->len == 330) { /* chaddr and cookie are far inside */
		memcpy(p->link + 70, mac, 6);
		memcpy(p->link + 278, cookie, 4);
	}
}

static bool
is_free(const struct exact *e, size_t at)
{
	size_t i;

	for (i = 0; i < 4; i++)
		if (at >= e->free[i].from && at < e->free[i].to)
			return true;
	return e->len == 330 && at >= 282;
}

static int
leave(const struct ruleset *rs, const struct packet *p)
{
	return run_chain(rs, ruleset_find_chain(rs, ruleset_find_table(rs,
	    NFPROTO_NETDEV), "egress-first-2"), p);
}

static void
every_byte(void **state)
{
	struct ruleset *rs;
	struct packet p, q;
	size_t i, at;
	int bit;

	(void)state;
	for (i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		const struct exact *e = &frames[i];

		hops = e->hops;
		searching = e->searching;
		own[0].leased = e->leased;
		assert_int_equal(build(2, FEATURES_ALL, &rs), 0);
		exact_frame(e, &p);
		if (leave(rs, &p) != NF_ACCEPT)
			fail_msg("%s does not leave", e->name);
		for (at = 0; at < e->len; at++)
			for (bit = 0; bit < 8 && !is_free(e, at); bit++) {
				q = p;
				q.link[at] ^= (uint8_t)(1 << bit);
				if (leave(rs, &q) == NF_ACCEPT)
					fail_msg("%s leaves with byte %zu "
					    "changed", e->name, at);
			}
		q = p;
		q.len = e->len == 330 ? 512 : e->len + 1;
		assert_int_equal(leave(rs, &q), NF_DROP);
		ruleset_free(&rs);
		hops = pinned;
		searching = own[0].leased = false;
	}
}

static void
arp(void **state)
{
	static const struct {
		const char *bytes;
		int verdict;
	} cases[] = {
	    {"0001080006040001" "020000000002" "0a090002" "000000000000"
		"0a090001", NF_ACCEPT},
	    {"0001080006040001" "020000000002" "0a090002" "000000000000"
		"0a090007", NF_DROP},
	    {"0001080006040003" "020000000002" "0a090002" "000000000000"
		"0a090001", NF_DROP},
	    {"0006080006040001" "020000000002" "0a090002" "000000000000"
		"0a090001", NF_DROP},
	};
	struct ruleset *rs;
	struct packet p;
	size_t i;

	(void)state;
	assert_int_equal(build(2, FEATURES_ALL, &rs), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&p, 0, sizeof(p));
		p.link[12] = 8;
		p.link[13] = 6;
		p.link_len = 14;
		p.len = 42;
		assert_int_equal(hex_decode(p.link + 14, 28, cases[i].bytes),
		    0);
		assert_int_equal(run_chain(rs, ruleset_find_chain(rs,
		    ruleset_find_table(rs, NFPROTO_NETDEV),
		    "ingress-first-2"), &p), cases[i].verdict);
		assert_int_equal(run_chain(rs, ruleset_find_chain(rs,
		    ruleset_find_table(rs, NFPROTO_ARP), "input-last"), &p),
		    cases[i].verdict);
	}
	ruleset_free(&rs);
}

/* IEEE 802.1X only where it is needed, and only to the next bridge. */
static void
eapol(void **state)
{
	static const uint8_t group[6] = {0x01, 0x80, 0xc2, 0, 0, 3};
	struct ruleset *rs;
	struct packet p = {.link_len = 14, .len = 60, .out = 3};
	size_t t;

	(void)state;
	assert_int_equal(build(2, FEATURES_ALL, &rs), 0);
	t = ruleset_find_table(rs, NFPROTO_NETDEV);
	memcpy(p.link, group, 6);
	memcpy(p.link + 6, mac, 6);
	p.link[12] = 0x88;
	p.link[13] = 0x8e;
	assert_int_equal(run_chain(rs, ruleset_find_chain(rs, t,
	    "egress-last-3"), &p), NF_ACCEPT);
	assert_int_equal(run_chain(rs, ruleset_find_chain(rs, t,
	    "egress-last-2"), &p), NF_DROP);
	memcpy(p.link, hop_mac, 6);
	assert_int_equal(run_chain(rs, ruleset_find_chain(rs, t,
	    "egress-last-3"), &p), NF_DROP);
	ruleset_free(&rs);
}

/* Is a device of that name closed by the chains for devices yet to come? */
static size_t
closed(const struct ruleset *rs, const char *name, uint32_t hook)
{
	size_t i, k, n = 0;

	for (i = 0; i < rs->nchains; i++)
		for (k = 0; k < rs->chains[i].nnames; k++) {
			const struct hookname *h = &rs->hooknames[
			    rs->chains[i].names + k];

			if (rs->chains[i].hook == hook && (h->prefix ?
			    strncmp(h->name, name, strlen(h->name)) == 0 :
			    strcmp(h->name, name) == 0))
				n++;
		}
	return n;
}

static void
every_name(void **state)
{
	static const char *const names[] = {"e", "et", "eth", "eth00", "eth01",
	    "eth2", "ETH0", "wlan0", "l", "lo0", "lp", "docker0", "t", "tun",
	    "tun1", "tun0.5", "\x80", "\xff\xfe", "eth0abcdefghijk", "~", "1"};
	static const char *const open_[] = {"eth0", "eth1", "tun0", "lo"};
	struct ruleset *rs;
	size_t i;

	(void)state;
	assert_int_equal(build(2, FEATURES_ALL, &rs), 0);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (closed(rs, names[i], NF_NETDEV_EGRESS) != 1 ||
		    closed(rs, names[i], NF_NETDEV_INGRESS) != 1)
			fail_msg("%s is not closed once", names[i]);
	}
	for (i = 0; i < sizeof(open_) / sizeof(open_[0]); i++)
		assert_int_equal(closed(rs, open_[i], NF_NETDEV_EGRESS), 0);
	for (i = 0; i < rs->nchains; i++)
		assert_true(rs->chains[i].nnames <= RULESET_HOOKNAMES_CHAIN);
	ruleset_free(&rs);
	/* without prefixes each device that is there has its own chains */
	assert_int_equal(build(2, FEATURES_ALL & ~FEATURE_PREFIX, &rs), 0);
	assert_int_not_equal(ruleset_find_chain(rs, ruleset_find_table(rs,
	    NFPROTO_NETDEV), "egress-first-9"), SIZE_MAX);
	assert_int_equal(rs->nhooknames, 0);
	ruleset_free(&rs);
}

/* Not to another station, not from another address, not where no way is. */
static void
next_hop(void **state)
{
	const struct shape s = {.src = H4, .dst = P4, .proto = 6,
	    .sport = 4000, .dport = 443, .flags = SYN, .out = true,
	    .uid = UID};
	struct ruleset *rs;
	struct packet p;

	(void)state;
	assert_int_equal(build(2, FEATURES_ALL, &rs), 0);
	make(&s, FRAME, &p);
	assert_int_equal(leave(rs, &p), NF_ACCEPT);
	p.link[5] ^= 1;
	assert_int_equal(leave(rs, &p), NF_DROP);
	p.link[5] ^= 1;
	p.link[11] ^= 1;
	assert_int_equal(leave(rs, &p), NF_DROP);
	p.link[11] ^= 1;
	p.link[14 + 15] ^= 1;
	assert_int_equal(leave(rs, &p), NF_DROP);
	ruleset_free(&rs);

	/* one that is not known yet gets nothing; then whoever answers */
	hops = unknown;
	assert_int_equal(build(2, FEATURES_ALL, &rs), 0);
	make(&s, FRAME, &p);
	assert_int_equal(leave(rs, &p), NF_DROP);
	ruleset_free(&rs);
	loose = true;
	assert_int_equal(build(2, FEATURES_ALL, &rs), 0);
	p.link[5] ^= 1;
	assert_int_equal(leave(rs, &p), NF_ACCEPT);
	ruleset_free(&rs);
	loose = false;
	assert_int_equal(build(2, FEATURES_ALL & ~FEATURE_PIN, &rs), 0);
	assert_int_equal(leave(rs, &p), NF_ACCEPT);
	ruleset_free(&rs);

	hops = nowhere;
	searching = true;
	assert_int_equal(build(2, FEATURES_ALL, &rs), 0);
	make(&s, FRAME, &p);
	assert_int_equal(leave(rs, &p), NF_DROP);
	ruleset_free(&rs);
	hops = pinned;
	searching = false;
}

static void
all_base_chains_drop(void **state)
{
	const struct expr *last;
	struct ruleset *rs;
	size_t i, n = 0;

	(void)state;
	assert_int_equal(build(2, FEATURES_ALL, &rs), 0);
	for (i = 0; i < rs->nchains; i++) {
		const struct chain *c = &rs->chains[i];
		const struct rule *r;

		if (!c->base)
			continue;
		n++;
		assert_int_equal(c->policy, NF_DROP);
		assert_true(c->priority == INT32_MIN ||
		    c->priority == INT32_MAX);
		if (c->nnames > 0) { /* without rules: nft 1.0.6 */
			assert_int_equal(c->first, SIZE_MAX);
			continue;
		}
		r = &rs->rules[c->last];
		last = &rs->exprs[r->first + r->count - 1];
		assert_int_equal(last->kind, EXPR_VERDICT);
		assert_int_equal(last->code, NF_DROP);
	}
	assert_true(n > 10 + 3 * 4 + 2 + 4); /* and devices yet to come */
	ruleset_free(&rs);
}

static void
features(void **state)
{
	static const struct {
		unsigned int features;
		size_t tables;
		uint32_t flags;
	} cases[] = {
	    {FEATURES_ALL, 4, TABLE_OWNER | TABLE_PERSIST},
	    {FEATURE_OWNER, 1, TABLE_OWNER},
	    {FEATURE_PERSIST, 1, 0},
	    {FEATURE_INGRESS, 2, 0},
	    {FEATURE_BRIDGE | FEATURE_ARP, 3, 0},
	    {0, 1, 0},
	};
	struct ruleset *rs;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(build(2, cases[i].features, &rs), 0);
		assert_int_equal(rs->ntables, cases[i].tables);
		assert_int_equal(rs->tables[0].flags, cases[i].flags);
		ruleset_free(&rs);
	}
	assert_int_equal(build(1, FEATURES_ALL, &rs), ERR_RANGE);
	assert_int_equal(build(0, FEATURES_ALL, &rs), ERR_RANGE);
}

/* Bytes behind RULES_NEAR_MAX that RS asks for, of leases above all. */
static size_t
far_loads(unsigned int features)
{
	struct ruleset *rs;
	size_t i, n = 0;

	searching = own[0].leased = true;
	assert_int_equal(build(2, features, &rs), 0);
	searching = own[0].leased = false;
	for (i = 0; i < rs->nexprs; i++)
		if (rs->exprs[i].kind == EXPR_PAYLOAD &&
		    rs->exprs[i].offset > RULES_NEAR_MAX)
			n++;
	ruleset_free(&rs);
	return n;
}

/* A kernel that cannot reach so far would refuse all of the rules. */
static void
near_only(void **state)
{
	(void)state;
	assert_true(far_loads(FEATURES_ALL) > 0);
	assert_int_equal(far_loads(FEATURES_ALL & ~(unsigned int)FEATURE_FAR),
	    0);
}

static void
digests(void **state)
{
	uint8_t a[DIGEST_LEN], b[DIGEST_LEN], zero[DIGEST_LEN] = {0};
	struct ruleset *x, *y, *empty = ruleset_new();
	char diff[256];
	size_t i;

	(void)state;
	assert_int_equal(build(2, FEATURES_ALL, &x), 0);
	assert_int_equal(build(2, FEATURES_ALL, &y), 0);
	assert_int_equal(ruleset_digest(x, a), 0);
	assert_int_equal(ruleset_digest(y, b), 0);
	assert_memory_equal(a, b, DIGEST_LEN);
	assert_int_equal(ruleset_diff(x, y, diff, sizeof(diff)), 0);
	assert_string_equal(diff, "");
	/* any change of any expression is another digest */
	for (i = 0; i < y->nexprs; i++) {
		struct expr was = y->exprs[i];

		switch (was.kind) {
		case EXPR_CMP:
		case EXPR_MASK:
			y->exprs[i].data[was.len - 1] ^= 1;
			break;
		case EXPR_VERDICT:
			y->exprs[i].code = NF_QUEUE;
			break;
		case EXPR_COUNT:
			y->exprs[i].name[0] ^= 1;
			break;
		case EXPR_LIMIT:
			y->exprs[i].code ^= 1;
			break;
		default:
			y->exprs[i].key ^= 1;
		}
		assert_int_equal(ruleset_digest(y, b), 0);
		assert_memory_not_equal(a, b, DIGEST_LEN);
		y->exprs[i] = was;
	}
	y->chains[y->nchains - 1].policy = NF_ACCEPT;
	assert_int_equal(ruleset_diff(x, y, diff, sizeof(diff)), 0);
	assert_string_not_equal(diff, "");
	assert_int_equal(ruleset_digest(empty, b), 0);
	assert_memory_equal(b, zero, DIGEST_LEN);
	ruleset_free(&x);
	ruleset_free(&y);
	ruleset_free(&empty);
}

static void
sockets(void **state)
{
	struct ruleset_input in = {.body = &body, .network_uid = UID,
	    .profile = CORDON__PROFILE__PROFILE_STRICT};
	uint8_t server[4] = {10, 7, 1, 1}, other[4] = {10, 7, 200, 1};
	struct ruleset *rs;

	(void)state;
	assert_int_equal(build(2, 0, &rs), 0);
	ruleset_free(&rs);
	assert_true(ruleset_peer_allowed(&in, c4, 4, 6, 4000, 443, UID));
	assert_false(ruleset_peer_allowed(&in, c4, 4, 6, 4000, 443, 0));
	assert_false(ruleset_peer_allowed(&in, c4, 4, 17, 4000, 443, UID));
	assert_false(ruleset_peer_allowed(&in, c4, 4, 6, 443, 4000, UID));
	assert_true(ruleset_peer_allowed(&in, c6, 16, 6, 1, 443, UID));
	assert_false(ruleset_peer_allowed(&in, server, 4, 17, 1, 53, 0));
	in.profile = CORDON__PROFILE__PROFILE_LIMITED;
	assert_true(ruleset_peer_allowed(&in, server, 4, 17, 1, 53, 0));
	assert_false(ruleset_peer_allowed(&in, other, 4, 17, 1, 53, 0));
	assert_true(ruleset_peer_allowed(&in, other, 4, 6, 22, 4000, 0));
	assert_false(ruleset_peer_allowed(&in, other, 4, 6, 4000, 22, 0));
}

/* A drill that counts looks at IP once each way, and drops nothing. */
static void
counting(void **state)
{
	struct ruleset *rs;
	size_t i, r, base = 0;

	(void)state;
	mode = CORDON__MODE__MODE_DRILL_COUNT;
	assert_int_equal(build(CORDON__PROFILE__PROFILE_STRICT, FEATURES_ALL,
	    &rs), 0);
	mode = CORDON__MODE__MODE_ENFORCE;
	assert_int_equal(rs->ntables, 1);
	assert_int_equal(rs->tables[0].family, NFPROTO_INET);
	for (i = 0; i < rs->nexprs; i++)
		assert_false(rs->exprs[i].kind == EXPR_VERDICT &&
		    rs->exprs[i].code == NF_DROP);
	for (i = 0; i < rs->nchains; i++) {
		const struct rule *last = NULL;

		if (!rs->chains[i].base)
			continue;
		base++;
		assert_int_equal(rs->chains[i].policy, NF_ACCEPT);
		for (r = rs->chains[i].first; r != SIZE_MAX;
		    r = rs->rules[r].next)
			last = &rs->rules[r];
		assert_non_null(last);
		assert_int_equal(rs->exprs[last->first].kind, EXPR_COUNT);
		assert_int_equal(rs->exprs[last->first + 1].code, NF_ACCEPT);
	}
	assert_int_equal(base, 3);
	ruleset_free(&rs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_packet), cmocka_unit_test(loopback),
	    cmocka_unit_test(arp),
	    cmocka_unit_test(every_byte),
	    cmocka_unit_test(eapol),
	    cmocka_unit_test(every_name),
	    cmocka_unit_test(next_hop), cmocka_unit_test(all_base_chains_drop),
	    cmocka_unit_test(features),
	    cmocka_unit_test(near_only), cmocka_unit_test(digests),
	    cmocka_unit_test(sockets),
	    cmocka_unit_test(counting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
