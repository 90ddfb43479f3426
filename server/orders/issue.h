/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One signed order for one host: made in memory first, so that a signer
 * that refuses leaves nothing behind, then stored.  Private to
 * server/orders.
 */
#ifndef CORDON_SERVER_ORDERS_ISSUE_H
#define CORDON_SERVER_ORDERS_ISSUE_H

#include "common/base/buf.h"
#include "server/orders/orders.h"

#define ISSUE_SECRET_LEN 32

struct order_row;

struct issue {
	char order_id[ID_MAX];
	const struct host *host; /* lent */
	uint64_t epoch;
	int64_t deliver_before;
	int64_t review_by; /* 0: none */
	bool confirm;	   /* the order carries the hash of `secret` */
	uint8_t secret[ISSUE_SECRET_LEN];
	struct buf bytes; /* packed SignedOrder */
};

/*
 * Build and sign what plan P says for host H, one epoch on.  Nothing is
 * stored.  Errors are the signer's or ERR_RANGE for a body out of bounds;
 * then *O is empty.
 */
int issue_make(const struct orders_settings *s, const struct plan *p,
    const struct host *h, int64_t now, struct issue *o, struct why *why);
/* Wipes the secret. */
void issue_done(struct issue *o);

/* The same order once more. */
struct issue_again {
	const struct host *host;    /* lent, as the order */
	const struct order_row *of;
	int64_t review_by; /* when; not ahead of us: as its plan says */
	/* Set by issue_again. */
	struct plan plan;
	struct issue order; /* the caller's to put and to end, if made */
	bool made;
};

/*
 * Build and sign anew what the plan of order A->of said, for review at
 * A->review_by.  Nothing is stored.  0 also when it was not signed: then
 * A->made is false and WHY says why.  Errors are those of the database.
 */
int issue_again(struct db *db, const struct orders_settings *s,
    struct issue_again *a, struct why *why);
/*
 * Store it as what is desired of the host, end older orders, hand it to the
 * connection.  TRIES: how many times this was tried before; a retry keeps
 * the time since which the profile is desired.
 */
int issue_put(struct db *db, const struct plan *p, const struct issue *o,
    int64_t tries);

#endif
