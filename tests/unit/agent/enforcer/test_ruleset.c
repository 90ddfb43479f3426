/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules over packets: what passes, to the byte. */
#include "tests/unit/agent/enforcer/ruleset_world.h"

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
		cmocka_unit_test(every_packet),
		cmocka_unit_test(loopback),
		cmocka_unit_test(arp),
		cmocka_unit_test(every_byte),
		cmocka_unit_test(eapol),
		cmocka_unit_test(next_hop),
		cmocka_unit_test(counting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
