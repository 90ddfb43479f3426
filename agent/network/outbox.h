/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A bounded queue of messages that wait for their receiver.  One with a key
 * takes the place of an older one of the same kind and key.
 */
#ifndef CORDON_AGENT_NETWORK_OUTBOX_H
#define CORDON_AGENT_NETWORK_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/base/err.h"
#include "common/base/id.h"

struct outbox_item {
	TAILQ_ENTRY(outbox_item) link;
	uint32_t kind;
	char key[ID_MAX]; /* "": none */
	size_t len;
	uint8_t data[];
};

struct outbox {
	TAILQ_HEAD(outbox_list, outbox_item) list;
	size_t n, bytes;
	size_t n_max, bytes_max;
};

void outbox_init(struct outbox *o, size_t n_max, size_t bytes_max);
void outbox_done(struct outbox *o);
/* KEY may be NULL.  ERR_LIMIT: full, nothing was put; ERR_NOMEM. */
int outbox_put(struct outbox *o, uint32_t kind, const char *key,
    const void *data, size_t len);
/* The oldest, lent; NULL if there is none. */
const struct outbox_item *outbox_first(const struct outbox *o);
void outbox_drop_first(struct outbox *o);

#endif
