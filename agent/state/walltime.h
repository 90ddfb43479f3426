/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Steps of the wall clock: its distance from the time since boot, which
 * nobody can step (clock_gettime(2); both are slewed alike).
 */
#ifndef CORDON_STATE_WALLTIME_H
#define CORDON_STATE_WALLTIME_H

#include <stdint.h>

#include "agent/state/source.h"

#define WALLTIME_FILE "/proc/uptime" /* stands for an event of a timerfd */
#define WALLTIME_STEP_MS 1000	     /* smaller ones are not told */

extern const struct state_source walltime_source;

/* The distance to remember: WAS_MS unless it moved by a step. */
int64_t walltime_settled(int64_t was_ms, int64_t is_ms);

#endif
