/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the spool lost and has not told yet: counts by severity of signals
 * that were never numbered, and the numbers of those that were removed.
 * Counts are exact; ranges beyond LOST_RANGES are merged into the last.
 */
#ifndef CORDON_AGENT_NETWORK_LOST_H
#define CORDON_AGENT_NETWORK_LOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

#define LOST_RANGES 32
#define LOST_SEVERITIES 6 /* NONE .. CRITICAL */

struct lost {
	uint64_t refused[LOST_SEVERITIES];
	uint64_t removed;
	int64_t since_ms, until_ms; /* wall, of the first and last loss */
	struct lost_range {
		uint64_t first, last;
	} ranges[LOST_RANGES];
	size_t nranges;
};

void lost_refuse(struct lost *l, unsigned int severity, int64_t now_ms);
void lost_remove(struct lost *l, uint64_t first, uint64_t last,
    int64_t now_ms);
uint64_t lost_total(const struct lost *l);
uint64_t lost_refused(const struct lost *l);
/* "5-9,12" into OUT; "" if no number was removed. */
char *lost_numbers(const struct lost *l, char *out, size_t size);

int lost_encode(const struct lost *l, struct buf *out);
/* ERR_CORRUPT if a count is out of bounds. */
int lost_decode(struct reader *r, struct lost *l);

#endif
