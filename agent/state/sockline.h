/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of /proc/net/{tcp,udp,raw,packet} (proc(5), packet(7)). */
#ifndef CORDON_STATE_SOCKLINE_H
#define CORDON_STATE_SOCKLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sock_ip {
	uint8_t byte[16];
	uint8_t len; /* 4 or 16 */
};

struct sock_line {
	struct sock_ip local, peer; /* IPv4 in IPv6 form is IPv4 */
	unsigned int local_port, peer_port; /* raw: local is the protocol */
	unsigned int state; /* include/net/tcp_states.h */
	uint32_t uid;
	uint64_t inode;
};

/* False: no such line (the one with the names of the columns). */
bool sock_line_inet(const char *line, struct sock_line *out);
bool sock_line_packet(const char *line, uint32_t *device, uint64_t *inode);

/* IPv4 in IPv6 form becomes IPv4. */
void sock_ip_plain(struct sock_ip *ip);
bool sock_ip_is_loopback(const struct sock_ip *ip);
/* Do IP and NET (LEN bytes) agree in their first PREFIX bits? */
bool sock_ip_within(const struct sock_ip *ip, const uint8_t *net, size_t len,
    uint32_t prefix);

#endif
