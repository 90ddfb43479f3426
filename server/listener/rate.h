/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How many connections an address may open before it has shown a good
 * certificate: a bucket of RATE_BURST that fills again by RATE_SECOND.  A
 * fixed table; under a flood of addresses the oldest buckets are forgotten.
 * IPv6 counts by /64.  One thread.
 */
#ifndef CORDON_SERVER_LISTENER_RATE_H
#define CORDON_SERVER_LISTENER_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/net/addr.h"

#define RATE_BURST 64
#define RATE_SECOND 16
#define RATE_SLOTS 4096 /* a power of two */

struct rate {
	uint64_t seed;
	struct rate_slot {
		uint64_t key;
		int64_t at;    /* boot ms of `left` */
		uint32_t left; /* thousandths of a connection */
	} slot[RATE_SLOTS];
};

void rate_init(struct rate *r);
/* May A open one more now (boot ms)? */
bool rate_take(struct rate *r, const struct addr *a, int64_t now);
/* It was somebody we know: give that one back. */
void rate_give_back(struct rate *r, const struct addr *a, int64_t now);

#endif
