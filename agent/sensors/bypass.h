/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bypass sensor: while this host is cut off, whatever could pass
 * frames by the rules or listen before them is named.  It looks twice a
 * second, whether there is a guard or not, and changes nothing.
 */
#ifndef CORDON_SENSORS_BYPASS_H
#define CORDON_SENSORS_BYPASS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/sensors/sensor.h"

#define BYPASS_EVERY_MS 500
#define BYPASS_ROUND_MAX 32 /* signals a look; the rest is one more */
#define BYPASS_WALK 8 /* each so many looks, all processes: AF_XDP */

extern const struct sensor_kind bypass_sensor;

/* Sockets of PROTOCOL in the text of /proc/net/protocols; 0: none. */
uint64_t bypass_parse_protocols(const char *text, const char *protocol);

#endif
