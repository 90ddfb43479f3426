/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who listens on the network, who reads raw frames, and whom this host
 * talks to.  What was seen once stays known: a service that restarts is no
 * news, another program on its port is.
 */
#ifndef CORDON_STATE_LISTENERS_H
#define CORDON_STATE_LISTENERS_H

#include "agent/state/source.h"

#define LISTENERS_FILE "/proc/net/sockstat" /* stands for an event */
#define PEERS_FILE "/proc/net/snmp"	    /* the same */
#define LISTENERS_KNOWN_MAX 2048 /* what is gone is kept so far */
#define PEERS_KNOWN_MAX 1024

extern const struct state_source listeners_source;
extern const struct state_source peers_source;

#endif
