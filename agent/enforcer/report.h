/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is so now, packed and sent: the state, the notice for people,
 * readiness.  Each link may be NULL; then nobody is told.
 */
#ifndef CORDON_ENFORCER_REPORT_H
#define CORDON_ENFORCER_REPORT_H

#include "agent/enforcer/guard.h"
#include "agent/enforcer/isolation.h"

struct link;

/* IPC_PINNED, then IPC_STATE. */
void report_state(struct link *network, struct isolation *i);
/* IPC_NOTICE, for the people at this machine; not what is undecided. */
void report_notice(struct link *parent, struct isolation *i);
/* IPC_READINESS: of the kernel, then of the guard; or of the guard alone. */
void report_readiness(struct link *network, struct isolation *i,
    const struct guard *g);
void report_guard(struct link *network, const struct guard *g);

#endif
