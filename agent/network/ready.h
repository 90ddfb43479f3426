/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Readiness: what is known of it in the network process, from the enforcer,
 * the sensors and its own look at way, certificate and clock.
 */
#ifndef CORDON_NETWORK_READY_H
#define CORDON_NETWORK_READY_H

#include <stdbool.h>

#include "agent/network/network_int.h"

#define READY_FILE "readiness" /* in the network process's folder, for root */
#define READY_LOOK_MS (60 * 60 * 1000)

/*
 * Item ID, one of ours or of a process of ours; TEXT is foreign.  ERR_LIMIT:
 * too many, or no name.  What is as before changes nothing.
 */
int ready_set(struct network *n, const char *id, bool ok,
    Cordon__ReadinessLevel level, const char *text);

/* Once a second: look if an hour is over, write what is new to the file. */
void ready_tick(struct network *n);
/* Look at the next tick: something has changed. */
void ready_soon(struct network *n);

#endif
