/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The proof that an order is in force: read-back and probes, with every
 * layer that stands and everything that this kernel could not give.
 */
#ifndef CORDON_ENFORCER_PROOF_H
#define CORDON_ENFORCER_PROOF_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/enforcer/guard.h"
#include "agent/enforcer/isolation.h"
#include "agent/enforcer/probe.h"
#include "common/base/buf.h"

/* What the read-back said (isolation_check). */
struct proof_check {
	int rc;
	struct why why;
	const struct guard *guard; /* lent; NULL: there can be none */
};

/*
 * Packed Proof into OUT.  OUTCOMES are those of the order's probes; N may be
 * 0 (host open, or an order without probes).
 */
int proof_pack(struct isolation *i, const struct proof_check *check,
    const struct probe_outcome *outcomes, size_t n, struct buf *out);

#endif
