/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The applied and proven facts of a host, as stored.  Private to
 * server/orders.
 */
#ifndef CORDON_SERVER_ORDERS_FACTS_H
#define CORDON_SERVER_ORDERS_FACTS_H

#include "server/orders/order_row.h"

#define CONFIRM_KEPT_MS 3600000 /* longest time to confirm (order.h) */

/* The host and the order an agent speaks of. */
struct spoken {
	struct host h;
	struct order_row o;
	bool desired; /* it is the order that is desired now */
	bool drill;   /* it is the host's drill */
	char who[NAME_MAX_LEN + 8]; /* "agent:NAME", for audit lines */
};
/*
 * ERR_PROTO for an order of another host or another epoch; ERR_NOENT for
 * one that is not ours (an older store was brought back).
 */
int spoken_load(struct db *db, const char *host_id, const char *order_id,
    uint64_t epoch, struct spoken *s);
void spoken_done(struct spoken *s);

/* The host's applied columns. */
int facts_applied(struct db *db, struct host *h, enum profile profile,
    const char *order_id);
/* The order is in force on the host: fact, audit line, confirmation. */
int facts_in_force(struct db *db, struct spoken *s, const char *how);

/* NULL: the proof's evidence is good.  Else why not, in BUF or static. */
const char *proof_judge(const struct spoken *s, const Cordon__Proof *p,
    char buf[TEXT_MAX_LEN]);
/* Into the record; WHY as judged. */
int proof_keep(struct db *db, const struct spoken *s, const Cordon__Proof *p,
    const char *why);

/* An agent's text for a record: quoted, cut.  Returns OUT. */
char *facts_text(char out[TEXT_MAX_LEN], const char *text);
/* Bytes as hex, cut to SIZE.  Returns OUT. */
char *facts_hex(char *out, size_t size, const uint8_t *data, size_t len);

#endif
