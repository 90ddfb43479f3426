/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages of rtnetlink(7) about routes, rules and addresses as facts.
 * Pure.  The kernel wrote them; names of devices are other people's.
 */
#include "agent/state/routes.h"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/nl.h"

#define LOOPBACK 1 /* its number in each namespace */
#define NET_MAX (INET6_ADDRSTRLEN + 4)
#define TABLE_MAX 16

struct text {
	char at[512];
	size_t n;
};

static void say(struct text *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
say(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->at + t->n, sizeof(t->at) - t->n, fmt, ap);
	va_end(ap);
	t->n += n < 0 ? 0 : (size_t)n;
	if (t->n >= sizeof(t->at))
		t->n = sizeof(t->at) - 1;
}

/* -- devices ---------------------------- */

void
routes_links_done(struct routes_links *l)
{
	free(l->at);
	memset(l, 0, sizeof(*l));
}

static int
make_room(struct routes_links *l)
{
	size_t max = l->max == 0 ? 16 : l->max * 2;
	struct routes_link *more;

	if (l->n < l->max)
		return 0;
	more = realloc(l->at, max * sizeof(*more));
	if (more == NULL)
		return ERR_NOMEM;
	l->at = more;
	l->max = max;
	return 0;
}

int
routes_take_link(const struct nlmsghdr *nlh, struct routes_links *l)
{
	const struct ifinfomsg *info = NLMSG_DATA(nlh);
	const struct rtattr *link;
	struct routes_link *new;
	char kind[32] = "";
	const void *first;
	int len;

	first = nl_attrs(nlh, sizeof(*info), &len);
	if (nlh->nlmsg_type != RTM_NEWLINK || len < 0 ||
	    l->n == ROUTES_LINKS_MAX)
		return 0;
	if (make_room(l) != 0)
		return ERR_NOMEM;
	link = nl_find(first, len, IFLA_LINKINFO);
	if (link != NULL)
		nl_text(nl_find(RTA_DATA(link), (int)RTA_PAYLOAD(link),
		    IFLA_INFO_KIND), kind, sizeof(kind));
	new = &l->at[l->n++];
	new->index = (uint32_t)info->ifi_index;
	new->veth = strcmp(kind, "veth") == 0;
	nl_text(nl_find(first, len, IFLA_IFNAME), new->name,
	    sizeof(new->name));
	return 0;
}

static const struct routes_link *
find_link(const struct routes_links *l, uint32_t index)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->at[i].index == index)
			return &l->at[i];
	return NULL;
}

/* -- addresses and tables ---------------------------- */

static unsigned int
bits_of(uint8_t family)
{
	return family == AF_INET ? 32 : family == AF_INET6 ? 128 : 0;
}

/* LEN bytes of room at DATA; false: no address of FAMILY. */
static bool
put_ip(uint8_t family, const void *data, size_t len, char *out)
{
	return bits_of(family) != 0 && len == bits_of(family) / 8 &&
	    inet_ntop(family, data, out, INET6_ADDRSTRLEN) != NULL;
}

/* A, which may be missing if LEN is 0, as "192.0.2.0/24". */
static bool
put_net(uint8_t family, const struct rtattr *a, unsigned int len,
    char out[NET_MAX])
{
	static const uint8_t zero[16];
	const void *data = a != NULL ? RTA_DATA(a) : zero;
	size_t size = a != NULL ? RTA_PAYLOAD(a) : bits_of(family) / 8;
	char ip[INET6_ADDRSTRLEN];

	if (len > bits_of(family) || (a == NULL && len > 0) ||
	    !put_ip(family, data, size, ip))
		return false;
	snprintf(out, NET_MAX, "%s/%u", ip, len);
	return true;
}

static void
put_table(uint32_t table, char out[TABLE_MAX])
{
	switch (table) {
	case RT_TABLE_MAIN:
		snprintf(out, TABLE_MAX, "main");
		break;
	case RT_TABLE_LOCAL:
		snprintf(out, TABLE_MAX, "local");
		break;
	case RT_TABLE_DEFAULT:
		snprintf(out, TABLE_MAX, "default");
		break;
	default:
		snprintf(out, TABLE_MAX, "%u", table);
	}
}

/* -- what throws away ---------------------------- */

static const struct {
	uint8_t route, rule;
	const char *words, *name;
} rejects[] = {
	{RTN_BLACKHOLE, FR_ACT_BLACKHOLE, "is thrown away", "(blackhole)"},
	{RTN_UNREACHABLE, FR_ACT_UNREACHABLE, "is refused",
	    "(unreachable)"},
	{RTN_PROHIBIT, FR_ACT_PROHIBIT, "is refused", "(prohibit)"},
	{RTN_THROW, FR_ACT_UNSPEC, "is not in this table", "(throw)"},
};
#define NREJECTS (sizeof(rejects) / sizeof(rejects[0]))

/* NREJECTS: none. */
static size_t
reject_of_route(uint8_t type)
{
	size_t i;

	for (i = 0; i < NREJECTS && rejects[i].route != type; i++)
		;
	return i;
}

static size_t
reject_of_rule(uint8_t action)
{
	size_t i;

	for (i = 0; i < NREJECTS && (action == FR_ACT_UNSPEC ||
	    rejects[i].rule != action); i++)
		;
	return i;
}

bool
routes_rejects(const char *value)
{
	size_t i;

	for (i = 0; i < NREJECTS; i++)
		if (strstr(value, rejects[i].name) != NULL)
			return true;
	return false;
}

/* -- routes ---------------------------- */

struct route {
	uint8_t family, type, protocol;
	unsigned int len;
	uint32_t table;
	char to[NET_MAX];
	const void *attrs;
	int attrs_len;
};

static bool
read_route(const struct nlmsghdr *nlh, struct route *r)
{
	const struct rtmsg *m = NLMSG_DATA(nlh);
	const struct rtattr *table;

	r->attrs = nl_attrs(nlh, sizeof(*m), &r->attrs_len);
	if (r->attrs_len < 0 || (m->rtm_flags & RTM_F_CLONED) != 0)
		return false;
	r->family = m->rtm_family;
	r->type = m->rtm_type;
	r->protocol = m->rtm_protocol;
	r->len = m->rtm_dst_len;
	table = nl_find(r->attrs, r->attrs_len, RTA_TABLE);
	r->table = table != NULL ? nl_u32(table) : m->rtm_table;
	return put_net(r->family, nl_find(r->attrs, r->attrs_len, RTA_DST),
	    r->len, r->to);
}

/* Of the kernel's own there is only IPv6's "no way anywhere". */
static bool
is_reject(const struct route *r)
{
	return reject_of_route(r->type) < NREJECTS &&
	    (r->family == AF_INET || r->protocol != RTPROT_KERNEL ||
	    r->len != 0);
}

static bool
is_host(const struct route *r)
{
	return r->len == bits_of(r->family) &&
	    (r->type == RTN_UNICAST || r->type == RTN_LOCAL) &&
	    (r->protocol == RTPROT_BOOT || r->protocol == RTPROT_STATIC);
}

static bool
put_gateway(uint8_t family, const void *attrs, int len,
    char out[INET6_ADDRSTRLEN])
{
	const struct rtattr *a = nl_find(attrs, len, RTA_GATEWAY);
	const struct rtvia *via;

	if (a != NULL)
		return put_ip(family, RTA_DATA(a), RTA_PAYLOAD(a), out);
	a = nl_find(attrs, len, RTA_VIA);
	if (a == NULL || RTA_PAYLOAD(a) < sizeof(*via))
		return false;
	via = RTA_DATA(a);
	return via->rtvia_family <= UINT8_MAX &&
	    put_ip((uint8_t)via->rtvia_family, via->rtvia_addr,
	    RTA_PAYLOAD(a) - sizeof(*via), out);
}

/* One next hop.  A veth without a gateway leads to a container. */
static int
add_hop(const struct route *r, const char *key, const void *attrs, int len,
    uint32_t device, const struct routes_links *l, struct facts *out)
{
	const struct routes_link *link = find_link(l, device);
	const struct rtattr *group = nl_find(attrs, len, RTA_NH_ID);
	char gateway[INET6_ADDRSTRLEN];
	struct text t = {.n = 0};

	if (put_gateway(r->family, attrs, len, gateway))
		say(&t, "leads to %s", gateway);
	else if (link != NULL && link->veth)
		return 0;
	else if (group != NULL && device == 0)
		say(&t, "leads to next hop %u", nl_u32(group));
	else
		say(&t, "leads out");
	if (link != NULL)
		say(&t, " on %s", link->name);
	else if (device != 0)
		say(&t, " on device %u", device);
	return facts_add(out, key, t.at);
}

/* Several next hops: a value each, which facts_seal joins. */
static int
add_hops(const struct route *r, const char *key, const struct rtattr *many,
    const struct routes_links *l, struct facts *out)
{
	const struct rtnexthop *nh = RTA_DATA(many);
	int left = (int)RTA_PAYLOAD(many), rc = 0;

	while (rc == 0 && left >= (int)sizeof(*nh) && RTNH_OK(nh, left)) {
		rc = add_hop(r, key, RTNH_DATA(nh), (int)(nh->rtnh_len -
		    RTNH_LENGTH(0)), (uint32_t)nh->rtnh_ifindex, l, out);
		left -= (int)RTNH_ALIGN(nh->rtnh_len);
		nh = RTNH_NEXT(nh);
	}
	return rc;
}

static int
add_reject(const struct route *r, const char *key, struct facts *out)
{
	size_t i = reject_of_route(r->type);
	int n = (int)strlen(rejects[i].name) - 1;

	/* What a daemon does is not what a hand does. */
	if (r->protocol > RTPROT_STATIC)
		return facts_addf(out, key, "%s %.*s, protocol %u)",
		    rejects[i].words, n, rejects[i].name, r->protocol);
	return facts_addf(out, key, "%s %s", rejects[i].words,
	    rejects[i].name);
}

static int
parse_route(const struct nlmsghdr *nlh, const struct routes_links *l,
    struct facts *out)
{
	char key[NET_MAX + TABLE_MAX + 16], table[TABLE_MAX];
	const struct rtattr *many;
	struct route r;

	if (!read_route(nlh, &r) || (!is_reject(&r) && !is_host(&r)))
		return 0;
	put_table(r.table, table);
	snprintf(key, sizeof(key), "route %s table %s", r.to, table);
	if (is_reject(&r))
		return add_reject(&r, key, out);
	if (r.type == RTN_LOCAL)
		return facts_add(out, key, "ends on this host");
	many = nl_find(r.attrs, r.attrs_len, RTA_MULTIPATH);
	if (many != NULL)
		return add_hops(&r, key, many, l, out);
	return add_hop(&r, key, r.attrs, r.attrs_len,
	    nl_u32(nl_find(r.attrs, r.attrs_len, RTA_OIF)), l, out);
}

/* -- policy rules ---------------------------- */

struct rule {
	const struct fib_rule_hdr *m;
	const void *attrs;
	int len;
};

static const struct rtattr *
attr(const struct rule *r, unsigned short type)
{
	return nl_find(r->attrs, r->len, type);
}

/* Whose packets by where they come from and go to; false: broken. */
static bool
say_ways(struct text *t, const struct rule *r)
{
	char net[NET_MAX], name[16];

	if (!put_net(r->m->family, attr(r, FRA_SRC), r->m->src_len, net))
		return false;
	if (r->m->src_len > 0)
		say(t, "from %s ", net);
	if (!put_net(r->m->family, attr(r, FRA_DST), r->m->dst_len, net))
		return false;
	if (r->m->dst_len > 0)
		say(t, "to %s ", net);
	nl_text(attr(r, FRA_IIFNAME), name, sizeof(name));
	if (name[0] != '\0')
		say(t, "in by %s ", name);
	nl_text(attr(r, FRA_OIFNAME), name, sizeof(name));
	if (name[0] != '\0')
		say(t, "out by %s ", name);
	return true;
}

static void
say_ports(struct text *t, const char *which, const struct rtattr *a)
{
	struct fib_rule_port_range ports;

	if (a == NULL || RTA_PAYLOAD(a) != sizeof(ports))
		return;
	memcpy(&ports, RTA_DATA(a), sizeof(ports));
	say(t, "%s ports %u-%u ", which, ports.start, ports.end);
}

/* Whose packets by what is in them and who sends them. */
static void
say_marks(struct text *t, const struct rule *r)
{
	const struct rtattr *a;
	struct fib_rule_uid_range uids;

	if (r->m->tos != 0)
		say(t, "tos 0x%x ", r->m->tos);
	a = attr(r, FRA_FWMARK);
	if (a != NULL)
		say(t, "mark 0x%x/0x%x ", nl_u32(a),
		    nl_u32(attr(r, FRA_FWMASK)));
	a = attr(r, FRA_UID_RANGE);
	if (a != NULL && RTA_PAYLOAD(a) == sizeof(uids)) {
		memcpy(&uids, RTA_DATA(a), sizeof(uids));
		say(t, "uids %u-%u ", uids.start, uids.end);
	}
	a = attr(r, FRA_IP_PROTO);
	if (a != NULL && RTA_PAYLOAD(a) == 1)
		say(t, "protocol %u ", *(const uint8_t *)RTA_DATA(a));
	say_ports(t, "source", attr(r, FRA_SPORT_RANGE));
	say_ports(t, "destination", attr(r, FRA_DPORT_RANGE));
}

static void
say_action(struct text *t, const struct rule *r)
{
	const struct rtattr *a = attr(r, FRA_TABLE);
	size_t i = reject_of_rule(r->m->action);
	char table[TABLE_MAX];

	if (i < NREJECTS) {
		say(t, "%s %s", rejects[i].words, rejects[i].name);
	} else if (r->m->action == FR_ACT_GOTO) {
		say(t, "goes on at rule %u", nl_u32(attr(r, FRA_GOTO)));
	} else if (attr(r, FRA_L3MDEV) != NULL) {
		say(t, "looks up the table of its VRF");
	} else if (r->m->action == FR_ACT_TO_TBL) {
		put_table(a != NULL ? nl_u32(a) : r->m->table, table);
		say(t, "looks up table %s", table);
	} else {
		say(t, "does nothing (%u)", r->m->action);
	}
	a = attr(r, FRA_SUPPRESS_PREFIXLEN);
	if (a != NULL && nl_u32(a) <= 128)
		say(t, ", but not for routes up to /%u", nl_u32(a));
}

static int
parse_rule(const struct nlmsghdr *nlh, struct facts *out)
{
	struct rule r = {.m = NLMSG_DATA(nlh)};
	struct text t = {.n = 0};
	char key[48];
	size_t before;

	r.attrs = nl_attrs(nlh, sizeof(*r.m), &r.len);
	if (r.len < 0 || bits_of(r.m->family) == 0)
		return 0;
	if ((r.m->flags & FIB_RULE_INVERT) != 0)
		say(&t, "all but ");
	before = t.n;
	if (!say_ways(&t, &r))
		return 0;
	say_marks(&t, &r);
	if (t.n == before)
		say(&t, "everything ");
	say_action(&t, &r);
	snprintf(key, sizeof(key), "%srule %u", r.m->family == AF_INET6 ?
	    "IPv6 " : "", nl_u32(attr(&r, FRA_PRIORITY)));
	return facts_add(out, key, t.at);
}

bool
routes_rule_is_first(const char *key, const char *value)
{
	static const struct {
		const char *key, *value;
	} first[] = {
		{"rule 0", "everything looks up table local"},
		{"rule 32766", "everything looks up table main"},
		{"rule 32767", "everything looks up table default"},
		{"IPv6 rule 0", "everything looks up table local"},
		{"IPv6 rule 32766", "everything looks up table main"},
		{"rule 1000", "everything looks up the table of its VRF"},
		{"IPv6 rule 1000",
		    "everything looks up the table of its VRF"},
	};
	size_t i;

	for (i = 0; i < sizeof(first) / sizeof(first[0]); i++)
		if (strcmp(first[i].key, key) == 0 &&
		    strcmp(first[i].value, value) == 0)
			return true;
	return false;
}

/* -- addresses of the loopback device ---------------------------- */

static bool
read_address(const struct nlmsghdr *nlh, char out[NET_MAX])
{
	const struct ifaddrmsg *m = NLMSG_DATA(nlh);
	const struct rtattr *a;
	const void *first;
	int len;

	first = nl_attrs(nlh, sizeof(*m), &len);
	if (len < 0 || m->ifa_index != LOOPBACK)
		return false;
	a = nl_find(first, len, IFA_LOCAL);
	if (a == NULL)
		a = nl_find(first, len, IFA_ADDRESS);
	return a != NULL && put_net(m->ifa_family, a, m->ifa_prefixlen,
	    out) && strncmp(out, "127.", 4) != 0 &&
	    strcmp(out, "::1/128") != 0;
}

static int
parse_address(const struct nlmsghdr *nlh, struct facts *out)
{
	char net[NET_MAX], key[NET_MAX + 16];

	if (!read_address(nlh, net))
		return 0;
	snprintf(key, sizeof(key), "address %s on lo", net);
	return facts_add(out, key, "belongs to this host");
}

/* -- any message ---------------------------- */

int
routes_parse(const struct nlmsghdr *nlh, const struct routes_links *l,
    struct facts *out)
{
	switch (nlh->nlmsg_type) {
	case RTM_NEWROUTE:
		return parse_route(nlh, l, out);
	case RTM_NEWRULE:
		return parse_rule(nlh, out);
	case RTM_NEWADDR:
		return parse_address(nlh, out);
	default:
		return 0;
	}
}

bool
routes_concern(const struct nlmsghdr *nlh)
{
	char net[NET_MAX];
	struct route r;

	switch (nlh->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return read_route(nlh, &r) && (is_reject(&r) || is_host(&r));
	case RTM_NEWRULE:
	case RTM_DELRULE:
		return true;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return read_address(nlh, net);
	default:
		return false;
	}
}
