/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses of this host.  Runs in the network process of the agent. */
#include "agent/network/ifaces.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

static uint8_t
prefix_of(const uint8_t *mask, size_t len)
{
	uint8_t bits = 0;
	size_t i;

	for (i = 0; i < len; i++)
		bits = (uint8_t)(bits + __builtin_popcount(mask[i]));
	return bits;
}

/* False for an address that nobody else on a segment can use. */
static bool
take(const struct ifaddrs *i, struct iface_addr *a)
{
	const struct sockaddr_in6 *six, *mask6;
	const struct sockaddr_in *four, *mask4;

	if (i->ifa_addr == NULL || i->ifa_netmask == NULL ||
	    (i->ifa_flags & IFF_LOOPBACK) != 0)
		return false;
	memset(a, 0, sizeof(*a));
	if (i->ifa_addr->sa_family == AF_INET) {
		four = (const void *)i->ifa_addr;
		mask4 = (const void *)i->ifa_netmask;
		a->ip_len = 4;
		memcpy(a->ip, &four->sin_addr, 4);
		a->prefix_len = prefix_of((const void *)&mask4->sin_addr, 4);
		return true;
	}
	if (i->ifa_addr->sa_family != AF_INET6)
		return false;
	six = (const void *)i->ifa_addr;
	mask6 = (const void *)i->ifa_netmask;
	if (IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr) ||
	    IN6_IS_ADDR_LOOPBACK(&six->sin6_addr))
		return false;
	a->ip_len = 16;
	memcpy(a->ip, &six->sin6_addr, 16);
	a->prefix_len = prefix_of((const void *)&mask6->sin6_addr, 16);
	return true;
}

int
ifaces_list(struct iface_addr a[IFACES_MAX], size_t *n)
{
	struct ifaddrs *all, *i;

	if (getifaddrs(&all) == -1)
		return ERR_IO;
	*n = 0;
	for (i = all; i != NULL && *n < IFACES_MAX; i = i->ifa_next)
		if (take(i, &a[*n]))
			(*n)++;
	freeifaddrs(all);
	return 0;
}

bool
iface_on_segment(const struct iface_addr *a, const uint8_t *ip)
{
	unsigned int whole = a->prefix_len / 8u, rest = a->prefix_len % 8u;
	uint8_t mask;

	if (memcmp(a->ip, ip, whole) != 0)
		return false;
	if (rest == 0)
		return true;
	mask = (uint8_t)(0xff << (8 - rest));
	return ((a->ip[whole] ^ ip[whole]) & mask) == 0;
}
