/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The wiring: links to parent, network and tool, timers, watch and proofs
 * around the one isolation.  Decides nothing.
 */
#ifndef CORDON_ENFORCER_HUB_H
#define CORDON_ENFORCER_HUB_H

#include "agent/enforcer/isolation.h"
#include "agent/links/ipc.pb-c.h"

struct hub;

/*
 * Start everything on a loop of its own and run until IPC_STOP (0) or the
 * parent is gone (ERR_CLOSED).  Takes PARENT_FD and OWNER_FD (-1: none);
 * SETTINGS is lent.
 */
int hub_run(const Cordon__Settings *settings, int parent_fd, int owner_fd,
    struct why *why);

#endif
