/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pacing of background scans in the sensors process, by the processor time
 * of the calling thread (CLOCK_THREAD_CPUTIME_ID).
 */
#include "agent/sensors/budget.h"

#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"

#define SLICE_US 2000
#define SLEEP_MAX_US 200000

static int64_t
thread_cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

void
budget_init(struct budget *b, uint32_t percent)
{
	b->percent = percent;
	b->cpu_us = thread_cpu_us();
	b->wall_us = clock_boot_us();
}

void
budget_pace(struct budget *b)
{
	int64_t used, passed, owed;

	if (b == NULL || b->percent == 0 || b->percent >= 100)
		return;
	used = thread_cpu_us() - b->cpu_us;
	if (used < SLICE_US)
		return;
	passed = clock_boot_us() - b->wall_us;
	owed = used * 100 / b->percent - passed;
	if (owed > 0)
		usleep((useconds_t)(owed < SLEEP_MAX_US ? owed :
							  SLEEP_MAX_US));
	b->cpu_us = thread_cpu_us();
	b->wall_us = clock_boot_us();
}
