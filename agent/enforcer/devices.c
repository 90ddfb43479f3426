/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Devices and addresses by rtnetlink.  Runs in the enforcer.
 */
#include "agent/enforcer/devices.h"

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRIES 8
#define IFA_PROTOCOL 11	  /* IFA_PROTO, Linux 5.18 */
#define PROTOCOL_ROUTER 2 /* IFAPROT_KERNEL_RA: from an advertisement */

struct link_list {
	struct devices *d;
	/* indexes of devices that carry a VLAN */
	uint32_t tagged[RULESET_DEVICES_MAX];
	size_t ntagged;
};

/* "vlan", "veth"; "" for a device of hardware. */
static void
get_kind(const struct nlattr *info, char out[16])
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, info)
		if (mnl_attr_get_type(a) == IFLA_INFO_KIND)
			snprintf(out, 16, "%.*s",
			    (int)mnl_attr_get_payload_len(a),
			    (const char *)mnl_attr_get_payload(a));
}

/* Kinds whose IFLA_LINK is the device that carries their frames. */
static bool
stands_on(const char *kind)
{
	static const char *const kinds[] = {"vlan", "macvlan", "macvtap",
	    "ipvlan", "ipvtap", "macsec"};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i], kind) == 0)
			return true;
	return false;
}

/*
 * Wireless devices, and those that wpa_supplicant(8) answers for, have to
 * prove themselves to what they are connected to.
 */
static enum eapol
find_eapol(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/net/%s/phy80211", name);
	if (access(path, F_OK) == 0)
		return EAPOL_ANY;
	snprintf(path, sizeof(path), "/run/wpa_supplicant/%s", name);
	return access(path, F_OK) == 0 ? EAPOL_GROUP : EAPOL_NONE;
}

/* One attribute of a device; KIND has room for 16 bytes. */
static void
take_attr(struct device *dev, const struct nlattr *a, char *kind,
    uint32_t *link)
{
	uint16_t len = mnl_attr_get_payload_len(a);

	switch (mnl_attr_get_type(a)) {
	case IFLA_IFNAME:
		snprintf(dev->name, sizeof(dev->name), "%.*s", (int)len,
		    (const char *)mnl_attr_get_payload(a));
		break;
	case IFLA_ADDRESS:
		if (len == 6)
			memcpy(dev->mac, mnl_attr_get_payload(a), 6);
		break;
	case IFLA_LINK:
		if (len == sizeof(*link))
			*link = mnl_attr_get_u32(a);
		break;
	case IFLA_MASTER:
		if (len == sizeof(dev->master))
			dev->master = mnl_attr_get_u32(a);
		break;
	case IFLA_LINKINFO:
		get_kind(a, kind);
		break;
	}
}

static int
on_link(void *arg, const struct nlmsghdr *nlh)
{
	struct link_list *l = arg;
	const struct ifinfomsg *info;
	const struct nlattr *a;
	struct device dev = {0};
	uint32_t link = 0;
	char kind[16] = "";

	if (nlh->nlmsg_type != RTM_NEWLINK ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*info))
		return 0;
	info = mnl_nlmsg_get_payload(nlh);
	if (info->ifi_type == ARPHRD_LOOPBACK)
		return 0;
	dev.index = (uint32_t)info->ifi_index;
	dev.ether = info->ifi_type == ARPHRD_ETHER;
	dev.up = info->ifi_flags & IFF_LOWER_UP;
	mnl_attr_for_each(a, nlh, sizeof(*info))
		take_attr(&dev, a, kind, &link);
	if (stands_on(kind))
		dev.lower = link;
	if (dev.name[0] == '\0')
		return 0;
	if (l->d->n >= RULESET_DEVICES_MAX) {
		l->d->more = true;
		return 0;
	}
	if (strcmp(kind, "vlan") == 0)
		l->tagged[l->ntagged++] = link;
	dev.eapol = find_eapol(dev.name);
	l->d->list[l->d->n++] = dev;
	return 0;
}

static int
by_index(const void *a, const void *b)
{
	const struct device *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

static int
ask(struct netlink *route, uint16_t type, netlink_fn *fn, void *arg)
{
	uint8_t bytes[128] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);
	struct ifinfomsg *info;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));
	info->ifi_family = AF_UNSPEC;
	return netlink_ask(route, nlh, fn, arg, NULL);
}

int
devices_list(struct netlink *route, struct devices *out, struct why *why)
{
	struct devices d = {0};
	struct link_list *l;
	size_t i, k;
	int tries, rc = ERR_AGAIN;

	l = calloc(1, sizeof(*l));
	d.list = calloc(RULESET_DEVICES_MAX, sizeof(*d.list));
	if (l == NULL || d.list == NULL) {
		rc = ERR_NOMEM;
		goto done;
	}
	l->d = &d;
	for (tries = 0; tries < TRIES && rc == ERR_AGAIN; tries++) {
		d.n = l->ntagged = 0;
		d.more = false;
		rc = ask(route, RTM_GETLINK, on_link, l);
	}
	if (rc != 0)
		goto done;
	qsort(d.list, d.n, sizeof(*d.list), by_index);
	for (i = 0; i < d.n; i++)
		for (k = 0; k < l->ntagged; k++)
			if (l->tagged[k] == d.list[i].index)
				d.list[i].tagged = true;
done:
	free(l);
	if (rc != 0) {
		free(d.list);
		return why_set(why, rc, "listing devices: %s", err_str(rc));
	}
	*out = d;
	return 0;
}

void
devices_done(struct devices *d)
{
	free(d->list);
	memset(d, 0, sizeof(*d));
}

/* IFA_ADDRESS is the other side's on a point-to-point link. */
static int
on_address(void *arg, const struct nlmsghdr *nlh)
{
	const struct nlattr *a, *ours = NULL;
	struct own_address *to;
	struct addresses *out = arg;
	const struct ifaddrmsg *m;
	uint32_t flags;
	uint16_t len;

	if (nlh->nlmsg_type != RTM_NEWADDR ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*m))
		return 0;
	m = mnl_nlmsg_get_payload(nlh);
	flags = m->ifa_flags;
	mnl_attr_for_each(a, nlh, sizeof(*m)) {
		len = mnl_attr_get_payload_len(a);
		if (mnl_attr_get_type(a) == IFA_LOCAL ||
		    (mnl_attr_get_type(a) == IFA_ADDRESS && ours == NULL))
			ours = a;
		else if (mnl_attr_get_type(a) == IFA_PROTOCOL && len == 1 &&
		    mnl_attr_get_u8(a) == PROTOCOL_ROUTER)
			flags |= IFA_F_PERMANENT; /* needs no client */
	}
	if (ours == NULL || out->n >= DEVICES_ADDRESSES_MAX)
		return 0;
	len = mnl_attr_get_payload_len(ours);
	if (len != 4 && len != 16)
		return 0;
	to = &out->list[out->n++];
	to->device = m->ifa_index;
	memcpy(to->ip, mnl_attr_get_payload(ours), len);
	to->len = (uint8_t)len;
	to->leased = !(flags & IFA_F_PERMANENT);
	return 0;
}

int
addresses_list(struct netlink *route, struct addresses *out,
    struct why *why)
{
	struct addresses a = {0};
	int tries, rc = ERR_AGAIN;

	a.list = calloc(DEVICES_ADDRESSES_MAX, sizeof(*a.list));
	if (a.list == NULL)
		return why_set(why, ERR_NOMEM, "listing addresses");
	for (tries = 0; tries < TRIES && rc == ERR_AGAIN; tries++) {
		a.n = 0;
		rc = ask(route, RTM_GETADDR, on_address, &a);
	}
	if (rc != 0) {
		free(a.list);
		return why_set(why, rc, "listing addresses: %s", err_str(rc));
	}
	*out = a;
	return 0;
}

void
addresses_done(struct addresses *a)
{
	free(a->list);
	memset(a, 0, sizeof(*a));
}

bool
addresses_has(const struct addresses *a, const uint8_t *ip, size_t len)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		if (a->list[i].len == len &&
		    memcmp(a->list[i].ip, ip, len) == 0)
			return true;
	return false;
}
