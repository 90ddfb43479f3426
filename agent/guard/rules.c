/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The order, as the programs need it.  Runs in the guard; the enforcer,
 * which verified the order, says it.
 */
#include "agent/guard/rules.h"

#include <stdbool.h>
#include <string.h>

static bool
peer_of(const Cordon__Endpoint *e, bool own, struct program_peer *out)
{
	uint8_t mask[16] = {0};
	uint32_t i;

	if ((e->address.len != 4 && e->address.len != 16) ||
	    e->prefix_len > e->address.len * 8 || e->port == 0 ||
	    e->port > UINT16_MAX || (e->protocol != 6 && e->protocol != 17))
		return false;
	memset(out, 0, sizeof(*out));
	for (i = 0; i < e->prefix_len; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> (i % 8));
	memcpy(out->mask, mask, sizeof(mask));
	memcpy(out->address, e->address.data, e->address.len);
	out->v6 = e->address.len == 16;
	out->protocol = (uint8_t)e->protocol;
	out->port = (uint16_t)((e->port & 0xff) << 8 | e->port >> 8);
	out->theirs = e->direction == CORDON__DIRECTION__DIRECTION_IN;
	out->own = own;
	return true;
}

int
rules_of(const Cordon__GuardSet *m, struct program_rules *out,
    struct why *why)
{
	struct program_rules r = {.uid = m->network_uid,
	    .eapol = m->eapol, .lease = m->lease};
	size_t i;

	if (m->n_collectors > PROGRAM_PEERS_MAX ||
	    m->n_allowed > PROGRAM_PEERS_MAX - m->n_collectors)
		return why_set(why, ERR_PROTO, "guard-set: too many peers");
	if (m->n_hops != 0 && m->n_hops != m->n_collectors)
		return why_set(why, ERR_PROTO, "guard-set: hops");
	for (i = 0; i < m->n_collectors; i++) {
		if (!peer_of(m->collectors[i], true, &r.peer[r.n]))
			return why_set(why, ERR_PROTO, "guard-set: peer");
		if (m->n_hops != 0 && m->hops[i].len == 6) {
			r.peer[r.n].held = 1;
			memcpy(r.peer[r.n].hop, m->hops[i].data, 6);
		}
		r.n++;
	}
	for (i = 0; i < m->n_allowed; i++)
		if (!peer_of(m->allowed[i], false, &r.peer[r.n++]))
			return why_set(why, ERR_PROTO, "guard-set: peer");
	*out = r;
	return 0;
}
