/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The self sensor: is somebody at work against the agent's own processes
 * and paths?  Looks every two seconds at the parent (stopped), at it and
 * its children (traced, a foreign library loaded) and at what is mounted
 * over our paths; is told by the files sensor of foreign writes to our
 * state.  That a child was stopped the parent tells.  Who stopped a
 * process is told by nobody; who traces it is.
 */
#ifndef CORDON_SENSORS_SELF_H
#define CORDON_SENSORS_SELF_H

#include <stdbool.h>

#include "agent/sensors/sensor.h"
#include "agent/sensors/who.h"

#define SELF_EVERY_MS 2000
#define SELF_PLACES_EVERY 5 /* of those: a look at our paths */
#define SELF_LATE_MS 8000 /* later than due by that: we were stopped */
#define SELF_KIN_MAX 16
#define SELF_PATHS_MAX 64
#define SELF_WRITES_MS 10000 /* one signal a writer in that time */

extern const struct sensor_kind self_sensor;

/* Of the watch thread: who wrote to our state folder last. */
struct self_writes {
	const struct sensor_env *env; /* lent */
	pid_t last;
	int64_t last_ms;
};
/*
 * WHO changed PATH below the state folder of the agent.  Told unless it is
 * one of our programs, by their paths.
 */
void self_on_write(struct self_writes *w, const char *path,
    const struct who *who);
/* Is PROGRAM one of those in OWN_DIR, or the tool? */
bool self_is_own(const char *program, const char *own_dir);
/* The processes in the text of /proc/PID/task/PID/children; how many. */
size_t self_children(const char *text, pid_t out[SELF_KIN_MAX]);

#endif
