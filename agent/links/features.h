/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names of what this agent can do.  First what isolation can use of this
 * kernel and can do without: agent.conf ([enforcer] without) and readiness
 * share them.
 */
#ifndef CORDON_AGENT_LINKS_FEATURES_H
#define CORDON_AGENT_LINKS_FEATURES_H

#include <stddef.h>

static const char *const agent_features[] = {
	"owner-flag", "persist-flag", "netdev-ingress", "netdev-egress",
	"netdev-egress-uid", "device-prefix", "bridge-table", "arp-table",
	"rt-expression", "payload-far", "next-hop", NULL,
};

/* What it may be asked that not every agent answers (Hello.answers). */
static const char *const agent_answers[] = {"sweep", "trees"};

#endif
