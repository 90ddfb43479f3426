/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rights sensor: set-uid, set-gid and capability files outside the
 * watched trees on file systems that fanotify cannot mark by handle
 * (overlayfs, btrfs): there nobody tells of a chmod.  A slow walk, bounded
 * in files and in processor time; on other file systems the watch sees it
 * at once, and this sensor sleeps.
 */
#ifndef CORDON_SENSORS_RIGHTS_H
#define CORDON_SENSORS_RIGHTS_H

#include "agent/sensors/sensor.h"

#define RIGHTS_FIRST_MS 20000
#define RIGHTS_EVERY_MS 45000 /* at least, */
#define RIGHTS_SHARE 200 /* and so many times what the walk took of a core */
#define RIGHTS_FILES_MAX 2000000 /* of one walk; then it ends, and is told */
#define RIGHTS_DEPTH_MAX 48
#define RIGHTS_PERCENT 5 /* of a core */

extern const struct sensor_kind rights_sensor;

#endif
