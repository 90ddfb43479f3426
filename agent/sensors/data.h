/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The data sensor: trees of documents that the settings declare.  Of each
 * file that is written, moved or deleted there it looks at a few blocks at
 * once and lets burst.h count; it knows the canaries and says when one was
 * touched.  Reads only.  A file system that hangs (a dead server) holds up
 * this sensor and no other.
 */
#ifndef CORDON_SENSORS_DATA_H
#define CORDON_SENSORS_DATA_H

#include "agent/sensors/sensor.h"

extern const struct sensor_kind data_sensor;

#endif
