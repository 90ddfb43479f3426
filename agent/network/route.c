/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Routes and devices.  Runs in the network process of the agent, which asks
 * and changes nothing.  The kernel's answer is read with bounds.
 */
#include "agent/network/route.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER_MAX 16384
#define WAIT_SECONDS 2

/* One request and its one answer; the kernel answers in the same call. */
static int
ask(struct nlmsghdr *request, void *answer, size_t size)
{
	const struct timeval wait = {WAIT_SECONDS, 0};
	const struct nlmsghdr *h = answer;
	int fd, err = ERR_IO;
	ssize_t n = -1;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return ERR_IO;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0 &&
	    sendto(fd, request, request->nlmsg_len, 0, NULL, 0) > 0)
		n = recv(fd, answer, size, 0);
	close(fd);
	if (n < (ssize_t)sizeof(*h) || !NLMSG_OK(h, (size_t)n))
		return ERR_IO;
	if (h->nlmsg_type != NLMSG_ERROR)
		return 0;
	if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr))) {
		const struct nlmsgerr *e = NLMSG_DATA(h);

		if (e->error == -ENETUNREACH || e->error == -EHOSTUNREACH ||
		    e->error == -ESRCH)
			err = ERR_NOENT;
	}
	return err;
}

/* Attribute TYPE among those from AT on; NULL if it is not there. */
static const struct rtattr *
find(const struct rtattr *at, size_t left, unsigned short type)
{
	size_t n;

	while (left >= sizeof(*at) && at->rta_len >= sizeof(*at) &&
	    at->rta_len <= left) {
		if ((at->rta_type & NLA_TYPE_MASK) == type)
			return at;
		n = RTA_ALIGN(at->rta_len);
		if (n >= left)
			break;
		left -= n;
		at = (const void *)((const char *)at + n);
	}
	return NULL;
}

/* The attributes behind a message's own struct of SIZE bytes. */
static const struct rtattr *
attribute(const struct nlmsghdr *h, size_t size, unsigned short type)
{
	size_t head = NLMSG_LENGTH(NLMSG_ALIGN(size));

	if (h->nlmsg_len < head)
		return NULL;
	return find((const void *)((const char *)h + head),
	    h->nlmsg_len - head, type);
}

static int
device_to(const uint8_t *ip, size_t len, uint32_t *index)
{
	union {
		struct nlmsghdr h;
		char room[ANSWER_MAX];
	} answer;
	struct {
		struct nlmsghdr h;
		struct rtmsg r;
		struct rtattr a;
		uint8_t ip[16];
	} q = {
	    .h = {.nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST},
	    .r = {.rtm_family = len == 4 ? AF_INET : AF_INET6,
		.rtm_dst_len = (uint8_t)(len * 8)},
	    .a = {.rta_type = RTA_DST},
	};
	const struct rtattr *a;
	int err;

	memcpy(q.ip, ip, len);
	q.a.rta_len = (unsigned short)RTA_LENGTH(len);
	q.h.nlmsg_len = (uint32_t)(NLMSG_LENGTH(sizeof(q.r)) +
	    RTA_LENGTH(len));
	err = ask(&q.h, &answer, sizeof(answer));
	if (err != 0)
		return err;
	a = answer.h.nlmsg_type == RTM_NEWROUTE ?
	    attribute(&answer.h, sizeof(struct rtmsg), RTA_OIF) : NULL;
	if (a == NULL || RTA_PAYLOAD(a) < sizeof(*index))
		return ERR_NOENT;
	memcpy(index, RTA_DATA(a), sizeof(*index));
	return 0;
}

static void
copy_text(char *out, size_t size, const struct rtattr *a)
{
	out[0] = '\0';
	if (a != NULL)
		snprintf(out, size, "%.*s", (int)RTA_PAYLOAD(a),
		    (const char *)RTA_DATA(a));
}

bool
route_is_tunnel(uint16_t type, const char *kind)
{
	static const char *const kinds[] = {"wireguard", "tun", "ipip", "sit",
	    "gre", "gretap", "ip6gre", "ip6gretap", "ip6tnl", "vti", "vti6",
	    "xfrm", "ppp", "vxlan", "geneve", "l2tpeth", "ovpn"};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kind, kinds[i]) == 0)
			return true;
	return type == ARPHRD_NONE || type == ARPHRD_PPP ||
	    type == ARPHRD_TUNNEL || type == ARPHRD_TUNNEL6 ||
	    type == ARPHRD_SIT || type == ARPHRD_IPGRE;
}

int
route_way(const uint8_t *ip, size_t len, struct route_way *out)
{
	union {
		struct nlmsghdr h;
		char room[ANSWER_MAX];
	} answer;
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
	} q = {
	    .h = {.nlmsg_len = NLMSG_LENGTH(sizeof(q.i)),
		.nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST},
	};
	const struct rtattr *a;
	struct route_way w;
	uint32_t index;
	int err;

	if (len != 4 && len != 16)
		return ERR_RANGE;
	err = device_to(ip, len, &index);
	if (err != 0)
		return err;
	q.i.ifi_index = (int)index;
	err = ask(&q.h, &answer, sizeof(answer));
	if (err != 0)
		return err;
	if (answer.h.nlmsg_type != RTM_NEWLINK)
		return ERR_IO;
	copy_text(w.device, sizeof(w.device),
	    attribute(&answer.h, sizeof(q.i), IFLA_IFNAME));
	a = attribute(&answer.h, sizeof(q.i), IFLA_LINKINFO);
	if (a != NULL)
		a = find(RTA_DATA(a), RTA_PAYLOAD(a), IFLA_INFO_KIND);
	copy_text(w.kind, sizeof(w.kind), a);
	w.tunnel = route_is_tunnel(
	    ((const struct ifinfomsg *)NLMSG_DATA(&answer.h))->ifi_type,
	    w.kind);
	*out = w;
	return 0;
}
