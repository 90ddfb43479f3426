/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The files sensor: watched trees against their baseline, by events with
 * who did it, and by rescans where events were not to be had.
 */
#ifndef CORDON_SENSORS_FILES_H
#define CORDON_SENSORS_FILES_H

#include "agent/sensors/sensor.h"

extern const struct sensor_kind files_sensor;

#endif
