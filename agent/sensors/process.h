/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The process sensor: what is started, what calls itself something else,
 * takes hold of another process or becomes root.  Told by the kernel's
 * process connector; where that is refused, by the starts of programs that
 * the files sensor's fanotify sees (then without forks and user ids; names
 * and tracing by a look at all processes now and then).  A walk over /proc
 * at the start, after a loss, and now and then finds what no event told.
 *
 * Writes to another process's memory are told by no kernel interface that
 * needs no module: only the ptrace that usually comes before.  fanotify
 * cannot mark /proc/PID/mem.
 */
#ifndef CORDON_SENSORS_PROCESS_H
#define CORDON_SENSORS_PROCESS_H

#include "agent/sensors/sensor.h"

#define PROCESS_SCOPE "processes" /* of its blind intervals */
#define PROCESS_FULL_MAX 200 /* starts a second that are read in full */
#define PROCESS_LATE_MAX 512 /* processes to look at again */
#define PROCESS_FOLD_MS 600000 /* the same is told once in that time */

extern const struct sensor_kind process_sensor;

#endif
