/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sockets of this network namespace by sock_diag(7): only the states that
 * are asked for, so that a host with many connections costs no walk.
 */
#ifndef CORDON_STATE_NETSOCK_H
#define CORDON_STATE_NETSOCK_H

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/state/sockline.h"
#include "common/base/err.h"

#define NETSOCK_MAX 16384 /* more are not looked at */
#define NETSOCK_TEXT_MAX 64

/* Sets of include/net/tcp_states.h. */
#define NETSOCK_ESTABLISHED (1u << 1)
#define NETSOCK_SYN_SENT (1u << 2)
#define NETSOCK_CLOSE (1u << 7) /* UDP: bound, not connected */
#define NETSOCK_CLOSE_WAIT (1u << 8)
#define NETSOCK_LISTEN (1u << 10)

struct netsock {
	struct sock_ip local, peer;
	uint16_t local_port, peer_port;
	uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP */
	uint8_t state;	  /* number */
	uint32_t uid;
	uint64_t inode;
};

struct netsocks {
	struct netsock *at; /* owned */
	size_t n, max;
};

void netsocks_done(struct netsocks *s);
/* Append those of PROTOCOL, both families, in STATES. */
int netsocks_ask(int fd, uint8_t protocol, uint32_t states,
    struct netsocks *out);
/* One message of a dump; false: no such message.  For tests. */
bool netsock_parse(const struct nlmsghdr *nlh, uint8_t protocol,
    struct netsock *out);
/* "0.0.0.0", "[::1]".  Returns OUT[NETSOCK_TEXT_MAX]. */
const char *netsock_ip(const struct sock_ip *ip, char *out);

#endif
