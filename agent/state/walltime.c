/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Steps of the wall clock.  A step moves every time stamp in the logs.
 */
#include "agent/state/walltime.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/peek.h"
#include "common/base/clock.h"

#define SEVERITY(x) CORDON__SEVERITY__SEVERITY_##x
#define EVERY_S 15
#define LARGE_MS 60000 /* more than a clock that was off by itself */

int64_t
walltime_settled(int64_t was_ms, int64_t is_ms)
{
	int64_t moved = is_ms - was_ms;

	return moved > -WALLTIME_STEP_MS && moved < WALLTIME_STEP_MS ?
	    was_ms : is_ms;
}

static int
walltime_read(const struct state_env *env, struct facts *out,
    struct why *why)
{
	int64_t now = clock_wall_ms() - clock_boot_ms();
	char boot[64];
	const char *was;
	int r;

	/* Another boot is another distance. */
	if (peek(env, "/proc/sys/kernel/random/boot_id", boot,
	    sizeof(boot)) < 0)
		boot[0] = '\0';
	was = env->was == NULL ? NULL : facts_get(env->was, boot);
	if (was != NULL)
		now = walltime_settled(strtoll(was, NULL, 10), now);
	r = facts_addf(out, boot, "%" PRId64, now);
	return r == 0 ? 0 : why_set(why, r, "wall time");
}

static bool
walltime_tell(const struct fact_change *c, struct state_told *out)
{
	char span[64], when[CLOCK_TEXT_MAX];
	int64_t ms;

	if (c->how != FACT_CHANGED)
		return false;
	ms = strtoll(c->is, NULL, 10) - strtoll(c->was, NULL, 10);
	clock_format_span(span, sizeof(span), llabs(ms) / 1000);
	return peek_tell(out, "time.stepped", llabs(ms) >= LARGE_MS ?
	    SEVERITY(NONE) : SEVERITY(LOW), "system clock", "the system "
	    "clock was set %s by %s (%" PRId64 " ms); it is now %s",
	    ms < 0 ? "back" : "forward", span, ms,
	    clock_format(when, clock_wall_ms(), true));
}

static const char *const walltime_paths[] = {WALLTIME_FILE, NULL};

const struct state_source walltime_source = {
	.name = "walltime",
	.paths = walltime_paths,
	.every_s = EVERY_S,
	.read = walltime_read,
	.tell = walltime_tell,
};
