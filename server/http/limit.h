/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How often an address may try without a certificate: a fixed table of
 * addresses with a count a minute.  Pure; the caller brings the time.
 */
#ifndef CORDON_SERVER_HTTP_LIMIT_H
#define CORDON_SERVER_HTTP_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/net/addr.h"

#define LIMIT_SLOTS 512
#define LIMIT_TRIES 10 /* a window, one IPv4 address or IPv6 /64 */
#define LIMIT_TRIES_ALL 300 /* a window, all addresses together */
#define LIMIT_WINDOW_MS 60000

struct limit {
	struct limit_slot {
		uint8_t ip[8]; /* IPv4, or the first 64 bits of IPv6 */
		uint8_t ip_len;
		uint32_t tries;
		int64_t since; /* boot ms; 0: free */
	} slot[LIMIT_SLOTS];
	struct limit_slot all;
};

/* Count a try of FROM at NOW (boot ms, > 0); false: too many. */
bool limit_try(struct limit *l, const struct addr *from, int64_t now);

#endif
