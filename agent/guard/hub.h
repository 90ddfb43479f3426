/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The wiring of the guard: links to parent and enforcer around one guard. */
#ifndef CORDON_GUARD_HUB_H
#define CORDON_GUARD_HUB_H

#include "common/base/err.h"

/*
 * Run until IPC_STOP (0) or the parent is gone (ERR_CLOSED); then everything
 * is off the devices.  Takes PARENT_FD.
 */
int hub_run(int parent_fd, struct why *why);

#endif
