/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A netlink socket used synchronously, over libmnl.  The kernel answers a
 * request before sendmsg(2) returns or while it is read, so these calls do
 * not wait for anybody; a receive timeout bounds what should never happen.
 */
#ifndef CORDON_ENFORCER_NETLINK_H
#define CORDON_ENFORCER_NETLINK_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define NETLINK_BUFFER (64 * 1024) /* one datagram of a dump */
#define NETLINK_SOCKET_BUFFER (8 * 1024 * 1024)

struct netlink; /* opaque */

/* PROTOCOL is NETLINK_NETFILTER, _ROUTE, _SOCK_DIAG; GROUPS a bit set. */
int netlink_open(int protocol, uint32_t groups, struct netlink **nl,
    struct why *why);
/*
 * The same over FD, an open socket that outlived the process that made it;
 * whatever waits in it is thrown away.  Takes FD.  ERR_RANGE: no such socket.
 */
int netlink_take(int protocol, int fd, struct netlink **nl);
void netlink_close(struct netlink **nl);
int netlink_fd(const struct netlink *nl);
uint32_t netlink_port(const struct netlink *nl);
uint32_t netlink_next_seq(struct netlink *nl);

/*
 * Handles one message of an answer; its length was checked.  Anything but
 * 0 ends the reading with that code.
 */
typedef int netlink_fn(void *arg, const struct nlmsghdr *nlh);

/*
 * Send NLH (sequence number set here) and hand each message of the answer
 * to FN (may be NULL) until done or acknowledged.  ERR_KERNEL with the
 * errno value in *ERRNUM (may be NULL); ERR_AGAIN when a dump was
 * interrupted by a change and has to be asked again.
 */
int netlink_ask(struct netlink *nl, struct nlmsghdr *nlh, netlink_fn *fn,
    void *arg, int *errnum);

/* Whatever is queued on a notification socket; ERR_LIMIT: some were lost. */
int netlink_drain(struct netlink *nl, netlink_fn *fn, void *arg);

/*
 * Is there a whole message at M, LEFT bytes before the end?  Unlike
 * mnl_nlmsg_ok it also refuses a length above INT_MAX.
 */
bool netlink_ok(const struct nlmsghdr *m, int left);

/* Receive one datagram without waiting; bytes, 0 if none, or -errno. */
int netlink_recv(struct netlink *nl, void *data, size_t size);
int netlink_send(struct netlink *nl, const void *data, size_t len);

#endif
