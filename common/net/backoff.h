/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Waiting between tries: doubling from MIN to MAX, with full jitter. */
#ifndef CORDON_NET_BACKOFF_H
#define CORDON_NET_BACKOFF_H

#include <stdint.h>

struct backoff {
	uint32_t min_ms, max_ms;
	uint32_t next_ms; /* upper bound of the next wait */
};

void backoff_init(struct backoff *b, uint32_t min_ms, uint32_t max_ms);
/* How long to wait now: min/2..next, and double. */
uint32_t backoff_next(struct backoff *b);
void backoff_reset(struct backoff *b);

#endif
