/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a taken-over network process or guard may send: the first byte picks the kind,
 * the rest goes through the same unpacking and checks as in the enforcer,
 * an order up to its gate.  No input is signed, so none may pass.
 */
#include <stdlib.h>

#include "agent/enforcer/answer.h"
#include "agent/enforcer/guard.h"
#include "agent/enforcer/inbox.h"
#include "agent/enforcer/order_gate.h"
#include "agent/links/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
order(const uint8_t *data, size_t size)
{
	static const uint8_t key[SIGN_KEY_LEN] = {1};
	const struct order_gate gate = {"H-TEST0001", key, false};
	struct gate_result r;
	Cordon__OrderIn *m;
	char id[ID_MAX];
	struct state s;
	uint64_t epoch;
	struct why why;

	m = inbox_order(data, size, &why);
	if (m == NULL)
		return;
	state_init(&s);
	order_gate_check(&gate, &s, m->order.data, m->order.len, 0, &r, &why);
	if (r.says != GATE_REFUSE)
		abort();
	order_gate_label(m->order.data, m->order.len, id, &epoch);
	if (r.body != NULL)
		cordon__order_body__free_unpacked(r.body, NULL);
	cordon__order_in__free_unpacked(m, NULL);
	state_done(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Cordon__ForeignAsk *f;
	Cordon__GuardState *g;
	Cordon__Settings *s;
	Cordon__Confirm *c;
	struct answer a;
	struct why why;

	if (size == 0)
		return 0;
	switch (data[0] % 6) {
	case 0:
		order(data + 1, size - 1);
		break;
	case 1:
		c = inbox_confirm(data + 1, size - 1, &why);
		if (c != NULL)
			cordon__confirm__free_unpacked(c, NULL);
		break;
	case 2:
		f = inbox_foreign_ask(data + 1, size - 1, &why);
		if (f != NULL)
			cordon__foreign_ask__free_unpacked(f, NULL);
		break;
	case 3:
		if (settings_unpack(data + 1, size - 1, &s, &why) == 0)
			cordon__settings__free_unpacked(s, NULL);
		break;
	case 4:
		g = guard_state_unpack(data + 1, size - 1, &why);
		if (g != NULL)
			cordon__guard_state__free_unpacked(g, NULL);
		break;
	default:
		answer_unpack(data + 1, size - 1, &a);
		break;
	}
	return 0;
}
