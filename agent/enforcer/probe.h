/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Negative probes: from this process, which is not the one that may talk,
 * try to reach what must not be reachable.  All at once on the loop, and
 * over after PROBE_MS whatever happens.
 */
#ifndef CORDON_ENFORCER_PROBE_H
#define CORDON_ENFORCER_PROBE_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/wire/agent.pb-c.h"
#include "common/wire/order.h"

#define PROBE_MS 1200
#define PROBE_TEXT_MAX 80

struct event_base;
struct probe_run;

struct probe_outcome {
	Cordon__ProbeOutcome outcome;
	char text[PROBE_TEXT_MAX];
};

/* OUT[i] belongs to target i; lent for the call.  Frees the run after it. */
typedef void probe_fn(void *arg, const struct probe_outcome *out, size_t n);

/* TARGETS is lent until the end; at most ORDER_PROBES_MAX are tried. */
int probe_start(struct event_base *base, Cordon__Endpoint *const *targets,
    size_t n, probe_fn *done, void *arg, struct probe_run **run);
/* Without calling back. */
void probe_stop(struct probe_run **run);

#endif
