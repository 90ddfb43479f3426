/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Notifications by nfnetlink and rtnetlink.  Runs in the enforcer.  What
 * they say is only a reason to look: the ruleset is read back by whoever is
 * called.
 */
#include "agent/enforcer/watch.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/netlink.h"
#include "common/base/log.h"

#define GROUPS (RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_IFADDR | \
	RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE)

struct watch {
	struct netlink *nft, *route;
	struct event *on_nft, *on_route;
	uint32_t own;
	const struct watch_calls *calls;
	void *arg;
	/* of one reading: */
	struct watch_who who;
	bool changed;
};

int
watch_parse(const struct nlmsghdr *nlh, struct watch_who *who)
{
	const struct nlattr *a;

	if (nlh->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN) ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(struct nfgenmsg))
		return ERR_NOENT;
	memset(who, 0, sizeof(*who));
	mnl_attr_for_each(a, nlh, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(a) == NFTA_GEN_PROC_PID &&
		    mnl_attr_get_payload_len(a) == sizeof(uint32_t))
			who->pid = ntohl(mnl_attr_get_u32(a));
		else if (mnl_attr_get_type(a) == NFTA_GEN_PROC_NAME)
			log_quote(who->program, sizeof(who->program),
			    mnl_attr_get_payload(a),
			    strnlen(mnl_attr_get_payload(a),
			    mnl_attr_get_payload_len(a)));
	}
	return 0;
}

static int
on_change(void *arg, const struct nlmsghdr *nlh)
{
	struct watch *w = arg;
	struct watch_who who;

	if (watch_parse(nlh, &who) != 0 || who.pid == w->own)
		return 0;
	w->who = who;
	w->changed = true;
	return 0;
}

static void
on_nft(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;

	(void)fd;
	(void)what;
	w->changed = false;
	memset(&w->who, 0, sizeof(w->who));
	if (netlink_drain(w->nft, on_change, w) != 0)
		w->changed = true; /* some were lost: look */
	if (w->changed)
		w->calls->ruleset(w->arg, &w->who);
}

static bool
is_hop(struct watch *w, const struct nlmsghdr *nlh)
{
	const struct nlattr *a;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(struct ndmsg))
		return false;
	mnl_attr_for_each(a, nlh, sizeof(struct ndmsg))
		if (mnl_attr_get_type(a) == NDA_DST &&
		    w->calls->is_hop(w->arg, mnl_attr_get_payload(a),
		    mnl_attr_get_payload_len(a)))
			return true;
	return false;
}

/* IFLA_NEW_NETNSID: a move, not an end (Linux 4.16). */
static void
look_for_move(struct watch *w, const struct nlmsghdr *nlh)
{
	const struct nlattr *a, *name = NULL;
	char device[16];
	bool moved = false;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(struct ifinfomsg))
		return;
	mnl_attr_for_each(a, nlh, sizeof(struct ifinfomsg))
		if (mnl_attr_get_type(a) == IFLA_NEW_NETNSID)
			moved = true;
		else if (mnl_attr_get_type(a) == IFLA_IFNAME)
			name = a;
	if (!moved || name == NULL)
		return;
	snprintf(device, sizeof(device), "%.*s",
	    (int)mnl_attr_get_payload_len(name),
	    (const char *)mnl_attr_get_payload(name));
	w->calls->moved(w->arg, device);
}

static int
on_ground(void *arg, const struct nlmsghdr *nlh)
{
	struct watch *w = arg;

	switch (nlh->nlmsg_type) {
	case RTM_DELLINK:
		look_for_move(w, nlh);
		w->changed = true;
		break;
	case RTM_NEWLINK:
	case RTM_NEWADDR:
	case RTM_DELADDR:
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		w->changed = true;
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		w->changed = w->changed || is_hop(w, nlh);
		break;
	}
	return 0;
}

static void
on_route(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;

	(void)fd;
	(void)what;
	w->changed = false;
	if (netlink_drain(w->route, on_ground, w) != 0)
		w->changed = true;
	if (w->changed)
		w->calls->ground(w->arg);
}

int
watch_start(struct event_base *base, pid_t own,
    const struct watch_calls *calls, void *arg, struct watch **out,
    struct why *why)
{
	struct watch *w;
	int rc;

	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return why_set(why, ERR_NOMEM, "watch");
	w->own = (uint32_t)own;
	w->calls = calls;
	w->arg = arg;
	rc = netlink_open(NETLINK_NETFILTER, 1u << (NFNLGRP_NFTABLES - 1),
	    &w->nft, why);
	if (rc == 0)
		rc = netlink_open(NETLINK_ROUTE, GROUPS, &w->route, why);
	if (rc != 0) {
		watch_stop(&w);
		return rc;
	}
	w->on_nft = event_new(base, netlink_fd(w->nft), EV_READ | EV_PERSIST,
	    on_nft, w);
	w->on_route = event_new(base, netlink_fd(w->route),
	    EV_READ | EV_PERSIST, on_route, w);
	if (w->on_nft == NULL || w->on_route == NULL ||
	    event_add(w->on_nft, NULL) < 0 ||
	    event_add(w->on_route, NULL) < 0) {
		watch_stop(&w);
		return why_set(why, ERR_NOMEM, "watch: event");
	}
	*out = w;
	return 0;
}

void
watch_stop(struct watch **out)
{
	struct watch *w = *out;

	if (w == NULL)
		return;
	if (w->on_nft != NULL)
		event_free(w->on_nft);
	if (w->on_route != NULL)
		event_free(w->on_route);
	netlink_close(&w->nft);
	netlink_close(&w->route);
	free(w);
	*out = NULL;
}
