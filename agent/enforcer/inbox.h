/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What comes in from the network process and the tool, unpacked and
 * checked.  The network process may have been taken over: no field of
 * it is believed, and an order stays opaque bytes until order_gate.
 */
#ifndef CORDON_ENFORCER_INBOX_H
#define CORDON_ENFORCER_INBOX_H

#include <stddef.h>
#include <stdint.h>

#include "agent/links/ipc.pb-c.h"
#include "common/base/err.h"
#include "common/wire/agent.pb-c.h"
#include "common/wire/order.h"

#define INBOX_ORDER_MAX (ORDER_MAX + 16)
#define INBOX_CONFIRM_MAX 256
#define INBOX_FOREIGN_ASK_MAX 64
#define INBOX_SECRET_MAX 64

/* Each: the message, owned by the caller, or NULL with WHY. */
Cordon__OrderIn *inbox_order(const uint8_t *data, size_t len,
    struct why *why);
Cordon__Confirm *inbox_confirm(const uint8_t *data, size_t len,
    struct why *why);
Cordon__ForeignAsk *inbox_foreign_ask(const uint8_t *data, size_t len,
    struct why *why);

#endif
