/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The answer to an order as plain data, and as the OrderAnswer message that
 * goes out and is kept with the state.
 */
#ifndef CORDON_ENFORCER_ANSWER_H
#define CORDON_ENFORCER_ANSWER_H

#include <stdint.h>

#include "agent/enforcer/foreign.h"
#include "common/base/buf.h"
#include "common/base/digest.h"
#include "common/base/err.h"
#include "common/base/id.h"
#include "common/wire/agent.pb-c.h"
#include "common/wire/order.h"

struct answer {
	char order_id[ID_MAX];
	uint64_t epoch;
	Cordon__AnswerResult result;
	enum verdict verdict;
	struct why why;
	int64_t at_ms;
	uint64_t took_us;
	bool offline; /* from root at the console */
	uint8_t digest[DIGEST_LEN]; /* zeros: none */
	char foreign[FOREIGN_TEXT_MAX];
};

/* From the order; result and the rest are the caller's. */
void answer_init(struct answer *a, const Cordon__OrderBody *body);
int answer_pack(const struct answer *a, struct buf *out);
/* The one info line that an order leaves in the log. */
void answer_log(const char *host_id, const struct answer *a);
/* ERR_CORRUPT. */
int answer_unpack(const void *data, size_t len, struct answer *a);

#endif
