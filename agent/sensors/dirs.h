/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From a folder's file handle, as fanotify gives it, to its path and to
 * whether it matters: the cheap way to drop events of a whole file system
 * that lie outside the watched trees.  name_to_handle_at(2).
 */
#ifndef CORDON_SENSORS_DIRS_H
#define CORDON_SENSORS_DIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/sensors/fanotify_event.h"
#include "common/base/err.h"

#define DIRS_MAX 2048	/* folders remembered; then all are forgotten */
#define DIRS_MOUNTS_MAX 128
#define DIRS_FIXED_MAX 65536 /* folders marked one by one */

struct dirs; /* opaque; one thread */

struct dirs *dirs_new(void);
void dirs_free(struct dirs **d);
/*
 * A file system to look in, by any folder of it.  The same PATH again is
 * looked at anew; nothing is kept open, so that it can be unmounted.
 */
int dirs_add_mount(struct dirs *d, const char *path, struct why *why);
/*
 * The path of PLACE's folder, lent until the next call; NULL when the
 * folder is gone or cannot be named.
 */
const char *dirs_path(struct dirs *d, const struct fan_place *place);
/*
 * FD is the folder at PATH, marked by itself because handles of its file
 * system cannot be opened (overlayfs): kept until it is fixed again or all
 * is freed.  ERR_UNSUPP: it has no handle; ERR_LIMIT, ERR_NOMEM.
 */
int dirs_fix(struct dirs *d, int fd, const char *path);
/* A folder was moved somewhere: remembered paths may be wrong. */
void dirs_forget(struct dirs *d);

#endif
