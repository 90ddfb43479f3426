/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Waiting between tries, so that a fleet does not come back all at once.
 * Runs in every process that connects or restarts something.
 */
#include "common/net/backoff.h"

#include "common/base/id.h"

void
backoff_init(struct backoff *b, uint32_t min_ms, uint32_t max_ms)
{
	b->min_ms = min_ms > 0 ? min_ms : 1;
	b->max_ms = max_ms > b->min_ms ? max_ms : b->min_ms;
	b->next_ms = b->min_ms;
}

uint32_t
backoff_next(struct backoff *b)
{
	uint32_t low = b->min_ms / 2, span = b->next_ms - low, rnd;

	random_bytes(&rnd, sizeof(rnd));
	/* The bias of the modulo does not matter for a wait. */
	if (span < UINT32_MAX)
		rnd %= span + 1;
	b->next_ms = b->next_ms > b->max_ms / 2 ? b->max_ms : b->next_ms * 2;
	return low + rnd;
}

void
backoff_reset(struct backoff *b)
{
	b->next_ms = b->min_ms;
}
