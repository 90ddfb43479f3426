/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Addresses as people write them: "10.1.2.3:8443", "[2001:db8::1]:8443".
 */
#ifndef CORDON_NET_ADDR_H
#define CORDON_NET_ADDR_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/base/err.h"

#define ADDR_TEXT_MAX 64

struct addr {
	uint8_t ip[16];
	uint8_t ip_len; /* 4 or 16 */
	uint16_t port;
};

/* Numeric only, never a look-up.  PORT 0: must stand in the text. */
int addr_parse(const char *text, uint16_t port, struct addr *a,
    struct why *why);
/* Host name or address; may block; at most MAX, *N set. (enrolment only) */
int addr_resolve(const char *text, uint16_t port, struct addr *a, size_t max,
    size_t *n, struct why *why);
char *addr_format(char out[ADDR_TEXT_MAX], const struct addr *a);
socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *ss);
int addr_from_sockaddr(const struct sockaddr_storage *ss, struct addr *a);

#endif
