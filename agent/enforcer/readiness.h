/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Can this host be isolated, and how well?  Each feature is tried in a
 * batch that the kernel checks and throws away; versions are never tested.
 */
#ifndef CORDON_ENFORCER_READINESS_H
#define CORDON_ENFORCER_READINESS_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/enforcer/devices.h"
#include "agent/enforcer/netlink.h"
#include "agent/enforcer/ruleset.h"

struct readiness_item {
	const char *id; /* "owner-flag", ...: stable */
	bool ok;
	const char *lost; /* what is lost without it */
};

#define READINESS_ITEMS_MAX 16

struct readiness {
	unsigned int features; /* enum feature, what the rules may use */
	struct readiness_item items[READINESS_ITEMS_MAX];
	size_t n;
};

/*
 * Changes nothing.  HAVE is what is there under our name: in the trials it
 * is replaced.  WITHOUT: features that count as not there.  ERR_UNSUPP when
 * not even a plain inet table works.
 */
int readiness_probe(struct netlink *owner, const struct devices *d,
    const struct ruleset *have, unsigned int without, struct readiness *out,
    struct why *why);
/* The feature of an item that can be switched off; 0: there is none. */
unsigned int readiness_feature(const char *id);

#endif
