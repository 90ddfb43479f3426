/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * May this order be carried out now?  The only way to the rules: signature,
 * host, epoch, time (order_verify), then the host's own ceiling.  Decides
 * only; isolation.c acts and persists.
 */
#ifndef CORDON_ENFORCER_ORDER_GATE_H
#define CORDON_ENFORCER_ORDER_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/enforcer/state.h"
#include "common/base/id.h"
#include "common/wire/order.h"

struct order_gate {
	const char *host_id;  /* lent */
	const uint8_t *key;   /* SIGN_KEY_LEN bytes, lent */
	bool never_isolate;   /* local configuration says so */
};

enum gate_says {
	GATE_TAKE,   /* carry it out */
	GATE_REPEAT, /* the same bytes were answered: give that again */
	GATE_FORCED, /* it is in force already, its answer was lost */
	GATE_REFUSE,
};

struct gate_result {
	enum gate_says says;
	enum verdict verdict;
	Cordon__OrderBody *body; /* owned by the caller; NULL if refused
				    before it could be trusted */
	uint8_t digest[DIGEST_LEN]; /* of the whole signed order */
};

/* NOW_MS: wall clock, or 0 for an offline order (only the epoch counts). */
void order_gate_check(const struct order_gate *g, const struct state *s,
    const void *order, size_t len, int64_t now_ms, struct gate_result *out,
    struct why *why);

/*
 * What the order calls itself, so that a refusal can be told from others:
 * a label, believed by nobody.  Both stay as they are if there is none.
 */
void order_gate_label(const void *order, size_t len, char id[ID_MAX],
    uint64_t *epoch);

/*
 * An order of the state file: signature and host again, epoch not above the
 * accepted one.  NULL and WHY if it is not good (any more).
 */
Cordon__OrderBody *order_gate_stored(const struct order_gate *g,
    const struct state *s, const struct desired *d, struct why *why);

#endif
