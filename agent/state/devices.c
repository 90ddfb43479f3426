/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Network devices, by rtnetlink(7).  Links of containers come and go and
 * are left out; a port of a bridge is promiscuous by nature.
 */
#include "agent/state/devices.h"

#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "agent/state/nl.h"
#include "agent/state/peek.h"

#define SEVERITY(x) CORDON__SEVERITY__SEVERITY_##x
#define EVERY_S 60
#define PROMISCUOUS ", promiscuous"

void
devices_parse(const struct nlmsghdr *nlh, struct facts *out)
{
	const struct ifinfomsg *info = NLMSG_DATA(nlh);
	const struct rtattr *link;
	char name[16], kind[32] = "";
	const void *first;
	bool promiscuous;
	int len;

	first = nl_attrs(nlh, sizeof(*info), &len);
	if (nlh->nlmsg_type != RTM_NEWLINK || len < 0)
		return;
	nl_text(nl_find(first, len, IFLA_IFNAME), name, sizeof(name));
	link = nl_find(first, len, IFLA_LINKINFO);
	if (link != NULL)
		nl_text(nl_find(RTA_DATA(link), (int)RTA_PAYLOAD(link),
		    IFLA_INFO_KIND), kind, sizeof(kind));
	if (name[0] == '\0' || strcmp(kind, "veth") == 0)
		return;
	promiscuous = ((info->ifi_flags & IFF_PROMISC) != 0 ||
	    nl_u32(nl_find(first, len, IFLA_PROMISCUITY)) > 0) &&
	    nl_u32(nl_find(first, len, IFLA_MASTER)) == 0;
	facts_addf(out, name, "%s%s", kind[0] != '\0' ? kind : "device",
	    promiscuous ? PROMISCUOUS : "");
}

static void
on_link(void *arg, const struct nlmsghdr *nlh)
{
	devices_parse(nlh, arg);
}

static int
devices_read(const struct state_env *env, struct facts *out, struct why *why)
{
	const struct ifinfomsg info = {0};
	int r;

	if (env->route_fd < 0)
		return 0;
	r = nl_dump(env->route_fd, RTM_GETLINK, &info, sizeof(info), on_link,
	    out);
	return r == 0 ? 0 : why_set(why, r, "network devices");
}

/* Those that carry frames out of the host inside others, or to a program. */
static bool
is_tunnel(const char *kind)
{
	static const char *const kinds[] = {"tun", "wireguard", "ipip", "sit",
	    "gre", "gretap", "ip6gre", "ip6gretap", "ip6tnl", "vti", "vti6",
	    "xfrm", "vxlan", "geneve", "erspan", "ip6erspan", "ppp", "gtp",
	    "bareudp", "amt", "ovpn", "l2tpeth", "fou"};
	size_t i, len = strcspn(kind, ",");

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strlen(kinds[i]) == len &&
		    strncmp(kinds[i], kind, len) == 0)
			return true;
	return false;
}

static bool
devices_tell(const struct fact_change *c, struct state_told *out)
{
	bool listens = c->is != NULL && strstr(c->is, PROMISCUOUS) != NULL;
	bool did = c->was != NULL && strstr(c->was, PROMISCUOUS) != NULL;
	char name[PEEK_QUOTED_MAX], is[PEEK_QUOTED_MAX];

	peek_quote(name, c->key);
	peek_quote(is, c->is);
	if (listens && !did && c->how != FACT_FOUND)
		return peek_tell(out, "net.promiscuous", SEVERITY(NONE),
		    c->key, "network device %s now takes all frames on the "
		    "wire (promiscuous)", name);
	if (c->how != FACT_ADDED)
		return false;
	if (!is_tunnel(c->is))
		return peek_tell(out, "net.device", SEVERITY(INFO), c->key,
		    "network device %s (%s) appeared", name, is);
	return peek_tell(out, "net.device", SEVERITY(NONE), c->key,
	    "tunnel device %s (%s) appeared", name, is);
}

static const char *const devices_paths[] = {DEVICES_FILE, NULL};

const struct state_source devices_source = {
	.name = "devices",
	.paths = devices_paths,
	.every_s = EVERY_S,
	.read = devices_read,
	.tell = devices_tell,
};
