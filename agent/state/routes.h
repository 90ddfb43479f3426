/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where packets go: routes that throw them away, routes to one address by
 * hand, policy rules, addresses of the loopback device.  What routing
 * daemons, DHCP and router advertisements bring is theirs, but for routes
 * that throw away.
 */
#ifndef CORDON_STATE_ROUTES_H
#define CORDON_STATE_ROUTES_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>

#include "agent/state/source.h"

#define ROUTES_FILE "/proc/net/route" /* stands for an event of rtnetlink */
#define ROUTES_LINKS_MAX 8192	      /* more devices have no name here */

extern const struct state_source routes_source;

struct routes_link {
	uint32_t index;
	bool veth; /* leads to a container */
	char name[16];
};

struct routes_links {
	struct routes_link *at; /* owned */
	size_t n, max;
};

void routes_links_done(struct routes_links *l);
/* Append the device of an RTM_NEWLINK; else nothing.  ERR_NOMEM. */
int routes_take_link(const struct nlmsghdr *nlh, struct routes_links *l);

/*
 * RTM_NEWROUTE -> "route 192.0.2.7/32 table main": "leads to 192.0.2.1 on
 * eth0", RTM_NEWRULE -> "rule 100": "from 10.0.0.0/8 looks up table 77",
 * RTM_NEWADDR -> "address 192.0.2.7/32 on lo".  What does not count, or is
 * broken, becomes nothing.  Else as facts_add.
 */
int routes_parse(const struct nlmsghdr *nlh, const struct routes_links *l,
    struct facts *out);
/* Can this notice of the kernel change a fact? */
bool routes_concern(const struct nlmsghdr *nlh);

/* Does a value hold a route or a rule by hand that throws away? */
bool routes_rejects(const char *value);
/* Is this one of the rules that the kernel makes itself? */
bool routes_rule_is_first(const char *key, const char *value);

#endif
