/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Has this host got that?  A sweep's question answered from what the
 * sensors hold (held.h) and from the kernel's tables of sockets and
 * processes.  Opens no watched file, changes nothing.
 */
#ifndef CORDON_SENSORS_SWEEP_H
#define CORDON_SENSORS_SWEEP_H

#include "agent/sensors/sensor.h"
#include "common/base/buf.h"
#include "common/wire/agent.pb-c.h"

#define SWEEP_ROWS_MAX 100 /* told one by one; all are counted */
#define SWEEP_TREES_MAX 16
#define SWEEP_MS 2000 /* for a look at /proc */
#define SWEEP_PACKED_MAX (64 * 1024)

/*
 * Append the packed Sweep to OUT.  ASK is within the bounds of
 * agent/links/ask.h; PROC is "/proc", or a test's.  Of ENV held, roots,
 * ignore and blind (may be NULL) are used.  ERR_NOMEM, or ERR_LIMIT of OUT.
 */
int sweep_make(const struct sensor_env *env, const char *proc,
    const Cordon__SweepAsk *ask, struct buf *out);

#endif
