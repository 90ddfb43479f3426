/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the agent's processes use, from /proc (proc(5)). */
#ifndef CORDON_AGENT_NETWORK_USAGE_H
#define CORDON_AGENT_NETWORK_USAGE_H

#include <stdbool.h>
#include <stdint.h>

struct usage {
	uint64_t cpu_ms;
	uint64_t rss_kib;
};

/* Of this process. */
void usage_own(struct usage *u);
/*
 * Of our parent and all its children, so of all processes of the agent.
 * False where /proc hides them (hidepid, ProtectProc=): the caller then
 * has its own figures and what the sensors told, and no more.
 */
bool usage_all(struct usage *u);

#endif
