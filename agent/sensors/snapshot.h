/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The picture of a running host just before it is cut off: sockets with
 * their processes, processes, users logged in, neighbours, routes, mounts,
 * modules.  UTF-8 text in sections "== name", bounded in time and size.
 */
#ifndef CORDON_SENSORS_SNAPSHOT_H
#define CORDON_SENSORS_SNAPSHOT_H

#include "common/base/buf.h"

#define SNAPSHOT_MAX (512 * 1024)
#define SNAPSHOT_MS 3000

/* Appends to OUT (its max is the bound).  PROC is "/proc", or a test's. */
void snapshot_take(const char *proc, struct buf *out);

#endif
