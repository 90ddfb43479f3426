/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Destroying flows.  Runs in the enforcer, right after the rules came.
 */
#include "agent/enforcer/flows.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/enforcer/netlink.h"

#define CONNTRACK_ON "/proc/sys/net/netfilter/nf_conntrack_count"
#define TRACKED_ATTRS_MAX 512 /* bytes of one entry's name */

struct found {
	struct inet_diag_sockid id;
	uint8_t family, protocol;
};

struct tracked {
	uint8_t family;
	uint16_t len;
	uint8_t attrs[TRACKED_ATTRS_MAX]; /* CTA_TUPLE_ORIG and CTA_ID */
};

struct search {
	const struct ruleset_input *in;
	const struct addresses *own;
	uint8_t protocol;
	struct found *found;
	size_t nfound;
	struct tracked *tracked;
	size_t ntracked;
};

/* 4 or 16 bytes; an IPv4 address inside IPv6 becomes 4. */
static const uint8_t *
unmap(const uint8_t *ip, size_t *len)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (*len == 16 && memcmp(ip, mapped, sizeof(mapped)) == 0) {
		*len = 4;
		return ip + 12;
	}
	return ip;
}

static bool
is_local(const struct search *s, const uint8_t *ip, size_t len)
{
	static const uint8_t zero[16], one[16] = {[15] = 1};

	if (memcmp(ip, zero, len) == 0)
		return true;
	if (len == 4 ? ip[0] == 127 : memcmp(ip, one, 16) == 0)
		return true;
	return addresses_has(s->own, ip, len);
}

/* -- sockets -------------------------------------------------------------- */

static int
on_socket(void *arg, const struct nlmsghdr *nlh)
{
	const struct inet_diag_msg *m;
	struct search *s = arg;
	const uint8_t *peer;
	struct found *more;
	size_t len;

	if (nlh->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*m))
		return 0;
	m = mnl_nlmsg_get_payload(nlh);
	len = m->idiag_family == AF_INET ? 4 : 16;
	peer = unmap((const uint8_t *)m->id.idiag_dst, &len);
	if (is_local(s, peer, len) || ruleset_peer_allowed(s->in, peer, len,
	    s->protocol, ntohs(m->id.idiag_sport), ntohs(m->id.idiag_dport),
	    m->idiag_uid))
		return 0;
	if (s->nfound >= FLOWS_MAX)
		return ERR_LIMIT;
	if (s->nfound % 64 == 0) {
		more = realloc(s->found, (s->nfound + 64) * sizeof(*more));
		if (more == NULL)
			return ERR_NOMEM;
		s->found = more;
	}
	s->found[s->nfound++] = (struct found){m->id, m->idiag_family,
	    s->protocol};
	return 0;
}

static int
ask_sockets(struct netlink *nl, uint8_t family, struct search *s)
{
	uint8_t bytes[256] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);
	struct inet_diag_req_v2 *r;

	nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	r = mnl_nlmsg_put_extra_header(nlh, sizeof(*r));
	r->sdiag_family = family;
	r->sdiag_protocol = s->protocol;
	r->idiag_states = ~0u;
	return netlink_ask(nl, nlh, on_socket, s, NULL);
}

static int
destroy(struct netlink *nl, const struct found *f, int *errnum)
{
	uint8_t bytes[256] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);
	struct inet_diag_req_v2 *r;

	nlh->nlmsg_type = SOCK_DESTROY;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	r = mnl_nlmsg_put_extra_header(nlh, sizeof(*r));
	r->sdiag_family = f->family;
	r->sdiag_protocol = f->protocol;
	r->idiag_states = ~0u;
	r->id = f->id;
	return netlink_ask(nl, nlh, NULL, NULL, errnum);
}

static int
cut_sockets(struct search *s, struct flows_cut *out, struct why *why)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
	static const uint8_t families[] = {AF_INET, AF_INET6};
	struct netlink *nl;
	int errnum, rc;
	size_t i, k;

	rc = netlink_open(NETLINK_SOCK_DIAG, 0, &nl, why);
	if (rc != 0)
		return rc;
	for (i = 0; i < 2; i++)
		for (k = 0; k < 2; k++) {
			s->protocol = protocols[i];
			/* A kernel without that dump has no such sockets to
			 * name; what was found is still ended. */
			if (ask_sockets(nl, families[k], s) != 0)
				out->unsupported = true;
		}
	for (i = 0; i < s->nfound; i++) {
		errnum = 0;
		if (destroy(nl, &s->found[i], &errnum) == 0)
			out->sockets++;
		else if (errnum != ENOENT)
			out->left++;
		if (errnum == EOPNOTSUPP)
			out->unsupported = true;
	}
	netlink_close(&nl);
	return 0;
}

/* -- connection tracking --------------------------------------------------- */

/* The peers of an entry: both addresses of the original direction. */
static bool
entry_forbidden(const struct search *s, const struct nlattr *tuple)
{
	const struct nlattr *part, *a;
	bool forbidden = false;
	const uint8_t *ip;
	size_t len;

	mnl_attr_for_each_nested(part, tuple) {
		if (mnl_attr_get_type(part) != CTA_TUPLE_IP)
			continue;
		mnl_attr_for_each_nested(a, part) {
			len = mnl_attr_get_payload_len(a);
			if (len != 4 && len != 16)
				continue;
			ip = mnl_attr_get_payload(a);
			forbidden |= !is_local(s, ip, len) &&
			    !ruleset_address_named(s->in, ip, len);
		}
	}
	return forbidden;
}

static int
on_entry(void *arg, const struct nlmsghdr *nlh)
{
	const struct nlattr *a, *tuple = NULL, *id = NULL;
	const struct nfgenmsg *g;
	struct search *s = arg;
	struct tracked *t;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*g))
		return 0;
	g = mnl_nlmsg_get_payload(nlh);
	mnl_attr_for_each(a, nlh, sizeof(*g)) {
		if (mnl_attr_get_type(a) == CTA_TUPLE_ORIG)
			tuple = a;
		else if (mnl_attr_get_type(a) == CTA_ID)
			id = a;
	}
	if (tuple == NULL || id == NULL || !entry_forbidden(s, tuple) ||
	    MNL_ALIGN(tuple->nla_len) + MNL_ALIGN(id->nla_len) >
	    TRACKED_ATTRS_MAX)
		return 0;
	if (s->ntracked >= FLOWS_MAX)
		return ERR_LIMIT;
	if (s->ntracked % 64 == 0) {
		t = realloc(s->tracked, (s->ntracked + 64) * sizeof(*t));
		if (t == NULL)
			return ERR_NOMEM;
		s->tracked = t;
	}
	t = &s->tracked[s->ntracked++];
	memset(t, 0, sizeof(*t));
	t->family = g->nfgen_family;
	memcpy(t->attrs, tuple, tuple->nla_len);
	memcpy(t->attrs + MNL_ALIGN(tuple->nla_len), id, id->nla_len);
	t->len = (uint16_t)(MNL_ALIGN(tuple->nla_len) +
	    MNL_ALIGN(id->nla_len));
	return 0;
}

static struct nlmsghdr *
conntrack_message(uint8_t *bytes, uint8_t type, uint16_t flags,
    uint8_t family)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);
	struct nfgenmsg *g;

	nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
	g->nfgen_family = family;
	g->version = NFNETLINK_V0;
	return nlh;
}

/*
 * Only where tracking is on: asking would load it.  Entries of the line
 * itself stay: a firewall of the host's own may let it pass by its state.
 */
static int
cut_tracked(struct search *s, struct flows_cut *out, struct why *why)
{
	uint8_t bytes[1024] __attribute__((aligned(8)));
	struct nlmsghdr *nlh;
	struct netlink *nl;
	size_t i;
	int rc;

	if (access(CONNTRACK_ON, F_OK) != 0)
		return 0;
	rc = netlink_open(NETLINK_NETFILTER, 0, &nl, why);
	if (rc != 0)
		return rc;
	nlh = conntrack_message(bytes, IPCTNL_MSG_CT_GET, NLM_F_DUMP,
	    AF_UNSPEC);
	rc = netlink_ask(nl, nlh, on_entry, s, NULL);
	for (i = 0; i < s->ntracked; i++) {
		nlh = conntrack_message(bytes, IPCTNL_MSG_CT_DELETE,
		    NLM_F_ACK, s->tracked[i].family);
		memcpy(bytes + nlh->nlmsg_len, s->tracked[i].attrs,
		    s->tracked[i].len);
		nlh->nlmsg_len += s->tracked[i].len;
		if (netlink_ask(nl, nlh, NULL, NULL, NULL) == 0)
			out->tracked++;
	}
	netlink_close(&nl);
	return rc == ERR_AGAIN ? 0 : rc;
}

int
flows_cut(const struct ruleset_input *in, const struct addresses *own,
    struct flows_cut *out, struct why *why)
{
	struct search s = {.in = in, .own = own};
	int rc, rc2;

	memset(out, 0, sizeof(*out));
	rc = cut_sockets(&s, out, why);
	rc2 = cut_tracked(&s, out, why);
	free(s.found);
	free(s.tracked);
	return rc != 0 ? rc : rc2;
}
