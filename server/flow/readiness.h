/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a host says of its own readiness.  Private to server/flow. */
#ifndef CORDON_SERVER_FLOW_READINESS_H
#define CORDON_SERVER_FLOW_READINESS_H

#include "common/wire/agent.pb-c.h"
#include "server/model/model.h"
#include "server/store/db.h"

/*
 * Keep the N items of H with the time; one audit line when what is not ready
 * is other than before.  What is past the bounds is left out, since it says
 * nothing that anyone acts on by itself.
 */
int readiness_store(struct db *db, const struct host *h,
    Cordon__ReadinessItem *const *items, size_t n);

#endif
