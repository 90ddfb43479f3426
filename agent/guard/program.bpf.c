/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What may pass a device of an isolated host, decided by the bytes of the
 * frame alone.  Runs in the kernel: as XDP where frames come in, before any
 * socket buffer or tap exists, and as the first tc program where they go
 * out, behind netfilter's egress hook.  It mirrors allowed() of
 * agent/enforcer/rules.c and is never stricter; whoever changes one looks
 * at the other.  No map but the frozen rules, no helper that changes
 * anything.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "agent/guard/program.h"

#define inline_ static __attribute__((always_inline)) inline

#define ARP_OUT_MAX 64	/* bytes of a frame: header, tag, ARP, padding */
#define ND_OUT_MAX 128	/* header, tag, IPv6, advertisement, options */
#define DHCP_OUT_MAX 511 /* is_short() of rules_link.c, and a tag */
#define HEADERS_MAX 128 /* bytes that must lie in a row for a look */
#define LEN16_MAX 65535 /* longer ones say 0 in their IP header (BIG TCP) */
#define SHORT_MAX 64	/* bytes, without check: shorter ones are padded */
#define TAIL_IN_MAX 4	/* a check that the card left (rx-fcs) */
#define TCP_SYN 0x02
#define TCP_SYN_ACK 0x12
#define ICMP6 58
#define ND_SOLICIT 135 /* RFC 4861 */
#define ND_ADVERT 136
#define ND_ROUTER 134
#define ND_ROUTER_SOLICIT 133
#define TYPE_EAPOL 0x888e /* IEEE 802.1X */

const volatile struct program_rules rules = {0};

/* One packet, as far as it matters. */
struct flow {
	const void *at, *end; /* network header, end of what can be read */
	__u32 len;	      /* of the whole frame */
	__u32 head;	      /* of it before the network header */
	bool out;
	__u32 uid; /* whose socket sends it */
	__u32 peer[4];
	__u16 from, to; /* ports, network order */
	__u8 protocol, v6, flags;
	__u8 to_link[6]; /* link address it goes to */
};

struct vlan_tag {
	__be16 tci, type;
};

struct arp {
	__be16 hardware, protocol;
	__u8 hardware_len, protocol_len;
	__be16 op;
	__u8 rest[20];
};

/* IPv4 without options; IPv6 without extensions. */
struct ip4 {
	__u8 version, tos;
	__be16 len, id, fragment;
	__u8 ttl, protocol;
	__be16 sum;
	__u32 from, to;
};

struct ip6 {
	__u8 version, flow[3];
	__be16 len;
	__u8 next, hops;
	__u32 from[4], to[4];
};

struct ports {
	__be16 from, to;
};

inline_ bool
address_is(const volatile struct program_peer *p, const struct flow *f)
{
	return !((f->peer[0] ^ p->address[0]) & p->mask[0]) &&
	    !((f->peer[1] ^ p->address[1]) & p->mask[1]) &&
	    !((f->peer[2] ^ p->address[2]) & p->mask[2]) &&
	    !((f->peer[3] ^ p->address[3]) & p->mask[3]);
}

inline_ bool
link_is(const volatile struct program_peer *p, const struct flow *f)
{
	return f->to_link[0] == p->hop[0] && f->to_link[1] == p->hop[1] &&
	    f->to_link[2] == p->hop[2] && f->to_link[3] == p->hop[3] &&
	    f->to_link[4] == p->hop[4] && f->to_link[5] == p->hop[5];
}

/* The endpoint() of rules.c, for one peer. */
inline_ bool
peer_is(const volatile struct program_peer *p, const struct flow *f)
{
	bool opening = !p->theirs == f->out;

	if (p->protocol != f->protocol || p->v6 != f->v6 ||
	    p->port != (opening ? f->to : f->from) || !address_is(p, f))
		return false;
	if (!opening && f->protocol == IPPROTO_TCP &&
	    (f->flags & TCP_SYN_ACK) == TCP_SYN)
		return false;
	if (f->out && p->held && !link_is(p, f))
		return false;
	return !(f->out && p->own) || f->uid == rules.uid;
}

inline_ bool
peers_have(const struct flow *f)
{
	__u32 i;

	for (i = 0; i < PROGRAM_PEERS_MAX; i++) {
		if (i >= rules.n)
			break;
		if (peer_is(&rules.peer[i], f))
			return true;
	}
	return false;
}

/* Ports, and flags of TCP, at L4. */
inline_ bool
read_l4(struct flow *f, const void *l4)
{
	const struct ports *p = l4;

	if ((const void *)(p + 1) > f->end)
		return false;
	f->from = p->from;
	f->to = p->to;
	if (f->protocol != IPPROTO_TCP)
		return f->protocol == IPPROTO_UDP;
	if (l4 + 14 > f->end)
		return false;
	f->flags = ((const __u8 *)l4)[13];
	return true;
}

/* DHCP (RFC 2131, RFC 8415): client and server port, from our side. */
inline_ bool
dhcp(const struct flow *f, __u16 ours, __u16 theirs)
{
	return rules.lease && f->protocol == IPPROTO_UDP &&
	    (!f->out || f->len <= DHCP_OUT_MAX) &&
	    f->from == bpf_htons(f->out ? ours : theirs) &&
	    f->to == bpf_htons(f->out ? theirs : ours);
}

/*
 * Nothing behind the end of the packet, which would pass unseen.  What we
 * send ends there to the byte: cards pad, after us.  What comes in may be
 * padded, by whoever forwarded it, with whatever.  SAYS: by the IP header;
 * super-packets (GSO, GRO) say their whole length too.
 */
inline_ bool
ends_there(const struct flow *f, __u32 says)
{
	__u32 len = f->len - f->head;

	if (len == says || (len > LEN16_MAX && says < HEADERS_MAX))
		return true;
	if (f->out || len < says)
		return false;
	return len - says <= TAIL_IN_MAX || f->len <= SHORT_MAX + TAIL_IN_MAX;
}

inline_ bool
ip4_passes(struct flow *f, bool link)
{
	const struct ip4 *ip = f->at;

	if ((const void *)(ip + 1) > f->end || ip->version != 0x45 ||
	    (ip->fragment & bpf_htons(0x3fff)) ||
	    !ends_there(f, bpf_ntohs(ip->len)))
		return false;
	f->protocol = ip->protocol;
	f->peer[0] = f->out ? ip->to : ip->from;
	if (!read_l4(f, ip + 1))
		return false;
	if (link && dhcp(f, 68, 67) &&
	    (!f->out || f->peer[0] == 0xffffffff))
		return true;
	return peers_have(f);
}

/* Neighbour discovery: hop limit 255 proves that it was not routed. */
inline_ bool
neighbour(const struct flow *f, const struct ip6 *ip)
{
	const __u8 *icmp = (const void *)(ip + 1);

	if ((const void *)(icmp + 2) > f->end || ip->hops != 255 ||
	    icmp[1] != 0)
		return false;
	if (f->out && f->len > ND_OUT_MAX)
		return false;
	return icmp[0] == ND_SOLICIT || icmp[0] == ND_ADVERT ||
	    icmp[0] == (f->out ? ND_ROUTER_SOLICIT : ND_ROUTER);
}

/* ff02::1:2 */
inline_ bool
to_dhcp_servers(const struct flow *f)
{
	return f->peer[0] == bpf_htonl(0xff020000) && f->peer[1] == 0 &&
	    f->peer[2] == 0 && f->peer[3] == bpf_htonl(0x00010002);
}

inline_ bool
ip6_passes(struct flow *f, bool link)
{
	const struct ip6 *ip = f->at;

	if ((const void *)(ip + 1) > f->end ||
	    (ip->version & 0xf0) != 0x60 ||
	    !ends_there(f, sizeof(*ip) + bpf_ntohs(ip->len)))
		return false;
	if (ip->next == ICMP6)
		return link && neighbour(f, ip);
	f->v6 = 1;
	f->protocol = ip->next;
	f->peer[0] = f->out ? ip->to[0] : ip->from[0];
	f->peer[1] = f->out ? ip->to[1] : ip->from[1];
	f->peer[2] = f->out ? ip->to[2] : ip->from[2];
	f->peer[3] = f->out ? ip->to[3] : ip->from[3];
	if (!read_l4(f, ip + 1))
		return false;
	if (link && dhcp(f, 546, 547) && (!f->out || to_dhcp_servers(f)))
		return true;
	return peers_have(f);
}

/* ARP (RFC 826): Ethernet and IPv4, request or reply. */
inline_ bool
arp_passes(const struct flow *f)
{
	const struct arp *a = f->at;

	return (const void *)(a + 1) <= f->end &&
	    a->hardware == bpf_htons(1) && a->protocol == bpf_htons(ETH_P_IP) &&
	    a->hardware_len == 6 && a->protocol_len == 4 &&
	    (a->op == bpf_htons(1) || a->op == bpf_htons(2)) &&
	    (!f->out || f->len <= ARP_OUT_MAX);
}

/* put_eapol() of rules_link.c: a bridge never forwards the group's. */
inline_ bool
eapol_passes(const struct flow *f)
{
	if (!f->out || rules.eapol == PROGRAM_EAPOL_ANY)
		return true;
	return rules.eapol == PROGRAM_EAPOL_GROUP && f->to_link[0] == 0x01 &&
	    f->to_link[1] == 0x80 && f->to_link[2] == 0xc2 &&
	    f->to_link[3] == 0 && f->to_link[4] == 0 && f->to_link[5] == 3;
}

/* An Ethernet frame, with one VLAN tag or none. */
inline_ bool
frame_passes(struct flow *f)
{
	const struct ethhdr *eth = f->at;
	const struct vlan_tag *tag = (const void *)(eth + 1);
	__be16 type;

	if ((const void *)(eth + 1) > f->end)
		return false;
	type = eth->h_proto;
	__builtin_memcpy(f->to_link, eth->h_dest, sizeof(f->to_link));
	f->at = eth + 1;
	f->head = sizeof(*eth);
	if (type == bpf_htons(ETH_P_8021Q)) {
		if ((const void *)(tag + 1) > f->end)
			return false;
		type = tag->type;
		f->at = tag + 1;
		f->head += sizeof(*tag);
	}
	if (type == bpf_htons(ETH_P_IP))
		return ip4_passes(f, true);
	if (type == bpf_htons(ETH_P_IPV6))
		return ip6_passes(f, true);
	if (type == bpf_htons(TYPE_EAPOL))
		return eapol_passes(f);
	return type == bpf_htons(ETH_P_ARP) && arp_passes(f);
}

/* A packet of a device without link layer. */
inline_ bool
packet_passes(struct flow *f)
{
	const __u8 *first = f->at;

	if ((const void *)(first + 1) > f->end)
		return false;
	return *first >> 4 == 6 ? ip6_passes(f, false) : ip4_passes(f, false);
}

/* -- coming in ------------------------------------------------------------- */

inline_ struct flow
flow_in(struct xdp_md *x)
{
	struct flow f = {.at = (const void *)(long)x->data,
	    .end = (const void *)(long)x->data_end};

	/* Kernels before 5.18 know neither more buffers nor that helper. */
	f.len = rules.frags ? (__u32)bpf_xdp_get_buff_len(x) :
	    x->data_end - x->data;
	return f;
}

SEC("xdp")
int
cordon_in_frame(struct xdp_md *x)
{
	struct flow f = flow_in(x);

	return frame_passes(&f) ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int
cordon_in_pack(struct xdp_md *x)
{
	struct flow f = flow_in(x);

	return packet_passes(&f) ? XDP_PASS : XDP_DROP;
}

/* Loopback: lets everything in, so that nobody else can sit there. */
SEC("xdp")
int
cordon_in_any(struct xdp_md *x)
{
	return XDP_PASS;
}

/* -- going out ------------------------------------------------------------- */

/* Either verdict ends the hook: no other tc program runs after this one. */
inline_ int
verdict(bool passes)
{
	return passes ? TC_ACT_OK : TC_ACT_SHOT;
}

inline_ struct flow
flow_of(struct __sk_buff *skb)
{
	struct flow f = {.len = skb->len, .out = true};

	bpf_skb_pull_data(skb, skb->len < HEADERS_MAX ? skb->len :
	    HEADERS_MAX);
	f.uid = bpf_get_socket_uid(skb);
	f.at = (const void *)(long)skb->data;
	f.end = (const void *)(long)skb->data_end;
	return f;
}

SEC("tc")
int
cordon_out_fram(struct __sk_buff *skb)
{
	struct flow f = flow_of(skb);

	return verdict(frame_passes(&f));
}

SEC("tc")
int
cordon_out_pack(struct __sk_buff *skb)
{
	struct flow f = flow_of(skb);

	return verdict(packet_passes(&f));
}

/* For the trial at start, on loopback: changes nothing for anybody. */
SEC("tc")
int
cordon_out_any(struct __sk_buff *skb)
{
	return TC_ACT_UNSPEC;
}

/* Needs no helper that asks for more than any licence. */
char licence_text[] SEC("license") = "GPL-3.0-or-later";
