/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How much of a processor background work may take: the thread sleeps when
 * it has used more than its share.
 */
#ifndef CORDON_SENSORS_BUDGET_H
#define CORDON_SENSORS_BUDGET_H

#include <stdint.h>

struct budget {
	uint32_t percent; /* of one core; 0 or >= 100: no limit */
	int64_t cpu_us;	  /* of the thread, at the last look */
	int64_t wall_us;
};

void budget_init(struct budget *b, uint32_t percent);
/* Call often (each file, each 64 KiB).  NULL: no limit. */
void budget_pace(struct budget *b);

#endif
