/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which live flows of a host an order would cut and which it would keep,
 * asked of the host itself and answered within seconds or not at all.
 * Changes nothing anywhere.
 */
#ifndef CORDON_SERVER_ORDERS_PREVIEW_H
#define CORDON_SERVER_ORDERS_PREVIEW_H

#include "server/orders/orders.h"

#define PREVIEW_LATE_MS 10000 /* unanswered for so long: it will not be */
#define PREVIEW_KEPT_MS (7 * 86400000LL)

struct preview {
	char preview_id[ID_MAX];
	char host_id[ID_MAX];
	char plan_id[ID_MAX]; /* "": of no plan */
	enum profile profile;
	int64_t asked_at, done_at;
	int64_t cut, kept;
	bool partial;
	char why[TEXT_MAX_LEN]; /* not empty: the host could not */
};

enum preview_state { PREVIEW_ASKED, PREVIEW_DONE, PREVIEW_FAILED,
	PREVIEW_LATE };
enum preview_state preview_state(const struct preview *p, int64_t now);
const char *preview_state_name(enum preview_state s); /* "asked", ... */

/*
 * Ask host H what PROFILE would cut.  PLAN_ID may be "".  One line in the
 * log.  A host that is away is refused with REFUSAL_AWAY.
 */
int preview_ask(struct db *db, const struct orders_settings *s,
    const struct host *h, enum profile profile, const char *plan_id,
    const struct actor *actor, char preview_id[ID_MAX],
    struct refused *refused);
/* The host's answer; one that nobody waits for is dropped. */
int preview_take(struct db *db, const char *host_id,
    const Cordon__Preview *p);
/* FLOWS (may be NULL) is JSON, the caller's to free. */
int preview_get(struct db *db, const char *preview_id, struct preview *p,
    char **flows);
/* The newest preview of this host for this plan; ERR_NOENT. */
int preview_of_plan(struct db *db, const char *plan_id, const char *host_id,
    struct preview *p, char **flows);

#endif
