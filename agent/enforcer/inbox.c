/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unpacking and checking.  Runs in the enforcer, pure.
 */
#include "agent/enforcer/inbox.h"

#include "common/base/id.h"
#include "common/wire/unpack.h"

Cordon__OrderIn *
inbox_order(const uint8_t *data, size_t len, struct why *why)
{
	Cordon__OrderIn *m;

	m = unpack(&cordon__order_in__descriptor, data, len);
	if (m == NULL) {
		why_set(why, ERR_PROTO, "order: not that message");
		return NULL;
	}
	if (m->order.len == 0 || m->order.len > ORDER_MAX) {
		why_set(why, ERR_PROTO, "order: %zu bytes", m->order.len);
		cordon__order_in__free_unpacked(m, NULL);
		return NULL;
	}
	return m;
}

Cordon__Confirm *
inbox_confirm(const uint8_t *data, size_t len, struct why *why)
{
	Cordon__Confirm *m;

	m = unpack(&cordon__confirm__descriptor, data, len);
	if (m == NULL) {
		why_set(why, ERR_PROTO, "confirm: not that message");
		return NULL;
	}
	if (!id_valid(m->order_id) || m->secret.len == 0 ||
	    m->secret.len > INBOX_SECRET_MAX) {
		why_set(why, ERR_PROTO, "confirm: order id or secret out of "
		    "bounds");
		cordon__confirm__free_unpacked(m, NULL);
		return NULL;
	}
	return m;
}

Cordon__ForeignAsk *
inbox_foreign_ask(const uint8_t *data, size_t len, struct why *why)
{
	Cordon__ForeignAsk *m;

	m = unpack(&cordon__foreign_ask__descriptor, data, len);
	if (m == NULL) {
		why_set(why, ERR_PROTO, "foreign-ask: not that message");
		return NULL;
	}
	if (!id_valid(m->run_id)) {
		why_set(why, ERR_PROTO, "foreign-ask: run id is none");
		cordon__foreign_ask__free_unpacked(m, NULL);
		return NULL;
	}
	return m;
}
