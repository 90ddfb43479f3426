/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What isolation can use of this kernel and can do without: the names that
 * agent.conf ([enforcer] without) and readiness share.
 */
#ifndef CORDON_AGENT_LINKS_FEATURES_H
#define CORDON_AGENT_LINKS_FEATURES_H

#include <stddef.h>

static const char *const agent_features[] = {
	"owner-flag", "persist-flag", "netdev-ingress", "netdev-egress",
	"netdev-egress-uid", "device-prefix", "bridge-table", "arp-table",
	"rt-expression", "payload-far", "next-hop", NULL,
};

#endif
