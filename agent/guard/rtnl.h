/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rtnetlink(7) for the guard: which devices there are and how they stand on
 * each other, XDP programs without a link, and filters of queueing
 * disciplines.
 */
#ifndef CORDON_GUARD_RTNL_H
#define CORDON_GUARD_RTNL_H

#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define RTNL_PORTS_MAX 1024
#define RTNL_KIND_MAX 16

struct rtnl;

/* A device of this namespace. */
struct port {
	uint32_t index;
	uint32_t lower, master; /* index it stands on, belongs to; 0: none */
	char name[16];
	bool loopback, ether;
	/* XDP programs by mode: id, 0 if there is none. */
	uint32_t xdp_native, xdp_generic, xdp_hardware;
};

struct rtnl_calls {
	void (*ports)(void *arg); /* some came, went or changed */
	/* A filter was added or replaced. */
	void (*filter)(void *arg, const struct tcmsg *at, const char *kind);
};

int rtnl_open(struct rtnl **out, struct why *why);
void rtnl_close(struct rtnl **r);
/* Readable when there is something for rtnl_read. */
int rtnl_fd(const struct rtnl *r);
void rtnl_read(struct rtnl *r, const struct rtnl_calls *calls, void *arg);

/* At most RTNL_PORTS_MAX into LIST. */
int rtnl_ports(struct rtnl *r, struct port *list, size_t *n);
/*
 * Set PROGRAM on a device, or -1 for none, in the mode of FLAGS, without a
 * link.  0 or the negative errno; -EBUSY: a link holds it.
 */
int rtnl_xdp_set(struct rtnl *r, uint32_t index, int program,
    uint32_t flags);
/* Delete a filter as told by rtnl_calls.filter. */
int rtnl_filter_delete(struct rtnl *r, const struct tcmsg *at,
    const char *kind);

/* RTM_NEWLINK -> port.  ERR_NOENT: another message, or one without a name.
 * For tests. */
int rtnl_parse_port(const struct nlmsghdr *nlh, struct port *out);

#endif
