/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the spool to the line: batches in order, a few of them under way at
 * a time, again from the collector's own number after each reconnect.
 */
#ifndef CORDON_AGENT_NETWORK_FEED_H
#define CORDON_AGENT_NETWORK_FEED_H

#include <stdint.h>

#include "agent/network/spool.h"
#include "common/base/buf.h"
#include "common/base/err.h"

#define FEED_WINDOW 4	      /* batches not acknowledged */
#define FEED_PATIENCE_MS 60000 /* for an acknowledgement */

/* Sends one batch; ERR_LIMIT: later, please. */
typedef int feed_send_fn(void *arg, const void *payload, size_t len);

struct feed {
	struct spool *spool; /* lent */
	feed_send_fn *send;
	void *arg;
	bool on;
	uint64_t next;		       /* number to send next */
	uint64_t under_way[FEED_WINDOW]; /* last number of each batch */
	size_t n;
	int64_t since; /* boot ms: sent or acknowledged last */
};

void feed_init(struct feed *f, struct spool *s, feed_send_fn *send, void *arg);
/* Connected; the collector has everything up to COMMITTED. */
int feed_start(struct feed *f, uint64_t committed, struct why *why);
void feed_stop(struct feed *f);
/* Send what is durable and fits into the window. */
int feed_pump(struct feed *f, struct why *why);
/* ERR_PROTO: acknowledged was what was never sent. */
int feed_ack(struct feed *f, uint64_t number, struct why *why);
/* Too long without an acknowledgement? */
bool feed_stuck(const struct feed *f);

#endif
