/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The main thread of the sensors process: its loop, its links, the
 * heartbeat.  Everything that takes time is on other threads.
 */
#ifndef CORDON_SENSORS_HUB_H
#define CORDON_SENSORS_HUB_H

#include "agent/links/ipc.pb-c.h"
#include "common/base/err.h"

#define HUB_WATCH_SECONDS 10 /* between two IPC_WATCH */
#define HUB_READY_BEATS 6    /* of those between two looks at readiness */

/*
 * Run until the parent says stop (0) or goes away (ERR_CLOSED).  SETTINGS
 * are lent, PARENT_FD is taken; CONNECTOR_FD (-1: refused) is taken too.
 */
int hub_run(const Cordon__Settings *settings, int parent_fd,
    int connector_fd, struct why *why);

#endif
