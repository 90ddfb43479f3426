/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The network devices and addresses of this namespace, asked by rtnetlink(7).
 */
#ifndef CORDON_ENFORCER_DEVICES_H
#define CORDON_ENFORCER_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/enforcer/netlink.h"
#include "agent/enforcer/ruleset.h"
#include "common/base/err.h"

#define DEVICES_ADDRESSES_MAX 4096

/* All devices but loopback, by rising index. */
struct devices {
	struct device *list; /* owned */
	size_t n;
	bool more; /* there are more than RULESET_DEVICES_MAX */
};

struct addresses {
	struct own_address *list; /* owned */
	size_t n;
};

int devices_list(struct netlink *route, struct devices *out,
    struct why *why);
void devices_done(struct devices *d);

/* The host's own addresses: what talks to them stays on loopback. */
int addresses_list(struct netlink *route, struct addresses *out,
    struct why *why);
void addresses_done(struct addresses *a);
bool addresses_has(const struct addresses *a, const uint8_t *ip, size_t len);

#endif
