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

/* Opened while there were rights to; taken; -1: refused. */
struct hub_sockets {
	int parent;
	int connector; /* the kernel's process connector */
	int nft;       /* notices of nf_tables */
};

/*
 * Run until the parent says stop (0) or goes away (ERR_CLOSED).  SETTINGS
 * are lent.
 */
int hub_run(const Cordon__Settings *settings,
    const struct hub_sockets *sockets, struct why *why);

#endif
