/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the spool to the line: batches in order, a few of them under way at
 * a time, again from the collector's own number after each reconnect.  When
 * more waits than may be under way, the severe ones behind it go ahead of
 * their turn; they come once more in it, for the chain.
 */
#ifndef CORDON_AGENT_NETWORK_FEED_H
#define CORDON_AGENT_NETWORK_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/network/spool.h"
#include "common/base/buf.h"
#include "common/base/err.h"

#define FEED_WINDOW 4	      /* batches not acknowledged */
#define FEED_PATIENCE_MS 60000 /* for an acknowledgement */

/* Sends one batch, AHEAD of its turn or in it; ERR_LIMIT: later, please. */
typedef int feed_send_fn(void *arg, const void *payload, size_t len,
    bool ahead);

struct feed {
	struct spool *spool; /* lent */
	feed_send_fn *send;
	void *arg;
	bool on;
	uint64_t next;		       /* number to send next */
	uint64_t under_way[FEED_WINDOW]; /* last number of each batch */
	size_t n;
	bool may_overtake;
	uint64_t ahead; /* severe ones up to it went ahead, or had no need */
	bool ahead_under_way;
	int64_t since; /* boot ms: sent or acknowledged last */
};

void feed_init(struct feed *f, struct spool *s, feed_send_fn *send, void *arg);
/*
 * Connected; the collector has everything up to COMMITTED, and takes signals
 * ahead of their turn if OVERTAKE.
 */
int feed_start(struct feed *f, uint64_t committed, bool overtake,
    struct why *why);
void feed_stop(struct feed *f);
/* Send what is durable and fits into the window. */
int feed_pump(struct feed *f, struct why *why);
/*
 * Everything up to NUMBER is committed; and, unless 0, what went ahead up to
 * AHEAD.  ERR_PROTO: acknowledged was what was never sent.
 */
int feed_ack(struct feed *f, uint64_t number, uint64_t ahead,
    struct why *why);
/* Too long without an acknowledgement? */
bool feed_stuck(const struct feed *f);

#endif
