/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The short slice and the nice value.  Runs at the start of threads of the sensors process. */
#include "agent/sensors/prompt.h"

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/log.h"

/* struct sched_attr, version 0 (linux/sched/types.h). */
struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

void
prompt_thread(void)
{
	struct attr a = {.size = sizeof(a)};
	int32_t nice;

	if (syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0) != 0)
		return;
	nice = a.nice;
	a.size = sizeof(a);
	a.runtime = PROMPT_SLICE_NS;
	a.nice = PROMPT_NICE;
	if (syscall(SYS_sched_setattr, 0, &a, 0) == 0)
		return;
	a.nice = nice; /* RLIMIT_NICE does not let it */
	a.runtime = PROMPT_SLICE_LEAST_NS;
	if (syscall(SYS_sched_setattr, 0, &a, 0) != 0)
		log_debug("no short time slices");
}
