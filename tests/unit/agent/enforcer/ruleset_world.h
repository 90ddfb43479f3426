/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rules without a kernel: each chain is run, expression by expression, over
 * packets, so that what passes is tested and not how it is written.
 */
#ifndef TESTS_UNIT_AGENT_ENFORCER_RULESET_WORLD_H
#define TESTS_UNIT_AGENT_ENFORCER_RULESET_WORLD_H

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

#define UNUSED __attribute__((unused))

#define UID 990

/* -- a small nf_tables ----------------------------------------------------- */

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

/* -- an order and packets -------------------------------------------------- */

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

UNUSED static void
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

#endif
