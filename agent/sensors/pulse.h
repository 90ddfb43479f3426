/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The pulse sensor: hears of changes of the kernel's state as soon as the
 * kernel tells (fanotify marks on /proc/sys files and on the programs that
 * change such things, mountinfo, a timer of the wall clock, rtnetlink) or
 * as a number that costs nothing to read moves, and taps the state sensor.
 * It says nothing itself.
 */
#ifndef CORDON_SENSORS_PULSE_H
#define CORDON_SENSORS_PULSE_H

#include "agent/sensors/sensor.h"

#define PULSE_EVERY_MS 2000
#define PULSE_MARKS_MAX 96
#define PULSE_GUESS_MS 3000 /* so long before: it may have done it */

extern const struct sensor_kind pulse_sensor;

/*
 * The numbers behind "inuse" of all lines of /proc/net/sockstat as one that
 * moves when one of them does.  For tests.
 */
uint64_t pulse_parse_sockstat(const char *text);
/* ActiveOpens of /proc/net/snmp; 0: not there.  For tests. */
uint64_t pulse_parse_opens(const char *text);

#endif
