/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The state sensor: reads the sources of agent/state when a path of theirs
 * changed and now and then, tells what changed and means something, and
 * keeps what is so, so that changes while the agent was away are told.
 */
#ifndef CORDON_SENSORS_STATE_H
#define CORDON_SENSORS_STATE_H

#include "agent/sensors/sensor.h"

#define STATE_DELAY_MS 200 /* from the first event to the look */
#define STATE_FOUND_MAX 512 /* of one look, explained or not */
#define STATE_SIGNALS_MAX 64 /* of one look; the rest is one more */
#define STATE_KEEP_MS (10 * 60 * 1000) /* what meant nothing is kept so late */
#define STATE_FILE "facts-"	       /* and the name of the source */

extern const struct sensor_kind state_sensor;

/* The paths that its sources want to hear of. */
int state_listen(struct tap *tap, const Cordon__Settings *settings);

#endif
