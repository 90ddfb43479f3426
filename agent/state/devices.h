/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Network devices: new tunnels and taps, and those that listen to all
 * frames on the wire.
 */
#ifndef CORDON_STATE_DEVICES_H
#define CORDON_STATE_DEVICES_H

#include <linux/netlink.h>

#include "agent/state/source.h"

#define DEVICES_FILE "/proc/net/dev" /* stands for an event of rtnetlink */

extern const struct state_source devices_source;

/* RTM_NEWLINK -> "device NAME": "KIND" or "KIND, promiscuous". */
void devices_parse(const struct nlmsghdr *nlh, struct facts *out);

#endif
