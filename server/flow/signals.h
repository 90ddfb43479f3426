/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signals as they come from an agent.  Private to server/flow. */
#ifndef CORDON_SERVER_FLOW_SIGNALS_H
#define CORDON_SERVER_FLOW_SIGNALS_H

#include "server/flow/flow.h"

#define SIGNALS_BATCH_MAX 1000
#define SIGNAL_TEXT_MAX 4096 /* bytes of object or text that are stored */

/*
 * Store a batch: duplicates (by number) are dropped, missing numbers and a
 * chain that does not fit are audited and become a signal of our own, each
 * new signal is decided on by policy, and the acknowledgement follows the
 * commit.
 */
int signals_store(struct db *db, const struct flow *f, const char *host_id,
    const Cordon__SignalBatch *batch);

/*
 * Severe signals that came before their turn: stored now and remembered by
 * number, so that their turn adds nothing.
 */
int signals_store_ahead(struct db *db, const struct flow *f,
    const char *host_id, const Cordon__SignalBatch *batch);

/* Carry out what policy said of one signal; CASE_ID may be filled. */
int decision_carry_out(struct db *db, const struct flow *f,
    const struct host *h, const Cordon__Signal *sig,
    const struct policy_decision *d, char case_id[ID_MAX]);

/* The actor that rules act as. */
extern const struct actor policy_actor;

#endif
