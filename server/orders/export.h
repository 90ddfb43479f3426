/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Orders to be carried to a host by hand (cordon-agent order). */
#ifndef CORDON_SERVER_ORDERS_EXPORT_H
#define CORDON_SERVER_ORDERS_EXPORT_H

#include "common/base/buf.h"
#include "server/orders/orders.h"

struct order_export {
	char order_id[ID_MAX];
	char host[NAME_MAX_LEN];
	uint64_t epoch;
	enum profile profile;
	enum order_state state;
	struct buf bytes; /* packed SignedOrder; the caller's, initialised */
};

/*
 * NAME: an order, or a host, whose desired order is meant.  One line in the
 * log.  The order must be what is desired of its host now, and no drill.
 */
int order_export(struct db *db, const char *name, const struct actor *actor,
    struct order_export *out, struct refused *refused);

#endif
