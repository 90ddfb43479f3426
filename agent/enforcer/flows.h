/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ending what was open when the rules came: sockets to peers that are not
 * allowed (sock_diag(7), SOCK_DESTROY) and connection tracking entries.
 * The rules already stop every packet; this tells the programs at once.
 */
#ifndef CORDON_ENFORCER_FLOWS_H
#define CORDON_ENFORCER_FLOWS_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/enforcer/devices.h"
#include "agent/enforcer/ruleset.h"

#define FLOWS_MAX 65536 /* ended in one go */

struct flows_cut {
	size_t sockets, tracked; /* ended */
	size_t left;		 /* could not be ended */
	bool unsupported;	 /* this kernel has no SOCK_DESTROY */
};

/* Loopback and the host's own addresses are left alone. */
int flows_cut(const struct ruleset_input *in, const struct addresses *own,
    struct flows_cut *out, struct why *why);

#endif
