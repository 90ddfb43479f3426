/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The addresses of this host (getifaddrs(3)), loopback and link-local not. */
#ifndef CORDON_AGENT_NETWORK_IFACES_H
#define CORDON_AGENT_NETWORK_IFACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define IFACES_MAX 32

struct iface_addr {
	uint8_t ip[16];
	uint8_t ip_len; /* 4 or 16 */
	uint8_t prefix_len;
};

/* At most IFACES_MAX; *N set. */
int ifaces_list(struct iface_addr a[IFACES_MAX], size_t *n);
/* Are A's first bits those of IP?  (IP has A->ip_len bytes.) */
bool iface_on_segment(const struct iface_addr *a, const uint8_t *ip);

#endif
