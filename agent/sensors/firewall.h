/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The firewall sensor: rules of nf_tables that others change (nft,
 * iptables-nft, firewalld, ...), in words and with who did it, open host or
 * not.  Notices only: it cannot ask, and cannot change.  The old xtables
 * of iptables-legacy give no notice.
 */
#ifndef CORDON_SENSORS_FIREWALL_H
#define CORDON_SENSORS_FIREWALL_H

#include "agent/sensors/sensor.h"

#define FIREWALL_QUIET_MS 300 /* changes of one program become one signal */
#define FIREWALL_LONGEST_MS 2000
#define FIREWALL_MANAGED_MS 600000 /* the host's own firewall is told once */

extern const struct sensor_kind firewall_sensor;

#endif
