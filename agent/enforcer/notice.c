/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The notice for people.  Runs in the enforcer: only here is it known that
 * the text stands in an order that was verified.
 */
#include "agent/enforcer/notice.h"

#include "agent/links/ipc.pb-c.h"
#include "common/wire/pack.h"

int
notice_pack(struct isolation *i, struct buf *out)
{
	const Cordon__OrderBody *body = isolation_body(i);
	Cordon__Notice n = CORDON__NOTICE__INIT;
	Cordon__State s = CORDON__STATE__INIT;
	uint8_t digest[DIGEST_LEN];
	int rc;

	isolation_fill_state(i, &s, digest);
	n.profile = s.profile;
	n.order_id = s.order_id;
	n.since_ms = s.since_ms;
	if (body != NULL) {
		n.drill = body->mode == CORDON__MODE__MODE_DRILL_LIVE;
		n.text_en = body->notice_en;
		n.text_zh = body->notice_zh;
	}
	rc = buf_add_u8(out, (uint8_t)s.profile);
	return rc != 0 ? rc : pack(&n.base, out);
}
