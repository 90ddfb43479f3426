/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where the collector can be: what enrolment pinned, and what the collector
 * itself said last (Welcome), kept in a file of this process.
 */
#ifndef CORDON_AGENT_NETWORK_COLLECTORS_H
#define CORDON_AGENT_NETWORK_COLLECTORS_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/net/addr.h"
#include "common/wire/order.pb-c.h"

#define COLLECTORS_FILE "collectors"

struct collectors {
	struct addr *addr; /* lent, MAX long */
	size_t n, max;
};

/* Behind what is there, each address once, as long as there is room. */
void collectors_add(struct collectors *c, Cordon__Endpoint *const *list,
    size_t n);
/* The same with what was saved; a file that is missing or damaged: none. */
void collectors_load(struct collectors *c, const char *state_dir);
/* ERR_RANGE if it is no good list (order_check_collectors). */
int collectors_save(const char *state_dir, Cordon__Endpoint **list, size_t n,
    struct why *why);

#endif
