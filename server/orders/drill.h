/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Drills: the way of a real order with the drill bit inside the signature,
 * beside the facts of the host and never in them.  A drill is not what is
 * desired of a host, moves no stage, opens no case and counts nowhere as an
 * isolation; a real order ends it.  Private to server/orders.
 */
#ifndef CORDON_SERVER_ORDERS_DRILL_H
#define CORDON_SERVER_ORDERS_DRILL_H

#include "server/orders/facts.h"
#include "server/orders/own.h"

#define DRILL_MINUTES_MAX 30
#define DRILL_MINUTES_STANDARD 10
#define DRILL_DELIVER_MS 300000 /* nobody waits longer for a drill */
#define DRILL_LATE_MS 120000	/* over its time and not reported back */

/* Mode, minutes, host: is this drill possible?  Asked again at apply. */
int drill_check(const struct plan *p, const struct host_list *l,
    struct refused *refused);

/* The order of plan P is the host's drill now; O was inserted. */
int drill_put(struct db *db, const struct plan *p, const struct issue *o);
/* A real order BY is made for H: its drill, if any, is over. */
int drill_supersede(struct db *db, const struct host *h, const char *by);

/* What the agent says of the drill order S; as facts.h of a real one. */
int drill_answer(struct db *db, struct spoken *s,
    const Cordon__OrderAnswer *a);
int drill_proof(struct db *db, struct spoken *s, const Cordon__Proof *p);

struct drill_said {
	uint64_t epoch;
	const char *order_id;
	uint64_t dropped;
	bool confirmed, first;
};
/*
 * The host says what is in force.  *HOLDS: it is the drill, so what it says
 * is nothing about the real order.
 */
int drill_state(struct db *db, struct host *h, const struct drill_said *w,
    bool *holds);

/* By the clock: never delivered, over its time. */
int drill_tick(struct db *db);

#endif
