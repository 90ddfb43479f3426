/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is so now.  Runs in the enforcer; decides nothing.
 */
#include "agent/enforcer/report.h"

#include "agent/enforcer/notice.h"
#include "agent/enforcer/tell.h"
#include "agent/links/ipc.h"
#include "agent/links/ipc.pb-c.h"
#include "common/proc/link.h"
#include "common/wire/pack.h"

/*
 * An order may name collectors that nobody else has told the network
 * process of, and come to us by the console.
 */
static void
report_pinned(struct link *network, struct isolation *i)
{
	const Cordon__OrderBody *body = isolation_body(i);
	Cordon__Pinned m = CORDON__PINNED__INIT;
	struct buf b;

	if (cage_cuts(isolation_cage(i)) && body != NULL) {
		m.collectors = body->collectors;
		m.n_collectors = body->n_collectors;
	}
	buf_init(&b, LINK_PAYLOAD_MAX);
	if (pack(&m.base, &b) == 0)
		tell_buf(network, IPC_PINNED, &b);
	buf_done(&b);
}

void
report_state(struct link *network, struct isolation *i)
{
	Cordon__State s = CORDON__STATE__INIT;
	uint8_t digest[DIGEST_LEN];
	struct buf b;

	report_pinned(network, i);
	isolation_fill_state(i, &s, digest);
	buf_init(&b, LINK_PAYLOAD_MAX);
	if (pack(&s.base, &b) == 0)
		tell_buf(network, IPC_STATE, &b);
	buf_done(&b);
}

void
report_notice(struct link *parent, struct isolation *i)
{
	enum isolation_state s = isolation_state(i);
	struct buf b;

	if (parent == NULL || s == ISOLATION_STARTING ||
	    s == ISOLATION_BROKEN)
		return;
	buf_init(&b, NOTICE_PAYLOAD_MAX);
	if (notice_pack(i, &b) == 0)
		tell_buf(parent, IPC_NOTICE, &b);
	buf_done(&b);
}

void
report_guard(struct link *network, const struct guard *g)
{
	Cordon__ReadinessItem items[GUARD_ITEMS];
	uint8_t bytes[512];
	size_t i, n;

	n = guard_readiness(g, items);
	for (i = 0; i < n && network != NULL; i++)
		link_send(network, IPC_READINESS, bytes,
		    cordon__readiness_item__pack(&items[i], bytes), -1);
}

void
report_readiness(struct link *network, struct isolation *i,
    const struct guard *g)
{
	const struct readiness *r = cage_readiness(isolation_cage(i));
	Cordon__ReadinessItem m = CORDON__READINESS_ITEM__INIT;
	uint8_t bytes[512];
	size_t k;

	for (k = 0; k < r->n && network != NULL; k++) {
		m.id = (char *)(uintptr_t)r->items[k].id;
		m.ok = r->items[k].ok;
		m.text = (char *)(uintptr_t)(r->items[k].ok ? "" :
		    r->items[k].lost);
		link_send(network, IPC_READINESS, bytes,
		    cordon__readiness_item__pack(&m, bytes), -1);
	}
	report_guard(network, g);
}
