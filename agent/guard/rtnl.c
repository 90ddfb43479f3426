/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rtnetlink over libmnl.  Runs in the guard; the other side is the kernel,
 * and nobody else is listened to.
 */
#include "agent/guard/rtnl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define BUFFER (64 * 1024)
#define EVENTS_BUFFER (4 * 1024 * 1024)
#define TRIES 8

struct rtnl {
	struct mnl_socket *ask, *events;
	uint32_t seq;
	uint8_t buffer[BUFFER] __attribute__((aligned(8)));
};

static struct mnl_socket *
open_one(unsigned int groups)
{
	struct timeval wait = {.tv_sec = 5};
	struct mnl_socket *s;
	int size = EVENTS_BUFFER, fd;

	s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (s == NULL)
		return NULL;
	fd = mnl_socket_get_fd(s);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (mnl_socket_bind(s, groups, MNL_SOCKET_AUTOPID) < 0) {
		mnl_socket_close(s);
		return NULL;
	}
	return s;
}

int
rtnl_open(struct rtnl **out, struct why *why)
{
	struct rtnl *r = calloc(1, sizeof(*r));
	int rc = 0;

	if (r == NULL)
		return why_set(why, ERR_NOMEM, "rtnetlink");
	r->ask = open_one(0);
	r->events = open_one(RTMGRP_LINK | RTMGRP_TC);
	if (r->ask == NULL || r->events == NULL) {
		rc = why_sys(why, ERR_IO, "rtnetlink");
		rtnl_close(&r);
	}
	*out = r;
	return rc;
}

void
rtnl_close(struct rtnl **r)
{
	if (*r == NULL)
		return;
	if ((*r)->ask != NULL)
		mnl_socket_close((*r)->ask);
	if ((*r)->events != NULL)
		mnl_socket_close((*r)->events);
	free(*r);
	*r = NULL;
}

int
rtnl_fd(const struct rtnl *r)
{
	return mnl_socket_get_fd(r->events);
}

/* One datagram of the kernel's; others may send to our port as well. */
static ssize_t
receive(struct mnl_socket *s, void *data, size_t size, int flags)
{
	struct sockaddr_nl from;
	struct iovec iov = {.iov_base = data, .iov_len = size};
	struct msghdr msg = {.msg_name = &from, .msg_namelen = sizeof(from),
	    .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	do {
		n = recvmsg(mnl_socket_get_fd(s), &msg, flags);
	} while ((n < 0 && errno == EINTR) || (n >= 0 && from.nl_pid != 0));
	return n;
}

static bool
whole(const struct nlmsghdr *m, int left)
{
	/* libmnl walks attributes up to the aligned end of the message. */
	return left >= (int)sizeof(*m) && m->nlmsg_len >= sizeof(*m) &&
	    MNL_ALIGN((uint64_t)m->nlmsg_len) <= (uint64_t)left;
}

typedef void message_fn(void *arg, const struct nlmsghdr *nlh);

/* One message of the answer: 1 more to come, 0 done, or -errno. */
static int
answered(const struct nlmsghdr *m, message_fn *fn, void *arg)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(m);

	if (m->nlmsg_type == NLMSG_ERROR)
		return mnl_nlmsg_get_payload_len(m) < sizeof(int) ? -EPROTO :
		    e->error;
	if (m->nlmsg_flags & NLM_F_DUMP_INTR)
		return -EINTR;
	if (m->nlmsg_type == NLMSG_DONE)
		return 0;
	if (fn != NULL)
		fn(arg, m);
	return 1;
}

/* 0 or the negative errno; -EINTR: a dump that has to be asked again. */
static int
ask(struct rtnl *r, struct nlmsghdr *nlh, message_fn *fn, void *arg)
{
	const struct nlmsghdr *m;
	ssize_t n;
	int left, rc = 1;

	nlh->nlmsg_seq = ++r->seq;
	nlh->nlmsg_flags |= NLM_F_REQUEST;
	while (receive(r->ask, r->buffer, sizeof(r->buffer),
	    MSG_DONTWAIT) > 0)
		; /* the rest of an answer nobody wanted */
	if (mnl_socket_sendto(r->ask, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (rc > 0) {
		n = receive(r->ask, r->buffer, sizeof(r->buffer), 0);
		if (n < 0)
			return -errno;
		left = (int)n;
		for (m = (void *)r->buffer; rc > 0 && whole(m, left);
		    m = mnl_nlmsg_next(m, &left))
			if (m->nlmsg_seq == nlh->nlmsg_seq)
				rc = answered(m, fn, arg);
	}
	return rc;
}

/* -- devices --------------------------------------------------------------- */

static uint32_t
u32(const struct nlattr *a)
{
	return mnl_attr_get_payload_len(a) == sizeof(uint32_t) ?
	    mnl_attr_get_u32(a) : 0;
}

static void
parse_xdp(const struct nlattr *nest, struct port *p)
{
	const struct nlattr *a;
	uint32_t one = 0;
	uint8_t mode = XDP_ATTACHED_NONE;

	mnl_attr_for_each_nested(a, nest)
		switch (mnl_attr_get_type(a)) {
		case IFLA_XDP_ATTACHED:
			if (mnl_attr_get_payload_len(a) == 1)
				mode = mnl_attr_get_u8(a);
			break;
		case IFLA_XDP_PROG_ID:
			one = u32(a);
			break;
		case IFLA_XDP_DRV_PROG_ID:
			p->xdp_native = u32(a);
			break;
		case IFLA_XDP_SKB_PROG_ID:
			p->xdp_generic = u32(a);
			break;
		case IFLA_XDP_HW_PROG_ID:
			p->xdp_hardware = u32(a);
			break;
		}
	/* Kernels before 4.19 say the mode and one id. */
	if (mode == XDP_ATTACHED_DRV && p->xdp_native == 0)
		p->xdp_native = one;
	else if (mode == XDP_ATTACHED_SKB && p->xdp_generic == 0)
		p->xdp_generic = one;
	else if (mode == XDP_ATTACHED_HW && p->xdp_hardware == 0)
		p->xdp_hardware = one;
}

int
rtnl_parse_port(const struct nlmsghdr *nlh, struct port *out)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;
	struct port p = {0};
	bool elsewhere = false;

	if (nlh->nlmsg_type != RTM_NEWLINK ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*info))
		return ERR_NOENT;
	p.index = (uint32_t)info->ifi_index;
	p.loopback = info->ifi_type == ARPHRD_LOOPBACK;
	p.ether = info->ifi_type == ARPHRD_ETHER;
	mnl_attr_for_each(a, nlh, sizeof(*info))
		switch (mnl_attr_get_type(a)) {
		case IFLA_IFNAME:
			snprintf(p.name, sizeof(p.name), "%.*s",
			    (int)mnl_attr_get_payload_len(a),
			    (const char *)mnl_attr_get_payload(a));
			break;
		case IFLA_LINK:
			p.lower = u32(a);
			break;
		case IFLA_LINK_NETNSID:
			elsewhere = true; /* the lower one is not here */
			break;
		case IFLA_MASTER:
			p.master = u32(a);
			break;
		case IFLA_XDP:
			parse_xdp(a, &p);
			break;
		}
	if (elsewhere || p.lower == p.index)
		p.lower = 0;
	if (p.name[0] == '\0' || p.index == 0)
		return ERR_NOENT;
	*out = p;
	return 0;
}

struct port_list {
	struct port *at;
	size_t n;
};

static void
on_port(void *arg, const struct nlmsghdr *nlh)
{
	struct port_list *l = arg;

	if (l->n < RTNL_PORTS_MAX &&
	    rtnl_parse_port(nlh, &l->at[l->n]) == 0)
		l->n++;
}

int
rtnl_ports(struct rtnl *r, struct port *list, size_t *n)
{
	uint8_t bytes[64] __attribute__((aligned(8)));
	struct port_list l = {.at = list};
	struct nlmsghdr *nlh;
	int tries, rc = -EINTR;

	for (tries = 0; tries < TRIES && rc == -EINTR; tries++) {
		memset(bytes, 0, sizeof(bytes));
		nlh = mnl_nlmsg_put_header(bytes);
		nlh->nlmsg_type = RTM_GETLINK;
		nlh->nlmsg_flags = NLM_F_DUMP;
		mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
		l.n = 0;
		rc = ask(r, nlh, on_port, &l);
	}
	if (rc != 0)
		return ERR_KERNEL;
	*n = l.n;
	return 0;
}

int
rtnl_xdp_set(struct rtnl *r, uint32_t index, int program, uint32_t flags)
{
	uint8_t bytes[128] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);
	struct ifinfomsg *info;
	struct nlattr *nest;

	nlh->nlmsg_type = RTM_SETLINK;
	nlh->nlmsg_flags = NLM_F_ACK;
	info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));
	info->ifi_index = (int)index;
	nest = mnl_attr_nest_start(nlh, IFLA_XDP);
	mnl_attr_put_u32(nlh, IFLA_XDP_FD, (uint32_t)program);
	mnl_attr_put_u32(nlh, IFLA_XDP_FLAGS, flags);
	mnl_attr_nest_end(nlh, nest);
	return ask(r, nlh, NULL, NULL);
}

int
rtnl_filter_delete(struct rtnl *r, const struct tcmsg *at, const char *kind)
{
	uint8_t bytes[128] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);
	struct tcmsg *tc;

	nlh->nlmsg_type = RTM_DELTFILTER;
	nlh->nlmsg_flags = NLM_F_ACK;
	tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));
	tc->tcm_family = at->tcm_family;
	tc->tcm_ifindex = at->tcm_ifindex;
	tc->tcm_parent = at->tcm_parent;
	tc->tcm_info = at->tcm_info;
	/* Without a handle: all filters of that priority. */
	mnl_attr_put_strz(nlh, TCA_KIND, kind);
	return ask(r, nlh, NULL, NULL);
}

/* -- events ---------------------------------------------------------------- */

static void
on_filter(const struct nlmsghdr *nlh, const struct rtnl_calls *calls,
    void *arg)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);
	char kind[RTNL_KIND_MAX] = "";
	const struct nlattr *a;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*tc))
		return;
	mnl_attr_for_each(a, nlh, sizeof(*tc))
		if (mnl_attr_get_type(a) == TCA_KIND)
			snprintf(kind, sizeof(kind), "%.*s",
			    (int)mnl_attr_get_payload_len(a),
			    (const char *)mnl_attr_get_payload(a));
	calls->filter(arg, tc, kind);
}

void
rtnl_read(struct rtnl *r, const struct rtnl_calls *calls, void *arg)
{
	const struct nlmsghdr *m;
	bool ports = false;
	ssize_t n;
	int left;

	/* Reading what a filter's deletion brought needs r->buffer too. */
	uint8_t *data = malloc(BUFFER);

	if (data == NULL)
		return;
	for (;;) {
		n = receive(r->events, data, BUFFER, MSG_DONTWAIT);
		if (n < 0 && errno == ENOBUFS) {
			ports = true; /* some were lost: look */
			continue;
		}
		if (n <= 0)
			break;
		left = (int)n;
		for (m = (void *)data; whole(m, left);
		    m = mnl_nlmsg_next(m, &left))
			if (m->nlmsg_type == RTM_NEWTFILTER)
				on_filter(m, calls, arg);
			else if (m->nlmsg_type == RTM_NEWLINK ||
			    m->nlmsg_type == RTM_DELLINK)
				ports = true;
	}
	free(data);
	if (ports)
		calls->ports(arg);
}
