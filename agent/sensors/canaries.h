/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The canaries in data trees: files that nobody has a reason to touch.
 * `cordon-agent canary` makes them (as root, for a moment; this process may
 * not write there); their list is root's alone, and this process only
 * compares.  Reading one is no matter; writing, renaming or deleting it is.
 */
#ifndef CORDON_SENSORS_CANARIES_H
#define CORDON_SENSORS_CANARIES_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/sensors/feed.h"
#include "agent/sensors/sensor.h"

#define CANARIES_MAX 1024
#define CANARY_SIZE_MAX (1024 * 1024)
#define CANARY_CHECK_MS 60000 /* all of them, whatever events said */
#define CANARY_GONE_MS 500 /* a restore takes a file away and puts it back */
#define CANARIES_SAME_MS 60000 /* canaries_cause */
#define CANARIES_TOLD_MAX 8 /* between two checks; the rest with the next */

struct canaries; /* opaque; one thread */

/* The list may not be there yet; it is read again when it changes. */
struct canaries *canaries_new(struct sensor_env *env);
void canaries_free(struct canaries **c);
/* Was it one of ours, and is it still as it was? */
void canaries_event(struct canaries *c, const struct feed_event *ev);
/*
 * The cause that was told of another canary a short while ago, by a process
 * of the same parent: one cause, many processes.  NULL: none was.
 */
const char *canaries_cause(const struct canaries *c, const struct who *who);
/* Every second or so. */
void canaries_tick(struct canaries *c, int64_t now_ms);

#endif
