/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which device leads to an address, and is it a tunnel: asked of the kernel
 * over rtnetlink(7), so policy rules count.  Needs no right.
 */
#ifndef CORDON_NETWORK_ROUTE_H
#define CORDON_NETWORK_ROUTE_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define ROUTE_KIND_MAX 16

struct route_way {
	char device[IF_NAMESIZE];
	char kind[ROUTE_KIND_MAX]; /* "wireguard", "ppp" ...; "": none named */
	bool tunnel; /* what it carries leaves in packets of another kind */
};

/*
 * The way to IP (4 or 16 bytes).  ERR_NOENT: there is none; ERR_IO: the
 * kernel does not say.
 */
int route_way(const uint8_t *ip, size_t len, struct route_way *out);

/* By ARPHRD_ number and rtnetlink's kind of a device. */
bool route_is_tunnel(uint16_t type, const char *kind);

#endif
