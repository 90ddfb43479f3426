/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Notices of nf_tables in words.  Opened in the sensors process before it
 * gives up its rights, read on a thread of its own.
 */
#include "agent/state/nftnote.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/state/nl.h"
#include "common/base/log.h"

#define OWN_TABLE "cordon"
#define RECEIVE_BYTES (1024 * 1024)
#define PORT_OFFSET 2 /* of the destination, in TCP and UDP */

/* Attributes of one message or nest. */
struct attrs {
	const void *first;
	int len;
};

static struct attrs
nest(const struct rtattr *a)
{
	if (a == NULL)
		return (struct attrs){NULL, 0};
	return (struct attrs){RTA_DATA(a), (int)RTA_PAYLOAD(a)};
}

/* Nested ones carry a flag in their type, numbers are big-endian. */
static const struct rtattr *
find(struct attrs in, unsigned short type)
{
	const struct rtattr *a = in.first;
	int len = in.len;

	for (; a != NULL && RTA_OK(a, len); a = RTA_NEXT(a, len))
		if ((a->rta_type & NLA_TYPE_MASK) == type)
			return a;
	return NULL;
}

static bool
number(const struct rtattr *a, uint32_t *out)
{
	if (a == NULL || RTA_PAYLOAD(a) != sizeof(*out))
		return false;
	memcpy(out, RTA_DATA(a), sizeof(*out));
	*out = ntohl(*out);
	return true;
}

static void
name(const struct rtattr *a, char *out, size_t size)
{
	const char *text;

	out[0] = '\0';
	if (a == NULL)
		return;
	text = RTA_DATA(a);
	log_quote(out, size, text, strnlen(text, RTA_PAYLOAD(a)));
}

static const char *
family_of(uint8_t family)
{
	switch (family) {
	case NFPROTO_INET:
		return "inet";
	case NFPROTO_IPV4:
		return "ip";
	case NFPROTO_IPV6:
		return "ip6";
	case NFPROTO_ARP:
		return "arp";
	case NFPROTO_BRIDGE:
		return "bridge";
	case NFPROTO_NETDEV:
		return "netdev";
	}
	return "?";
}

/* -- rules ---------------------------- */

struct rule_words {
	char text[160];
	bool port_next; /* the port was loaded, it is compared next */
};

static void
add_word(struct rule_words *w, const char *word)
{
	size_t n = strlen(w->text);

	snprintf(w->text + n, sizeof(w->text) - n, "%s%s", n > 0 ? " " : "",
	    word);
}

static void
add_verdict(struct rule_words *w, struct attrs data)
{
	struct attrs v = nest(find(nest(find(data, NFTA_IMMEDIATE_DATA)),
	    NFTA_DATA_VERDICT));
	char chain[NFTNOTE_NAME_MAX], text[NFTNOTE_NAME_MAX + 8];
	uint32_t code;

	if (!number(find(v, NFTA_VERDICT_CODE), &code))
		return;
	name(find(v, NFTA_VERDICT_CHAIN), chain, sizeof(chain));
	switch ((int32_t)code) {
	case NF_ACCEPT:
		add_word(w, "accept");
		break;
	case NF_DROP:
		add_word(w, "drop");
		break;
	case NFT_JUMP:
	case NFT_GOTO:
		snprintf(text, sizeof(text), "to %s", chain);
		add_word(w, text);
		break;
	case NFT_RETURN:
		add_word(w, "return");
		break;
	}
}

static void
add_compared(struct rule_words *w, struct attrs data)
{
	const struct rtattr *v = find(nest(find(data, NFTA_CMP_DATA)),
	    NFTA_DATA_VALUE);
	char text[32];
	uint16_t port;
	uint32_t op = NFT_CMP_EQ;

	number(find(data, NFTA_CMP_OP), &op);
	if (w->port_next && v != NULL && RTA_PAYLOAD(v) == sizeof(port)) {
		memcpy(&port, RTA_DATA(v), sizeof(port));
		snprintf(text, sizeof(text), "port %s%u",
		    op == NFT_CMP_EQ ? "" : "not ", ntohs(port));
		add_word(w, text);
	}
	w->port_next = false;
}

/* One expression; of most the name alone says enough. */
static void
add_expression(struct rule_words *w, struct attrs expr)
{
	static const char *const verbs[] = {"masq", "redir", "reject", "log",
	    "queue", "tproxy", "dup", "fwd", "notrack", "synproxy"};
	struct attrs data = nest(find(expr, NFTA_EXPR_DATA));
	char what[NFTNOTE_NAME_MAX], target[NFTNOTE_NAME_MAX];
	uint32_t base = 0, offset = 0;
	size_t i;

	name(find(expr, NFTA_EXPR_NAME), what, sizeof(what));
	if (strcmp(what, "immediate") == 0) {
		add_verdict(w, data);
	} else if (strcmp(what, "payload") == 0) {
		number(find(data, NFTA_PAYLOAD_BASE), &base);
		number(find(data, NFTA_PAYLOAD_OFFSET), &offset);
		w->port_next = base == NFT_PAYLOAD_TRANSPORT_HEADER &&
		    offset == PORT_OFFSET;
	} else if (strcmp(what, "cmp") == 0) {
		add_compared(w, data);
	} else if (strcmp(what, "target") == 0 || strcmp(what, "nat") == 0) {
		name(find(data, NFTA_TARGET_NAME), target, sizeof(target));
		add_word(w, what[0] == 't' ? target : "rewrites addresses");
	}
	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(what, verbs[i]) == 0)
			add_word(w, what);
}

static void
rule_in_words(struct attrs in, struct rule_words *w)
{
	struct attrs list = nest(find(in, NFTA_RULE_EXPRESSIONS));
	const struct rtattr *a = list.first;
	int len = list.len;

	memset(w, 0, sizeof(*w));
	for (; a != NULL && RTA_OK(a, len); a = RTA_NEXT(a, len))
		add_expression(w, nest(a));
}

/* -- messages ---------------------------- */

static void
tell_chain(struct attrs in, bool gone, struct nftnote *out)
{
	char chain[NFTNOTE_NAME_MAX];
	uint32_t policy;
	bool has = number(find(in, NFTA_CHAIN_POLICY), &policy);

	name(find(in, NFTA_CHAIN_NAME), chain, sizeof(chain));
	out->opens = gone || (has && policy == NF_ACCEPT);
	snprintf(out->text, sizeof(out->text), "chain %s of %s %s%s", chain,
	    out->table, gone ? "is gone" : "was set", gone || !has ? "" :
	    policy == NF_ACCEPT ? ", policy accept" : ", policy drop");
}

static void
tell_rule(struct attrs in, bool gone, struct nftnote *out)
{
	char chain[NFTNOTE_NAME_MAX];
	struct rule_words w;

	name(find(in, NFTA_RULE_CHAIN), chain, sizeof(chain));
	rule_in_words(in, &w);
	snprintf(out->text, sizeof(out->text), "rule %s chain %s of %s%s%s",
	    gone ? "left" : "came into", chain, out->table,
	    w.text[0] != '\0' ? ": " : "", w.text);
}

static void
tell_elements(struct attrs in, bool gone, struct nftnote *out)
{
	char set[NFTNOTE_NAME_MAX];

	name(find(in, NFTA_SET_ELEM_LIST_SET), set, sizeof(set));
	snprintf(out->text, sizeof(out->text), "set %s of %s has %s", set,
	    out->table, gone ? "fewer members" : "new members");
}

static void
take_end(struct attrs in, struct nftnote *out)
{
	const struct rtattr *a = find(in, NFTA_GEN_PROC_NAME);

	out->what = NFTNOTE_END;
	number(find(in, NFTA_GEN_PROC_PID), &out->pid);
	if (a != NULL)
		snprintf(out->program, sizeof(out->program), "%.*s",
		    (int)strnlen(RTA_DATA(a), RTA_PAYLOAD(a)),
		    (const char *)RTA_DATA(a));
}

int
nftnote_parse(const struct nlmsghdr *nlh, struct nftnote *out)
{
	const struct nfgenmsg *g = NLMSG_DATA(nlh);
	char table[NFTNOTE_NAME_MAX];
	struct attrs in;

	memset(out, 0, sizeof(*out));
	if (nlh->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES)
		return 0;
	in.first = nl_attrs(nlh, sizeof(*g), &in.len);
	if (in.len < 0)
		return ERR_SYNTAX;
	if ((nlh->nlmsg_type & 0xff) == NFT_MSG_NEWGEN) {
		take_end(in, out);
		return 0;
	}
	/* The table's name is the first attribute of all of them. */
	name(find(in, NFTA_TABLE_NAME), table, sizeof(table));
	if (strcmp(table, OWN_TABLE) == 0)
		return 0;
	out->what = NFTNOTE_CHANGE;
	snprintf(out->table, sizeof(out->table), "%s %s",
	    family_of(g->nfgen_family), table);
	switch (nlh->nlmsg_type & 0xff) {
	case NFT_MSG_NEWTABLE:
		snprintf(out->text, sizeof(out->text), "table %s was set",
		    out->table);
		break;
	case NFT_MSG_DELTABLE:
		out->gone = out->opens = true;
		snprintf(out->text, sizeof(out->text), "table %s is gone",
		    out->table);
		break;
	case NFT_MSG_NEWCHAIN:
		tell_chain(in, false, out);
		break;
	case NFT_MSG_DELCHAIN:
		out->gone = true;
		tell_chain(in, true, out);
		break;
	case NFT_MSG_NEWRULE:
		tell_rule(in, false, out);
		break;
	case NFT_MSG_DELRULE:
		out->gone = true;
		tell_rule(in, true, out);
		break;
	case NFT_MSG_NEWSETELEM:
		tell_elements(in, false, out);
		break;
	case NFT_MSG_DELSETELEM:
		out->gone = true;
		tell_elements(in, true, out);
		break;
	default:
		out->what = NFTNOTE_OTHER;
	}
	return 0;
}

int
nftnote_open(struct why *why)
{
	const struct sockaddr_nl to = {.nl_family = AF_NETLINK,
	    .nl_groups = 1u << (NFNLGRP_NFTABLES - 1)};
	const int bytes = RECEIVE_BYTES;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_NETFILTER);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&to,
	    sizeof(to)) < 0) {
		why_sys(why, ERR_UNSUPP, "notices of nf_tables");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	/* Best effort: more room for a firewall that starts anew. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes,
	    sizeof(bytes)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes,
		    sizeof(bytes));
	return fd;
}
