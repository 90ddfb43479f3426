/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ground that the rules stand on: devices, own addresses, and the way to
 * each collector with the link address of its first station.  Asked of the
 * kernel by rtnetlink(7), which anybody with root can lead elsewhere: once a
 * way is pinned it is held until its device or address is gone, or until
 * the collector was silent for so long that a new way must be tried.
 */
#ifndef CORDON_ENFORCER_GROUND_H
#define CORDON_ENFORCER_GROUND_H

#include "agent/enforcer/devices.h"
#include "agent/enforcer/netlink.h"
#include "agent/enforcer/ruleset.h"
#include "common/wire/order.h"

#define GROUND_TEXT_MAX 256
/* rtm_protocol and NDA_PROTOCOL of what we put into the kernel; not in
 * /etc/iproute2/rt_protos of anybody. */
#define GROUND_PROTOCOL 199

struct ground {
	struct devices devices;
	struct addresses own;
	struct hop hops[ORDER_COLLECTORS_MAX]; /* one a collector */
	struct own_address dest[ORDER_COLLECTORS_MAX]; /* its address */
	size_t nhops;
	/* Routers that an IPv6 route was learned from. */
	struct own_address routers[RULESET_ROUTERS_MAX];
	size_t nrouters;
	bool searching; /* there is no way to any collector */
};

/* Can the kernel be asked for one neighbour (Linux 5.0)? */
bool ground_can_pin(struct netlink *route);

/* As the kernel says now.  IN: order (may be NULL), user, features. */
int ground_take(struct netlink *route, const struct ruleset_input *in,
    struct ground *out, struct why *why);
void ground_done(struct ground *g);

/*
 * Keep in NOW the ways of BEFORE that are still possible, and believe no
 * entry made by hand for a first station that was not known there.  LOOSE:
 * keep only pinned ones.  TEXT: "" or where the kernel would have gone
 * instead; also when a way is another one than it was.
 */
void ground_hold(struct ground *now, const struct ground *before, bool loose,
    char text[GROUND_TEXT_MAX]);

/* Remember G's ways, as ones to be held: the collector was heard over them. */
int ground_trust(const struct ground *g, struct ground *trusted);

/*
 * Give the kernel permanent neighbour entries for ways whose first station
 * is known; those become pinned.  One that cannot be set stays unpinned; of
 * one that is not known the kernel is made to ask.
 */
void ground_pin(struct netlink *route, struct ground *g);
/* Our entries become ordinary ones again; DROP: they are forgotten. */
int ground_unpin(struct netlink *route, bool drop, struct why *why);

/* No way is pinned any more; what it was is remembered, to be told. */
void ground_loosen(struct ground *g);

/*
 * Which devices may carry the line: those of the ways and what they stand
 * on or consist of; all of them when there is no way, or when ALL.
 */
void ground_lines(struct ground *g, bool all);

/* Would rules built on either be the same? */
bool ground_same(const struct ground *a, const struct ground *b);
/* Make the kernel ask for first stations that are not known. */
void ground_resolve(struct netlink *route, const struct ground *g);
/* Is this the first station of a way? */
bool ground_is_hop(const struct ground *g, const uint8_t *ip, size_t len);

#endif
