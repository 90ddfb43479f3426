/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Parsers of the kernel's tables of sockets.  Pure functions.
 */
#include "agent/state/sockline.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void
sock_ip_plain(struct sock_ip *ip)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (ip->len != 16 || memcmp(ip->byte, mapped, sizeof(mapped)) != 0)
		return;
	memmove(ip->byte, ip->byte + 12, 4);
	ip->len = 4;
}

bool
sock_ip_is_loopback(const struct sock_ip *ip)
{
	static const uint8_t one[16] = {[15] = 1};

	return ip->len == 4 ? ip->byte[0] == 127 :
	    memcmp(ip->byte, one, sizeof(one)) == 0;
}

bool
sock_ip_within(const struct sock_ip *ip, const uint8_t *net, size_t len,
    uint32_t prefix)
{
	uint32_t bit;

	if (ip->len != len || prefix > 8 * len)
		return false;
	for (bit = 0; bit < prefix; bit++)
		if (((net[bit / 8] ^ ip->byte[bit / 8]) >>
		    (7 - bit % 8)) & 1)
			return false;
	return true;
}

/* Words of 32 bits in this machine's order. */
static bool
parse_ip(const char *hex, struct sock_ip *out)
{
	struct sock_ip ip = {.len = (uint8_t)(strlen(hex) / 2)};
	uint32_t word;
	size_t i;

	if (ip.len != 4 && ip.len != 16)
		return false;
	for (i = 0; i < ip.len; i += 4) {
		if (sscanf(hex + 2 * i, "%8" SCNx32, &word) != 1)
			return false;
		memcpy(ip.byte + i, &word, 4);
	}
	sock_ip_plain(&ip);
	*out = ip;
	return true;
}

bool
sock_line_inet(const char *line, struct sock_line *out)
{
	struct sock_line l = {.state = 0};
	char local[33], peer[33];

	if (sscanf(line, "%*u: %32[0-9A-F]:%x %32[0-9A-F]:%x %x %*s %*s %*s "
	    "%" SCNu32 " %*u %" SCNu64, local, &l.local_port, peer,
	    &l.peer_port, &l.state, &l.uid, &l.inode) != 7 ||
	    !parse_ip(local, &l.local) || !parse_ip(peer, &l.peer))
		return false;
	*out = l;
	return true;
}

bool
sock_line_packet(const char *line, uint32_t *device, uint64_t *inode)
{
	unsigned long long n;
	unsigned int index;

	/* sk RefCnt Type Proto Iface R Rmem User Inode */
	if (sscanf(line, "%*s %*u %*u %*x %u %*u %*u %*u %llu", &index,
	    &n) != 2 || n == 0)
		return false;
	*device = index;
	*inode = n;
	return true;
}
