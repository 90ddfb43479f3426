/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Numbers and chain of one host's signals while a batch is worked through:
 * what was here before, what is missing, what does not fit.  Private to
 * server/flow.
 */
#ifndef CORDON_SERVER_FLOW_NUMBERS_H
#define CORDON_SERVER_FLOW_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "common/wire/agent.pb-c.h"
#include "server/model/model.h"
#include "server/store/db.h"

#define NUMBERS_TEXT_MAX 256

struct numbers {
	uint64_t number; /* committed, or followed up to */
	uint8_t hash[DIGEST_LEN]; /* the chain there */
	uint64_t missing;  /* in this batch */
	char ranges[NUMBERS_TEXT_MAX]; /* "5-9,12", what fits */
	uint64_t broken; /* the first number that does not fit; 0: none */
	struct numbers_ahead {
		uint64_t number;
		uint8_t chain[DIGEST_LEN];
	} *ahead; /* rising; stored before their turn */
	size_t nahead;
};

/* Where H stands; what went ahead up to UPTO. */
int numbers_load(struct db *db, const struct host *h, uint64_t upto,
    struct numbers *n);
void numbers_done(struct numbers *n);

/* SIG went ahead and is stored: remember it until its turn. */
int numbers_ahead(struct db *db, const struct host *h,
    const Cordon__Signal *sig);
bool numbers_was_ahead(const struct numbers *n, uint64_t number);

/* Follow to SIG, the next one that came: missing numbers, chain. */
int numbers_step(struct db *db, const struct host *h,
    const Cordon__Signal *sig, struct numbers *n);
/* All up to here is stored. */
int numbers_save(struct db *db, const struct host *h,
    const struct numbers *n);

#endif
