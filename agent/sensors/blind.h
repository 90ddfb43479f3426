/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Blind intervals: a time and a scope in which a sensor could not see.
 * Numbered over restarts, told when they open, closed only by a rescan.
 * Any thread may open and close; a scope belongs to one sensor.
 */
#ifndef CORDON_SENSORS_BLIND_H
#define CORDON_SENSORS_BLIND_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/sensors/outbox.h"
#include "common/base/err.h"

#define BLIND_MAX 64 /* open at once; more widen the last one */
#define BLIND_FILE "alive" /* its time: when we last saw; its text: number */

struct blind; /* opaque */

/* *LAST_SEEN_MS: wall time when the process last saw; 0: never before. */
int blind_new(const char *state_dir, struct outbox *out, struct blind **b,
    int64_t *last_seen_ms, struct why *why);
void blind_free(struct blind **b);
/* We see: stamp the file.  Every few seconds, on any thread. */
void blind_alive(struct blind *b);
/*
 * Open an interval over SCOPE (a path, or the name of what is no file)
 * since SINCE_MS (wall) and tell it.  One that is open for the same scope
 * is kept.  Returns its number.
 */
uint64_t blind_open(struct blind *b, const char *scope, int64_t since_ms,
    const char *reason);
/* The same for a scope that will never be seen but by scans: stays open. */
uint64_t blind_open_lasting(struct blind *b, const char *scope,
    const char *reason);
/* A rescan that began at STARTED_MS (wall) covered SCOPE: close what it can. */
void blind_close(struct blind *b, const char *scope, int64_t started_ms,
    uint64_t differences);
unsigned int blind_count(const struct blind *b);

#endif
